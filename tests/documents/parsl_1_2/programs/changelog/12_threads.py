import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors.threads import ThreadPoolExecutor

config = Config(executors=[ThreadPoolExecutor()])
parsl.load(config)


@python_app
def double(x):
    return x * 2


print(double(4).result())
