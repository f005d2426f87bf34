"""Tasks that end their worker, or leave things behind: only they are affected."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from parsl_like import python_app
from parsl_like.errors import WorkerLost

pytestmark = pytest.mark.usefixtures("own_htex")

WAIT = 90


@python_app
def healthy(x: int) -> int:
    return x + 1


@pytest.fixture(autouse=True)
def next_task_runs(own_htex: Any) -> Any:
    yield
    assert healthy(1).result(WAIT) == 2


@pytest.mark.parametrize("way", ["exit", "kill", "segfault", "abort"])
def test_worker_dies_under_its_task(way: str) -> None:
    @python_app
    def dies(way: str) -> None:
        import ctypes
        import os
        import signal

        print("last words", flush=True)  # noqa: T201
        if way == "exit":
            os._exit(7)
        elif way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif way == "abort":
            os.abort()
        ctypes.string_at(0)

    with pytest.raises(WorkerLost) as caught:
        dies(way).result(WAIT)
    expected = {"exit": 7, "kill": -signal.SIGKILL, "segfault": -signal.SIGSEGV, "abort": -signal.SIGABRT}
    assert caught.value.exitcode == expected[way]
    assert "last words" in str(caught.value)
    assert caught.value.hostname == os.uname().nodename


def test_task_that_closes_descriptors_and_leaves_children() -> None:
    @python_app
    def messes() -> int:
        import os
        import subprocess
        import threading
        import time

        subprocess.Popen(["sleep", "1000"])
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        os.chdir("/")
        return 5

    assert messes().result(WAIT) == 5


def test_neighbours_of_a_dying_task_are_not_blamed() -> None:
    @python_app
    def dies() -> None:
        import os

        os._exit(1)

    @python_app
    def noop(x: int) -> int:
        return x

    doomed = [dies() for _ in range(3)]
    fine = [noop(i) for i in range(200)]
    assert [f.result(WAIT) for f in fine] == list(range(200))
    for future in doomed:
        with pytest.raises(WorkerLost):
            future.result(WAIT)
