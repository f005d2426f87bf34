import os

import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor

# 24 of 208 hardware threads for each of six workers; a range and a list, workers apart by colons
wide = HighThroughputExecutor(
    label="wide",
    max_workers_per_node=3,
    cpu_affinity="list:0-7,104-111:8-15,112-119:16-23,120,121",
)
assert wide.cpu_affinity.startswith("list:")


@python_app
def cores():
    import os

    return sorted(os.sched_getaffinity(0))


if __name__ == "__main__":
    mine = min(os.sched_getaffinity(0))
    narrow = HighThroughputExecutor(label="narrow", max_workers_per_node=1, cpu_affinity="list:%d" % mine)
    with parsl.load(Config(executors=[narrow], strategy="none")):
        assert cores().result() == [mine]
