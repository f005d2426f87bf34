"""Real batch systems for tests: each process that runs tests has its own, brought up when it is first asked for.

So nothing has to be shared: with ``pytest -n 16 --dist loadfile`` every module goes to a process of its own, and
systems come up and are waited for side by side. Where they cannot be had, tests are skipped; under CI they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from tests.site.slurm import Slurm, slurm_config
from tests.site.system import System, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel

FOLDER = Path(__file__).parent
TIMEOUT_S = 400
"""What a test may take in all; most of it is waiting for a scheduler that has its own pace."""
FACTOR = float(os.environ.get("PARSL_LIKE_FAULTS_FACTOR", "1"))
"""Bounds are multiplied by this on machines that have other work."""
MEASURED = "site"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(FOLDER) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


# --- systems


@pytest.fixture(scope="session")
def bring_up() -> Iterator[Callable[..., System]]:
    """Brings up a system, once; all end with the tests of this process."""
    found: dict[tuple[object, ...], System | str] = {}
    with ExitStack() as stack:

        def bring_up(name: str, **settings: object) -> System:
            key = (name, *sorted(settings.items()))
            if key not in found:
                found[key] = _lacking() or _begin(stack, name, settings)
            system = found[key]
            if isinstance(system, System):
                return system
            text = f"no {name}: {system}"
            if os.environ.get("CI"):
                pytest.fail(text, pytrace=False)
            pytest.skip(text)

        yield bring_up


def _lacking() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root can bring it up, on Linux"
    lacking = [tool for tool in ("apt-get", "dpkg-query", "setpriv", "flock") if shutil.which(tool) is None]
    return f"{', '.join(lacking)} not found" if lacking else ""


def _begin(stack: ExitStack, name: str, settings: dict[str, object]) -> System | str:
    folder = Path(tempfile.mkdtemp(prefix="parsl-like-site-", dir="/tmp"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    system = System(name, folder, **{"SITE_PORT": free_ports(process), **settings})
    stack.callback(system, "down")
    try:
        system("up")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return str(error)
    return system


# --- how long it takes


class Measure:
    """Times from an event to what must follow, for a list at the end; a bound that is passed fails the test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties

    def note(self, what: str, seconds: float, bound: float | None = None) -> None:
        """Keep a time, and compare it.

        Args:
            what: From what to what.
            seconds: How long it took.
            bound: How long it may take on a machine that does nothing else.
        """
        self._properties.append((MEASURED, f"{what}: {seconds:.1f} s" + (f" (bound {bound:g} s)" if bound else "")))
        assert bound is None or seconds <= FACTOR * bound, f"{what} took {seconds:.1f} s, may take {bound:g} s"

    def since(self, what: str, moment: float, bound: float | None = None) -> None:
        """Keep the time from a moment, in seconds since the epoch, to now."""
        self.note(what, time.time() - moment, bound)


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    return Measure(request)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was measured, test by test."""
    lines = [
        f"{report.nodeid.rpartition('::')[2].partition('@')[0]}: {value}"
        for reports in ("passed", "failed")
        for report in terminalreporter.stats.get(reports, ())
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == MEASURED
    ]
    if lines:
        terminalreporter.section("measured on real systems")
        for line in lines:
            terminalreporter.line(line)


# --- Slurm


@pytest.fixture(scope="session")
def slurm_system(bring_up: Callable[..., System]) -> System:
    """A Slurm of four nodes with two processors each."""
    return bring_up("slurm")


@pytest.fixture
def slurm(slurm_system: System) -> Iterator[Slurm]:
    """The Slurm, whole, for the commands of this process; a test may leave no job in it."""
    os.environ |= slurm_system.environment()
    slurm = Slurm(slurm_system)
    yield slurm
    slurm.is_left_empty()


@pytest.fixture
def load(slurm: Slurm, tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel from the options of :func:`slurm_config`; it is cleaned up after the test."""
    del slurm  # has to be there, and to be asked after the kernel is gone
    loaded: list[DataFlowKernel] = []

    def load(**options: Any) -> DataFlowKernel:
        loaded.append(parsl_like.load(slurm_config(tmp_path / "runinfo", **options)))
        return loaded[-1]

    yield load
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()
