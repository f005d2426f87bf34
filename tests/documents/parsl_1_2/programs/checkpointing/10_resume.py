import parsl
from parsl import python_app
from parsl.tests.configs.local_threads import config
from parsl.utils import get_all_checkpoints


@python_app(cache=True)
def slow_double(x):
    with open("ran", "a") as ran:
        ran.write("%d\n" % x)
    return x * 2


def run():
    dfk = parsl.load(config)
    d = []
    for i in range(5):
        d.append(slow_double(i))
    print([d[i].result() for i in range(5)])
    dfk.checkpoint()
    dfk.cleanup()
    parsl.clear()


# the program that was interrupted,
config.checkpoint_mode = "manual"
run()

# and again, from its checkpoint
config.checkpoint_files = get_all_checkpoints()
run()

with open("ran") as ran:
    print(len(ran.readlines()), "calls")
