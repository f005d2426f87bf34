import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

local_config = Config(
    executors=[
        HighThroughputExecutor(
            label="htex_Local",
            worker_debug=True,
            available_accelerators=2,
            cores_per_worker=0.1,
            provider=LocalProvider(
                init_blocks=1,
                max_blocks=1,
            ),
        )
    ],
    strategy="none",
)


@python_app
def device():
    import os
    import time

    time.sleep(0.2)
    return os.environ["CUDA_VISIBLE_DEVICES"], os.environ["ROCR_VISIBLE_DEVICES"], os.environ["ZE_AFFINITY_MASK"]


if __name__ == "__main__":
    with parsl.load(local_config):
        used = set()
        while len(used) < 2:  # one worker may be ready before the other
            used |= {future.result() for future in [device() for _ in range(4)]}
    print(sorted(used))
