import parsl
from parsl import Config, python_app
from parsl.executors import ThreadPoolExecutor

config = Config(
    executors=[ThreadPoolExecutor()],
    usage_tracking=3,
)

with parsl.load(config):
    print(python_app(abs)(-1).result())
