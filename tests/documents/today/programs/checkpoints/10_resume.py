import parsl
from parsl import Config, python_app
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import ThreadPoolExecutor
from parsl.utils import get_all_checkpoints


@python_app(cache=True)
def slow_cube(x):
    import time

    with open("computed.txt", "a") as f:
        print(x, file=f)
    time.sleep(0.1)
    return x**3


def run(memoizer):
    with parsl.load(Config(executors=[ThreadPoolExecutor()], memoizer=memoizer)):
        d = []
        for i in range(5):
            d.append(slow_cube(i))
        print([d[i].result() for i in range(5)])


run(BasicMemoizer(checkpoint_mode="task_exit"))

# the next run takes what was computed before
run(BasicMemoizer(checkpoint_files=get_all_checkpoints()))

with open("computed.txt") as f:
    print(len(f.readlines()))
