"""The tasks of a soak. Each leaves a line in a file whenever it runs, and returns what its arguments imply."""

from __future__ import annotations

import hashlib
from typing import Any

from parsl_like import bash_app, join_app, python_app

EXECUTORS = ["local", "remote"]


def answer(*parts: object) -> str:
    """What follows from the arguments of a task; the driver computes it, too."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def mark(path: str) -> None:
    """Leave a line: the task has run, once more."""
    import os

    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{os.getpid()}\n".encode())
    finally:
        os.close(descriptor)


def pause(seconds: float) -> None:
    """Wait, in a way that a faked clock does not disturb."""
    import threading

    threading.Event().wait(seconds)


@python_app(executors=EXECUTORS)
def digest(path: str, seconds: float, *parts: object) -> str:
    """A short task, or a long one."""
    from tests.soak.work import answer, mark, pause

    pause(seconds)
    mark(path)
    return answer(*parts)


@python_app(executors=EXECUTORS)
def mirror(path: str, data: bytes, whole: bool) -> Any:
    """A large argument, and perhaps a large result."""
    from tests.soak.work import answer, mark

    mark(path)
    return data[::-1] if whole else answer(data)


@bash_app(executors=EXECUTORS)
def shell(path: str, text: str) -> str:
    """A command line that leaves the line itself."""
    import shlex

    return f"printf '%s\\n' {shlex.quote(text)} >> {shlex.quote(path)}"


@join_app
def several(paths: list[str], *parts: object) -> list[Any]:
    """Tasks made by a task."""
    from tests.soak.work import digest

    return [digest(path, 0.0, *parts, number) for number, path in enumerate(paths)]


@python_app(executors=EXECUTORS)
def hog(path: str) -> str:
    """Takes memory until there is no more; the limit of its block is what stops it."""
    from tests.soak.work import mark

    mark(path)
    taken = []
    for _ in range(1024):
        taken.append(b"x" * (64 << 20))
    return f"got {len(taken) * 64} MB"
