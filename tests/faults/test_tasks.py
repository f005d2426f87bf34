"""Tasks that break what they run in: only they are affected, and nothing is left of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import python_app
from parsl_like.app.errors import RemoteError
from parsl_like.errors import DeserializationError, ParslError, SerializationError, WorkerLost
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def place() -> tuple[int, str]:
    """Where the task runs: its worker's process and directory."""
    import os

    return os.getpid(), os.getcwd()


def works_on() -> None:
    """Tasks run as before."""
    assert [future.result(WAIT) for future in [add(number, 1) for number in range(200)]] == list(range(1, 201))


# --- what comes back


class Strange(Exception):
    """Its pickle names a function that raises in every process but the one where it was made."""

    def __init__(self, home: int) -> None:
        super().__init__("from the task")
        self.home = home

    def __reduce__(self) -> Any:
        return (rebuilt, (self.home,))


def rebuilt(home: int) -> Exception:
    import os

    if os.getpid() != home:
        raise ZeroDivisionError("boom in the driver")
    return Strange(home)


def leave(home: int) -> object:
    import os

    if os.getpid() != home:
        raise SystemExit(3)
    return object()


class Leaves:
    """Its unpickling would end the process that does it, the one where it was made excepted."""

    def __init__(self) -> None:
        self.home = os.getpid()

    def __reduce__(self) -> Any:
        return (leave, (self.home,))


@pytest.mark.fault(
    "task", "raises what can be unpickled nowhere but in its worker", "RemoteError; later results arrive", bound=1
)
def test_exception_that_bursts_in_the_driver(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @python_app
    def fails() -> None:
        import os

        raise Strange(os.getpid())

    add(0, 0).result(WAIT)
    with stopwatch, pytest.raises(RemoteError, match=r"Strange: from the task(?s:.*)boom in the driver") as caught:
        fails().result(WAIT)
    assert isinstance(caught.value, ParslError)
    assert "raise Strange" in caught.value.traceback_text
    works_on()


@pytest.mark.fault("task", "its result calls sys.exit as it is unpickled", "its future fails; others arrive", bound=1)
def test_result_that_would_end_the_driver(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    @python_app
    def gives() -> Any:
        return Leaves()

    add(0, 0).result(WAIT)
    with stopwatch, pytest.raises(DeserializationError, match="SystemExit"):
        gives().result(WAIT)
    works_on()


@pytest.mark.fault("task", "an argument cannot be pickled", "SerializationError that names the argument", bound=1)
def test_argument_that_cannot_be_pickled(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    import threading

    add(0, 0).result(WAIT)
    with stopwatch, pytest.raises(SerializationError, match=r"argument 'y'.*\['deep'\]\[0\].*lock"):
        add(1, y={"deep": [threading.Lock()]}).result(WAIT)
    works_on()


@pytest.mark.fault("task", "an argument is nested 100,000 deep", "SerializationError; the driver lives on", bound=60)
def test_deep_argument(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with stopwatch, pytest.raises(SerializationError, match="argument 0"):
        add(value, 1).result(WAIT)  # type: ignore[arg-type]


# --- the end of its worker


def dies(way: str) -> None:
    import ctypes
    import os
    import signal
    import sys

    print("last words")  # noqa: T201
    if way == "exit":
        os._exit(7)
    elif way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif way == "segfault":
        ctypes.string_at(0)
    elif way == "abort":
        os.abort()
    sys.setrecursionlimit(1 << 30)
    callback = ctypes.CFUNCTYPE(ctypes.c_int)
    deep: Any = callback(lambda: deep())  # noqa: PLW0108 - each call goes through C, so that it is the C stack that ends
    deep()


ENDS = {
    "exit": r"exit code 7",
    "kill": r"signal 9 \(SIGKILL\)",
    "segfault": r"signal 11 \(SIGSEGV\)",
    "abort": r"signal 6 \(SIGABRT\)",
    "stack": r"signal 11 \(SIGSEGV\)",
}


@pytest.mark.fault(
    "task",
    "ends its worker: os._exit, SIGKILL, a segfault, abort, the end of the C stack",
    "WorkerLost with signal or exit code, host, try and last lines; the worker is replaced",
    bound=5,
)
@pytest.mark.parametrize("way", ENDS)
def test_worker_ends_under_its_task(way: str, make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    make_run(workers=1)
    before, _ = place().result(WAIT)
    with stopwatch:
        with pytest.raises(WorkerLost, match=ENDS[way]) as caught:
            python_app(dies)(way).result(WAIT)
        after, _ = place().result(WAIT)
    error = caught.value
    assert error.hostname == os.uname().nodename
    assert error.attempt == 0
    assert "try 0" in str(error)
    assert "last words" in error.output_tail
    assert before != after


@pytest.mark.fault(
    "task", "kills its worker every time, with retries=2", "3 tries, then WorkerLost; others are not held up", bound=30
)
def test_poison(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    @python_app
    def poison(path: str) -> None:
        import os
        import signal

        with open(path, "a") as file:
            file.write("tried\n")
        os.kill(os.getpid(), signal.SIGKILL)

    make_run(retries=2)
    add(0, 0).result(WAIT)
    paths = [tmp_path / str(number) for number in range(8)]
    with stopwatch:
        doomed = [poison(str(path)) for path in paths]
        works_on()
        for future in doomed:
            with pytest.raises(WorkerLost) as caught:
                future.result(WAIT)
            assert caught.value.attempt == 2
    assert [path.read_text() for path in paths] == ["tried\n" * 3] * 8


# --- what it leaves behind


@pytest.mark.fault(
    "task", "closes every descriptor, then opens others in their place", "WorkerLost that says why; replaced", bound=5
)
def test_closes_everything(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    @python_app
    def closes(path: str) -> int:
        import os
        import socket

        os.closerange(0, 65536)
        kept = [socket.socketpair() for _ in range(100)]  # what a daemon might hold on to
        globals()["kept"] = kept
        for _ in range(30):
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return len(kept)

    path = tmp_path / "file"
    add(0, 0).result(WAIT)
    with stopwatch, pytest.raises(WorkerLost, match="closed"):
        closes(str(path)).result(WAIT)
    works_on()
    assert path.read_bytes() == b""


@pytest.mark.fault("task", "closes the usual descriptors only", "its value arrives, and the next task prints", bound=5)
def test_closes_a_few(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def closes() -> str:
        import os

        os.closerange(0, 64)
        return "closed"

    @python_app
    def prints() -> str:
        import subprocess
        import sys

        print("printed", flush=True)  # noqa: T201
        print("printed", file=sys.stderr, flush=True)  # noqa: T201
        assert sys.stdin.read() == ""
        return subprocess.run(["echo", "heard"], stdout=subprocess.PIPE, text=True, check=True).stdout

    make_run(workers=1)
    add(0, 0).result(WAIT)
    with stopwatch:
        assert closes().result(WAIT) == "closed"
        assert prints().result(WAIT) == "heard\n"


@pytest.mark.fault("task", "closes sys.stdout, or puts something else there", "the next task prints", bound=5)
@pytest.mark.parametrize("how", ["close", "replace"])
def test_closes_stdout(how: str, make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def closes(how: str) -> None:
        import io
        import sys

        if how == "close":
            sys.stdout.close()
        else:
            sys.stdout = sys.stderr = io.StringIO()
            sys.stdout.close()

    @python_app
    def prints() -> None:
        print("printed", flush=True)  # noqa: T201

    make_run(workers=1)
    add(0, 0).result(WAIT)
    with stopwatch:
        closes(how).result(WAIT)
        prints().result(WAIT)


@pytest.mark.fault("task", "goes to a directory and removes it", "the next task is where it would have been", bound=5)
def test_removes_its_directory(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def goes() -> None:
        import os
        import tempfile

        path = tempfile.mkdtemp()
        os.chdir(path)
        os.rmdir(path)

    make_run(workers=1)
    before = place().result(WAIT)
    with stopwatch:
        goes().result(WAIT)
        assert place().result(WAIT) == before


@pytest.mark.fault("task", "forks, and its child goes on where it was", "one value; the child ends with it", bound=5)
def test_forks(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def forks() -> int:
        import os

        return os.fork()

    make_run(workers=1)
    add(0, 0).result(WAIT)
    with stopwatch:
        child = forks().result(WAIT)
    assert child > 0
    assert processes.wait_for_end([child], WAIT) == []
    works_on()


def litter(path: str) -> int:
    """Leaves threads, a child that ignores SIGTERM, another in a session of its own, and a daemon."""
    import os
    import signal
    import subprocess
    import sys
    import threading

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=threading.Event().wait).start()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    code = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open({path!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(10000)
"""
    for apart in (False, True):
        subprocess.Popen([sys.executable, "-c", code], start_new_session=apart)
    daemon = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
    subprocess.run([sys.executable, "-c", daemon, code], check=True)
    return os.getpid()


def littered(path: Path) -> list[int]:
    """Waits for what a task has left, and gives it."""
    processes.until(lambda: path.exists() and path.read_text().count("\n") == 3, WAIT)
    return [int(line) for line in path.read_text().splitlines()]


@pytest.mark.fault(
    "task",
    "ignores SIGTERM, leaves threads, children that ignore it too, and a daemon",
    "tasks go on; cleanup ends them all",
    bound=30,
)
def test_leaves_things(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run(workers=1)
    path = tmp_path / "pids"
    worker = python_app(litter)(str(path)).result(WAIT)
    left = littered(path)
    assert place().result(WAIT)[0] == worker
    works_on()
    with stopwatch:
        kernel.cleanup()
    assert processes.alive([worker, *left]) == []


@pytest.mark.fault("task", "ignores SIGTERM", "the next task, and what it starts, do not", bound=5)
def test_signals_are_reset(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def ignores() -> None:
        import signal

        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])

    @python_app
    def looks() -> list[str]:
        import subprocess

        text = subprocess.run(["cat", "/proc/self/status"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return [line for line in text.splitlines() if line.startswith(("SigIgn", "SigBlk"))]

    make_run(workers=1)
    before = looks().result(WAIT)
    with stopwatch:
        ignores().result(WAIT)
        assert looks().result(WAIT) == before


@pytest.mark.fault("task", "takes memory without end, under worker_memory_limit", "MemoryError; others go on", bound=10)
def test_memory_hog(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def hogs() -> None:
        taken = []
        while True:
            taken.append(bytearray(50_000_000))

    make_run(workers=1, worker_memory_limit=1.0)
    before = place().result(WAIT)
    with stopwatch, pytest.raises(MemoryError):
        hogs().result(WAIT)
    assert place().result(WAIT) == before


def forks_without_end() -> int:
    """How many children it gets; as a user to whom the limit applies, which root is not."""
    import os
    import time

    if os.fork():
        return os.waitstatus_to_exitcode(os.wait()[1])
    if os.getuid() == 0:
        os.setresuid(54321, 54321, 54321)
    for count in range(250):
        try:
            child = os.fork()
        except BlockingIOError:
            os._exit(count)
        if not child:
            time.sleep(10000)
            os._exit(0)
    os._exit(255)


@pytest.mark.fault(
    "task", "forks without end, under worker_process_limit", "fork fails; cleanup ends what it has started", bound=30
)
@pytest.mark.skipif(os.getuid() != 0, reason="counts the processes of a user who has no others")
def test_fork_bomb(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    kernel = make_run(workers=1, worker_process_limit=20)
    assert 15 <= python_app(forks_without_end)().result(WAIT) <= 20
    works_on()
    with stopwatch:
        kernel.cleanup()


@pytest.mark.fault(
    "task", "has 200 MB of arguments and of results at once, with heartbeats of 1 s", "no manager is lost", bound=60
)
@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_big_messages(transport: str, make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def turned(data: bytes) -> bytes:
        return data[::-1]

    kernel = make_run(transport=transport, heartbeat_period=1, heartbeat_threshold=5, retries=0)
    add(0, 0).result(WAIT)
    data = [bytes([number]) * 99_999_999 + b"." for number in range(2)]
    with stopwatch:
        futures = [turned(piece) for piece in data]
        works_on()
        assert [future.result(WAIT) == piece[::-1] for future, piece in zip(futures, data, strict=True)] == [True] * 2
    status = kernel.status()
    assert status["tasks"]["losses"] == 0
    assert len(status["executors"]["htex"]["connected"]) == 1
