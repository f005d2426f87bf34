"""Each test starts in an empty directory, sees none of the user's settings, and must leave nothing running or open.

What a test leaves is found by comparison with the moment before it: threads of this process, its descriptors (sockets,
pipes, event queues, files in its TMPDIR), and new processes that descend from it or carry its mark in their
environment. What a session- or module-wide fixture starts before the test is therefore not the test's fault.
"""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "fd").is_dir() and (PROC / "self" / "environ").is_file()

MARK = "PARSL_LIKE_TEST"
PATIENCE_S = 10.0

KEPT_VARIABLES = (
    *("CI", "LANG", "LOGNAME", "PATH", "SYSTEMROOT", "TERM", "TZ", "USER", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
    "PARSL_PYTHON",  # what programs are run with to compare
)
KEPT_PREFIXES = (
    "COV_",
    "COVERAGE_",
    "LC_",
    "PARSL_LIKE_FAULTS",
    "PARSL_LIKE_FULL",
    "PYTEST_",
    "PYTHONDONTWRITE",
    "PYTHONHASHSEED",
)
HELD_OPEN = ("socket:", "pipe:", "anon_inode:[eventfd]", "anon_inode:[eventpoll]", "anon_inode:[pidfd]")

_scratch = pytest.StashKey[Path]()


# --- one scrubbed home for the whole session


def pytest_configure(config: pytest.Config) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="pl-"))
    config.stash[_scratch] = scratch
    for name in list(os.environ):
        if name not in KEPT_VARIABLES and not name.startswith(KEPT_PREFIXES):
            del os.environ[name]
    # Started in the background, or under nohup, the children of a test would ignore signals that they are tested with.
    for name in ("SIGINT", "SIGQUIT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
    home = scratch / "home"
    home.mkdir(mode=0o700)
    os.environ |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis"),
        # Children of a test run this checkout, whether or not it is installed.
        "PYTHONPATH": str(ROOT),
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_scratch], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of real processes run one after another, and first, since they take longest."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0] if item.path.is_relative_to(ROOT / "tests") else ""
        if folder in ("integration", "site", "faults"):
            item.add_marker(folder)
        if item.get_closest_marker("integration") and config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group("processes"))
    items.sort(key=lambda item: item.get_closest_marker("integration") is None)


# --- how long it takes until a fault is dealt with

FAULT_FACTOR = float(os.environ.get("PARSL_LIKE_FAULTS_FACTOR", "1"))
"""Bounds of fault tests are multiplied by this on machines that have other work."""


class Stopwatch:
    """Measures the time from a fault to what must happen, and fails the test if that is beyond its bound.

    The mark ``fault(component, fault, expect, bound)`` of the test says what it shows; without ``bound`` nothing is
    compared. Used several times, the longest time counts.
    """

    def __init__(self, bound: float | None) -> None:
        self.bound = bound
        self.seconds = 0.0
        self._from = 0.0

    @property
    def limit(self) -> float:
        """Seconds that what is waited for may take: the bound, on this machine; much if there is none."""
        return FAULT_FACTOR * (self.bound or 60.0)

    def __enter__(self) -> Stopwatch:
        self._from = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        took = time.monotonic() - self._from
        self.seconds = max(self.seconds, took)
        if kind is None and self.bound is not None:
            assert took <= FAULT_FACTOR * self.bound, f"it took {took:.1f} s, and may take {self.bound:g} s"


@pytest.fixture
def stopwatch(request: pytest.FixtureRequest) -> Iterator[Stopwatch]:
    """What a test of a fault measures with."""
    mark = request.node.get_closest_marker("fault")
    if mark is None or len(mark.args) != 3:
        pytest.fail("the test needs a mark: fault(component, fault, what must happen, bound=seconds)")
    component, fault, expect = mark.args
    watch = Stopwatch(mark.kwargs.get("bound"))
    yield watch
    assert watch.seconds, "nothing was measured"
    facts = {"component": component, "fault": fault, "expect": expect, "bound": watch.bound, "seconds": watch.seconds}
    request.node.user_properties.append(("fault", json.dumps(facts)))


# --- what a test may not leave


@dataclass(frozen=True)
class Snapshot:
    threads: frozenset[threading.Thread]
    descriptors: Mapping[str, str]
    processes: frozenset[str]

    @classmethod
    def take(cls) -> Snapshot:
        return cls(frozenset(threading.enumerate()), _descriptors(), _processes())


@dataclass(frozen=True)
class Leaks:
    threads: list[threading.Thread]
    processes: list[int]
    descriptors: dict[str, str]
    files: list[str]

    def __bool__(self) -> bool:
        return bool(self.threads or self.processes or self.descriptors or self.files)

    def wait(self, timeout: float) -> None:
        """Until the first of them ends: a thread or a process says so itself, a descriptor has to be asked again."""
        gc.collect()
        if self.threads:
            self.threads[0].join(timeout)
        elif not (self.processes and _wait_for_exit(self.processes[0], timeout)):
            threading.Event().wait(min(timeout, 0.01))

    def describe(self) -> str:
        lines = [f"thread {thread.name!r} runs (daemon: {thread.daemon})" for thread in self.threads]
        lines += [f"process {pid} runs or was never waited for: {_command(pid)}" for pid in self.processes]
        lines += [f"descriptor {number} is open: {target}" for number, target in self.descriptors.items()]
        lines += [f"file {name!r} is left in TMPDIR" for name in self.files]
        return "\n".join(lines)


def _leaks(before: Snapshot, tmpdir: str, mark: str) -> Leaks:
    return Leaks(
        threads=[t for t in threading.enumerate() if t not in before.threads and t.is_alive()],
        processes=sorted(int(pid) for pid in _processes() - before.processes if _belongs_here(pid, mark)),
        descriptors={
            number: target
            for number, target in _descriptors().items()
            if before.descriptors.get(number) != target and target.startswith((*HELD_OPEN, tmpdir))
        },
        files=sorted(os.listdir(tmpdir)),
    )


def _settled(before: Snapshot, tmpdir: str, mark: str) -> Leaks:
    """What is still there after everything that is about to end had its time."""
    found = _leaks(before, tmpdir, mark)
    deadline = time.monotonic() + PATIENCE_S
    while found and (left := deadline - time.monotonic()) > 0:
        found.wait(left)
        found = _leaks(before, tmpdir, mark)
    return found


@pytest.fixture(scope="session")
def session_directory(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    # Asked for here, before any test has a TMPDIR of its own, pytest's directory does not land in one of those.
    tmp_path_factory.getbasetemp()
    return pytestconfig.stash[_scratch]


@pytest.fixture(autouse=True)
def nothing_left_behind(session_directory: Path) -> Iterator[None]:
    """Fails a test that leaves a thread, process, socket, pipe or temporary file."""
    place = tempfile.mkdtemp(dir=session_directory, prefix="")  # short: a unix socket's path has 107 characters
    tmpdir, workdir = f"{place}/tmp", f"{place}/cwd"
    os.mkdir(tmpdir)
    os.mkdir(workdir)
    with ExitStack() as undo:
        undo.callback(_remove, place)
        undo.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
        undo.callback(os.chdir, os.getcwd())
        undo.callback(_restore_environment, dict(os.environ))
        os.chdir(workdir)
        tempfile.tempdir = os.environ["TMPDIR"] = tmpdir
        os.environ[MARK] = place
        before = Snapshot.take()
        yield
        if left := _settled(before, tmpdir, place):
            report = left.describe()
            for pid in left.processes:
                _end(pid)
            pytest.fail(f"the test left behind:\n{report}", pytrace=False)


def _remove(place: str) -> None:
    try:
        for empty in (f"{place}/tmp", f"{place}/cwd", place):
            os.rmdir(empty)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)


def _restore_environment(before: Mapping[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


# --- reading /proc, where there is one


def _descriptors() -> dict[str, str]:
    found = {}
    for number in os.listdir("/proc/self/fd") if HAS_PROC else ():
        with suppress(OSError):  # the descriptor of the listing itself is gone
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return found


def _processes() -> frozenset[str]:
    return frozenset(filter(str.isdigit, os.listdir("/proc"))) if HAS_PROC else frozenset()


def _belongs_here(pid: str, mark: str) -> bool:
    """Whether the process descends from this one or was started with the test's mark, by whomever."""
    try:
        environment = (PROC / pid / "environ").read_bytes()
    except OSError:
        environment = b""
    if f"{MARK}={mark}".encode() in environment.split(b"\0"):
        return not _is_stdlib_service(pid)
    here, parent = str(os.getpid()), pid
    while parent not in ("0", "1"):
        if parent == here:
            return not _is_stdlib_service(pid)
        try:
            parent = (PROC / parent / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            return False
    return False


def _is_stdlib_service(pid: str) -> bool:
    """The standard library keeps its resource tracker until the interpreter ends."""
    return "multiprocessing.resource_tracker" in _command(int(pid))


def _command(pid: int) -> str:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return words or (PROC / str(pid) / "comm").read_text().strip() + " (ended)"
    except OSError:
        return "(ended)"


def _wait_for_exit(pid: int, timeout: float) -> bool:
    """Whether there was something to wait for: not for a process that has ended and only wants to be reaped."""
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError):
        return False
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        ended = poll.poll(0)
        if not ended:
            poll.poll(timeout * 1000)
        return not ended
    finally:
        os.close(descriptor)


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
