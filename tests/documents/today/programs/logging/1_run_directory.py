import glob
import os

import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor

if __name__ == "__main__":
    executor = HighThroughputExecutor(label="htex_local", max_workers_per_node=2, cores_per_worker=0.1)
    with parsl.load(Config(executors=[executor])) as dfk:
        python_app(abs)(-1).result()
        run_dir = dfk.run_dir

    assert os.path.samefile(run_dir, os.path.join("runinfo", "000"))
    for pattern in (
        "parsl.log",
        "submit_scripts/*block-0*.sh",
        "submit_scripts/*block-0*.ec",
        "submit_scripts/*block-0*.err",
        "submit_scripts/*block-0*.out",
        "htex_local/interchange.log",
        "htex_local/block-0/*/manager.log",
        "htex_local/block-0/*/worker_*.log",
    ):
        assert glob.glob(os.path.join(run_dir, pattern)), pattern
