import os

from parsl import python_app
from parsl.config import Config
from parsl.dataflow.dflow import DataFlowKernel
from parsl.executors import ThreadPoolExecutor

dfk = DataFlowKernel(Config(executors=[ThreadPoolExecutor()]))


# @App("python", dfk, cache=True) of old
@python_app(data_flow_kernel=dfk, cache=True)
def my_app(x):
    return x + 1


print(my_app(1).result())
path = dfk.checkpoint()
assert os.path.isdir(path) and os.listdir(path), path
dfk.cleanup()
