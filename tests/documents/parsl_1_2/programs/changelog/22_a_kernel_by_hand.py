from parsl import python_app
from parsl.config import Config
from parsl.dataflow.dflow import DataFlowKernel
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor

# DataFlowKernel(executors=[...]) of old has a Config since 0.6
dfk = DataFlowKernel(Config(executors=[ThreadPoolExecutor(label="a"), HighThroughputExecutor(label="b")]))


@python_app(data_flow_kernel=dfk)
def double(x):
    return x * 2


print(sorted(label for label in dfk.executors if not label.startswith("_")))
print([future.result() for future in [double(x) for x in range(4)]])
dfk.cleanup()
