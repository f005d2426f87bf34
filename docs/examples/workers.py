import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app

executor = HighThroughputExecutor(
    label="two",
    cores_per_worker=0.1,  # ten workers could share a processor,
    max_workers_per_node=2,  # but there are two
    available_accelerators=["gpu-a", "gpu-b"],
)


@python_app
def place():
    import os
    import time

    time.sleep(0.5)  # so that one worker cannot take all the calls
    return os.environ["PARSL_WORKER_RANK"], os.environ["CUDA_VISIBLE_DEVICES"], os.environ["PARSL_WORKER_COUNT"]


with parsl_like.load(Config(executors=[executor])) as dfk:
    calls = [place() for _ in range(8)]
    for rank, accelerator, count in sorted({call.result() for call in calls}):
        print(f"worker {rank} of {count} uses {accelerator}")
    manager = dfk.executors["two"].connected_managers()[0]
    print("block", manager["block_id"], "has", manager["worker_count"], "workers")
