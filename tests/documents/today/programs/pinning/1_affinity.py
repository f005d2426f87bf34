import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

local_config = Config(
    executors=[
        HighThroughputExecutor(
            label="htex_Local",
            worker_debug=True,
            cpu_affinity="alternating",
            provider=LocalProvider(
                init_blocks=1,
                max_blocks=1,
            ),
        )
    ],
    strategy="none",
)


@python_app
def pinned():
    import os

    mine = sorted(os.sched_getaffinity(0))
    return mine, os.environ["OMP_NUM_THREADS"], os.environ["GOMP_CPU_AFFINITY"]


if __name__ == "__main__":
    with parsl.load(local_config):
        cores, threads, gomp = pinned().result()
    assert len(cores) == int(threads) >= 1, (cores, threads)
    assert sorted(int(core) for core in gomp.replace(",", " ").split()) == cores, (gomp, cores)
