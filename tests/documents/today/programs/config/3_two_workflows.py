import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor


def make_config() -> Config:
    return Config(executors=[ThreadPoolExecutor(label="here", max_threads=1)])


@python_app
def greet(who):
    return "hello, " + who


with parsl.load(make_config()):
    print(greet("first workflow").result())

# nothing of Parsl here

with parsl.load(make_config()):
    print(greet("second workflow").result())
