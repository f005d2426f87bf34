"""A program that gets two blocks from a queue with room for one, says which job runs, and waits for its end."""

from __future__ import annotations

import sys
import threading

import parsl_like
from tests.site.grid_engine import on_grid_engine
from tests.site.grid_engine_apps import where


def main(run_dir: str) -> None:
    with parsl_like.load(on_grid_engine(run_dir, init_blocks=2, max_blocks=2)):
        print(where(0, 1).result()[1], flush=True)  # noqa: T201 - this is how it speaks to the test
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
