import os

import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

os.environ["PARSL_TRACKING"] = "true"
parsl.load(Config(executors=[ThreadPoolExecutor()], usage_tracking=True))


@python_app
def one():
    return 1


assert one().result() == 1
