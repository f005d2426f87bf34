"""Apps that many tests of faults break, and what they leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like import python_app

if TYPE_CHECKING:
    from pathlib import Path


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def note(path: str) -> int:
    """Leaves a line in a file each time it runs, then waits until it may go on; gives the process that ran it."""
    import os
    import time

    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    with open(path + ".ended", "a") as file:
        file.write(f"{os.getpid()}\n")
    return os.getpid()


def let_go(*paths: Path) -> None:
    """Let :func:`note` return for some paths."""
    for path in paths:
        (path.parent / f"{path.name}.go").touch()


def ran_in(path: Path) -> list[int]:
    """The processes in which :func:`note` has begun for a path, in order."""
    return _lines(path)


def ended_in(path: Path) -> list[int]:
    """The processes in which :func:`note` has ended for a path, in order."""
    return _lines(path.parent / f"{path.name}.ended")


def _lines(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []
