import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

parsl.load(
    Config(
        executors=[
            ThreadPoolExecutor(label="SuperComputer1", thread_name_prefix="super"),
            ThreadPoolExecutor(label="GPUMachine", thread_name_prefix="gpu"),
        ]
    )
)


@python_app(executors=["SuperComputer1"])
def big_simulation():
    import threading

    return threading.current_thread().name


@python_app(executors=["GPUMachine"])
def visualize():
    import threading

    return threading.current_thread().name


assert big_simulation().result().startswith("super")
assert visualize().result().startswith("gpu")
