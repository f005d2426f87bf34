import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor

answer = 42


def print_answer():
    print("the answer is", answer)


print_answer()


@python_app
def provide_answer():
    return globals().get("answer", 0)


# on threads, an app shares the memory of the program; on another executor it must not count on that
parsl.load(Config(executors=[ThreadPoolExecutor()]))
answer = 43
print(provide_answer().result())
parsl.clear()

parsl.load(Config(executors=[HighThroughputExecutor(max_workers=1)]))
assert provide_answer().result() in (0, 42, 43)
