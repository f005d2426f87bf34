from parsl import python_app
from parsl.config import Config
from parsl.dataflow.dflow import DataFlowKernel
from parsl.executors import ThreadPoolExecutor

dfk = DataFlowKernel(
    Config(
        executors=[
            ThreadPoolExecutor(label="site1", thread_name_prefix="site1"),
            ThreadPoolExecutor(label="site2", thread_name_prefix="site2"),
        ]
    )
)


# @App("python", dfk, sites=["site1"]) of old
@python_app(data_flow_kernel=dfk, executors=["site1"])
def my_app():
    import threading

    return threading.current_thread().name


assert all(my_app().result().startswith("site1") for _ in range(5))
dfk.cleanup()
