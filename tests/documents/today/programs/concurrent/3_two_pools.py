import parsl
from parsl import Config
from parsl.concurrent import ParslPoolExecutor
from parsl.executors import ThreadPoolExecutor

hybrid_config = Config(
    executors=[
        ThreadPoolExecutor(label="gpu", thread_name_prefix="gpu"),
        ThreadPoolExecutor(label="cpu", thread_name_prefix="cpu"),
    ]
)


def place(_):
    import threading

    return threading.current_thread().name[:3]


with (
    parsl.load(hybrid_config) as dfk,
    ParslPoolExecutor(dfk=dfk, executors=["gpu"]) as pool_gpu,
    ParslPoolExecutor(dfk=dfk, executors=["cpu"]) as pool_cpu,
):
    print(set(pool_gpu.map(place, range(4))), set(pool_cpu.map(place, range(4))))
