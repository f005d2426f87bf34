"""Clocks that somebody sets while tasks run: of one process at a time, by libfaketime, never the machine's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from parsl_like import python_app
from parsl_like.errors import AppTimeout
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90
STEPS = {"an hour on": "+3600", "an hour back": "-3600", "a year on": "+31536000"}
STEADY_S = 2.5
"""Longer than two heartbeats; what expires by the clock that was set would do so now."""
SCRIPT = Path(__file__).parent / "scripts" / "stepping.py"

LIBRARIES = sorted(
    path
    for pattern in ("lib/*/faketime", "lib/faketime", "lib64/faketime")
    for root in ("/usr", "/usr/local")
    for path in Path(root).glob(f"{pattern}/libfaketime.so.1")
)

CUSTOMIZE = """\
import os, sys
if os.environ["STEPPING_MODULE"] in sys.orig_argv:
    if "LD_PRELOAD" not in os.environ:
        os.environ["LD_PRELOAD"] = os.environ["STEPPING_LIBRARY"]
        os.execv(sys.executable, sys.orig_argv)
    del os.environ["LD_PRELOAD"]
"""
"""A process of the role that is meant begins anew with the library; its children are without."""


@python_app
def now(_: int) -> float:
    import time

    return time.time()


@python_app
def napping(seconds: float, walltime: float = 0) -> float:
    import threading
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:  # time.sleep fails under the library when a walltime interrupts it
        threading.Event().wait(0.05)
    return seconds


class Clock:
    """A clock that can be set, of the processes that are started with its variables."""

    def __init__(self, file: Path, library: Path) -> None:
        self._file = file
        self.library = library
        self.variables = {
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a monotonic clock is what cannot be set
            "DONT_FAKE_MONOTONIC": "1",  # the same, for older versions
        }
        self.set("+0")

    def set(self, offset: str) -> None:
        """Let it be off by so many seconds."""
        new = self._file.with_suffix(".new")
        new.write_text(offset)
        new.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    if not LIBRARIES:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "libfaketime is not installed (apt-get install faketime)"
        )
    return Clock(tmp_path / "offset", LIBRARIES[0])


@pytest.fixture
def stepping(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[processes.Role], Clock]:
    """Gives processes of one role the clock that can be set."""

    def of(role: processes.Role) -> Clock:
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "sitecustomize.py").write_text(CUSTOMIZE)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        monkeypatch.setenv("STEPPING_MODULE", processes.MODULES[role])
        monkeypatch.setenv("STEPPING_LIBRARY", str(clock.library))
        for name, value in clock.variables.items():
            monkeypatch.setenv(name, value)
        return clock

    return of


def has_library(pid: int) -> bool:
    return "libfaketime" in Path(f"/proc/{pid}/maps").read_text()


def years_in(log: Path) -> set[str]:
    return {line[:4] for line in log.read_text().splitlines() if line[:4].isdecimal()}


def goes_on(kernel: DataFlowKernel, clock: Clock, stopwatch: Stopwatch) -> dict[str, list[float]]:
    """Set the clock while tasks run: none is lost, none is killed before its time; gives the times that tasks saw."""
    roles: tuple[processes.Role, ...] = ("interchange", "manager", "worker")
    assert now(0).result(WAIT)
    processes.until(lambda: len(processes.of("worker")) == 3, WAIT, "the last worker")
    before = {role: sorted(processes.of(role)) for role in roles if role != "worker"}
    long = napping(STEADY_S * len(STEPS) - 2, walltime=STEADY_S * len(STEPS))
    seen = {}
    for name, offset in STEPS.items():
        clock.set(offset)
        began = time.monotonic()
        ended: SimpleQueue[float] = SimpleQueue()
        stopped = napping(60, walltime=2)
        stopped.add_done_callback(lambda _, ended=ended: ended.put(time.monotonic()))
        with stopwatch:
            times = [now(0).result(WAIT) - time.time()]
            while time.monotonic() - began < STEADY_S:
                times.append(now(0).result(WAIT) - time.time())
            assert isinstance(stopped.exception(WAIT), AppTimeout)
        seen[name] = times
        assert ended.get(timeout=WAIT) - began >= 2, "the task was killed before its time"
    assert long.result(WAIT)
    assert {role: sorted(processes.of(role)) for role in roles if role != "worker"} == before
    health = kernel.status()["executors"]["htex"]
    assert (health["lost"], health["restarts"], kernel.summary().losses) == (0, 0, 0)
    assert kernel.summary().states["failed"] == len(STEPS)
    return seen


@pytest.mark.parametrize("role", ["interchange", "manager"])
@pytest.mark.fault(
    "clock", "the interchange's or the manager's is set: an hour on, back, a year on", "nothing expires", bound=12
)
def test_set_between_driver_and_workers(
    role: processes.Role,
    stepping: Callable[[processes.Role], Clock],
    make_run: Callable[..., DataFlowKernel],
    stopwatch: Stopwatch,
) -> None:
    clock = stepping(role)
    kernel = make_run(workers=3, heartbeat_period=1, heartbeat_threshold=5)
    assert now(0).result(WAIT)
    assert has_library(processes.one(role))
    assert not any(map(has_library, processes.of("worker")))
    times = goes_on(kernel, clock, stopwatch)
    assert all(abs(off) < 60 for offs in times.values() for off in offs), "only that process has the other clock"
    kernel.cleanup()
    pattern = {"interchange": "htex/interchange.log", "manager": "htex/block-0/*/manager.log"}[role]
    (log,) = Path(kernel.run_dir).glob(pattern)
    assert str(datetime.now(tz=UTC).year + 1) in years_in(log), "the clock was set"


@pytest.mark.fault("clock", "the workers' is set: an hour on, back, a year on", "walltimes are kept", bound=12)
def test_set_in_workers(
    stepping: Callable[[processes.Role], Clock], make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch
) -> None:
    clock = stepping("worker")
    kernel = make_run(workers=3, heartbeat_period=1, heartbeat_threshold=5)
    assert now(0).result(WAIT)
    assert not has_library(processes.one("manager"))
    times = goes_on(kernel, clock, stopwatch)
    for name, offset in STEPS.items():
        assert all(abs(off - float(offset)) < 60 for off in times[name]), "the clock was set"


@pytest.mark.fault("clock", "the driver's is set: an hour on, back, a year on", "nothing expires", bound=40)
def test_set_in_the_driver(clock: Clock, tmp_path: Path, stopwatch: Stopwatch) -> None:
    variables = {**os.environ, **clock.variables, "LD_PRELOAD": str(clock.library)}
    with stopwatch:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), clock.variables["FAKETIME_TIMESTAMP_FILE"], str(tmp_path / "runs")],
            env=variables,
            capture_output=True,
            text=True,
            timeout=stopwatch.limit,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    steps = [0, *map(int, STEPS.values()), 0]
    assert all(
        abs(found - (after - before)) < 60
        for found, before, after in zip(facts.pop("steps"), steps, steps[1:], strict=False)
    ), "the clock was set"
    assert facts["states"]["failed"] == 4
    assert (facts["losses"], facts["lost"], facts["restarts"], facts["blocks"]) == (0, 0, 0, ["0"])
    assert 8 < facts["seconds"] < stopwatch.limit
