import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor

config = Config(executors=[HighThroughputExecutor(encrypted=True)])


@python_app
def secret():
    return "under the doormat"


if __name__ == "__main__":
    with parsl.load(config):
        print(secret().result())
