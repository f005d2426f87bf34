"""A program that gets two blocks from a partition with room for one, says so, and waits for its end."""

from __future__ import annotations

import sys
import threading

import parsl_like
from tests.site.apps import where
from tests.site.slurm import slurm_config


def main(run_dir: str) -> None:
    with parsl_like.load(slurm_config(run_dir, partition="single", init_blocks=2, max_blocks=2)):
        print(where(0, 1).result()[1], flush=True)  # noqa: T201 - this is how it speaks to the test
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
