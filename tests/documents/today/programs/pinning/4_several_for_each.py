import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor

local_config = Config(
    executors=[
        HighThroughputExecutor(
            # two workers on a node, each with two accelerators
            available_accelerators=["0,1", "2,3"],
            cores_per_worker=0.1,
        )
    ],
)


@python_app
def device():
    import os
    import time

    time.sleep(0.2)
    return os.environ["CUDA_VISIBLE_DEVICES"]


if __name__ == "__main__":
    with parsl.load(local_config):
        used = set()
        while len(used) < 2:
            used |= {future.result() for future in [device() for _ in range(4)]}
    print(sorted(used))
