import parsl
from parsl import Config, python_app
from parsl.executors import ThreadPoolExecutor

parsl.load(
    Config(
        executors=[
            ThreadPoolExecutor(label="cpu", thread_name_prefix="cpu"),
            ThreadPoolExecutor(label="gpu", thread_name_prefix="gpu"),
        ]
    )
)


@python_app(cache=True, executors=["gpu"])
def expensive():
    import threading

    return threading.current_thread().name


assert all(expensive().result().startswith("gpu") for _ in range(6))
