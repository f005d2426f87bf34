"""A program with two blocks of a batch system: says ``ready`` when a task has run, and waits for its end."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import parsl_like
from parsl_like import python_app
from tests.providers.test_whole_workflows import WHOLE_NODE, config


@python_app
def add(x: int, y: int) -> int:
    return x + y


if __name__ == "__main__":
    parsl_like.load(config(sys.argv[1], Path(sys.argv[2]), **WHOLE_NODE[sys.argv[1]]))
    assert add(1, 2).result() == 3
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()
