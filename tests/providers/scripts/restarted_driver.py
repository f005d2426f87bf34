"""A program with two blocks of a batch system that wait for it when it dies: for each line, says who runs a task."""

from __future__ import annotations

import sys
from pathlib import Path

import parsl_like
from parsl_like import python_app
from tests.providers.test_whole_workflows import config

# Each block takes a whole node, so that the second one waits for the only node there is.
WHOLE = {
    "slurm": {"exclusive": True},
    "pbspro": {"cpus_per_node": 2},
    "torque": {"cores_per_node": 2},
    "grid_engine": {"scheduler_options": "#$ -pe smp 2"},
    "lsf": {"nodes_per_block": 1},
    "cobalt": {"nodes_per_block": 1},
    "condor": {"cores_per_slot": 2},
}


@python_app
def manager() -> int:
    import os

    return os.getppid()


if __name__ == "__main__":
    flavour, run_dir = sys.argv[1:]
    setup = config(flavour, Path(run_dir), **WHOLE[flavour])
    setup.reattach = 60
    with parsl_like.load(setup):
        for _ in sys.stdin:
            sys.stdout.write(f"{manager().result()}\n")
            sys.stdout.flush()
