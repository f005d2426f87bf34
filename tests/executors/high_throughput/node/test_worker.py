"""A worker process, driven through its pipe."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from parsl_like.errors import DeserializationError, RemoteError, SerializationError, TaskExit
from parsl_like.executors.high_throughput.node.cells import IDLE, Cells
from parsl_like.executors.high_throughput.node.functions import Shelf
from parsl_like.executors.high_throughput.node.pipe import READY, ManagerEnd, ResultPacket, pack_refusal, pack_task
from parsl_like.executors.high_throughput.node.worker import CUT_OFF, MODULE, Inherited, main
from parsl_like.executors.high_throughput.protocol import OUTCOME_FAILURE, OUTCOME_VALUE, ResultItem
from parsl_like.executors.high_throughput.results import split
from parsl_like.serialize import pack_call, pack_function, unpack, unpack_failure
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


class Bench:
    """What a worker needs of a manager, and the worker."""

    def __init__(self, folder: Path, *, python_path: tuple[str, ...] = (), launcher: tuple[str, ...] = ()) -> None:
        self.log = folder / "worker.log"
        self.cells, self.shelf, self.pipe = Cells.create(3), Shelf(), ManagerEnd()
        self.attempt = 0
        self._results: list[ResultPacket] = []
        self._poll = select.poll()
        self._poll.register(self.pipe, select.POLLIN)
        descriptors = (self.pipe.worker_descriptor, self.cells.descriptor, self.shelf.descriptor)
        inherited = Inherited(*descriptors, 2, os.getpid(), python_path)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*launcher, sys.executable, "-m", MODULE, *inherited.to_argv()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                start_new_session=True,
            )

    def next_result(self) -> ResultPacket:
        while not self._results:
            assert self._poll.poll(60_000), f"the worker does not answer: {self.log.read_text()}"
            self._results += self.pipe.receive()
        return self._results.pop(0)

    def wait_ready(self) -> None:
        assert self.next_result().attempt == READY

    def send(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
        self.attempt += 1
        packed, call = pack_function(function), pack_call(args, kwargs)
        self.shelf.put(packed.hash, packed.blob)
        place = self.shelf.place(packed.hash)
        assert place is not None
        assert self.pipe.send(
            pack_task(
                self.attempt, packed.hash, place, call.body, Segment.behind(call.buffers) if call.buffers else None
            )
        )
        return self.attempt

    def answer(self, attempt: int) -> Any:
        result = self.next_result()
        item = msgspec.msgpack.decode(result.item, type=ResultItem)
        assert item.attempt == result.attempt == attempt
        assert item.worker == 2
        assert 0 <= item.ended - item.started == result.seconds
        body, buffers = split(item.body, [result.segment] if result.segment is not None else [])
        if item.outcome == OUTCOME_VALUE:
            return unpack(body, buffers)
        assert item.outcome == OUTCOME_FAILURE
        return unpack_failure(body)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What a call gives or raises."""
        return self.answer(self.send(function, *args, **kwargs))

    def close(self) -> None:
        self.pipe.close()
        try:
            self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.wait()
            self.shelf.close()
            self.cells.close()


@contextmanager
def bench(folder: Path, **options: Any) -> Iterator[Bench]:
    made = Bench(folder, **options)
    try:
        made.wait_ready()
        yield made
    finally:
        made.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def add(left: int, right: int = 1) -> int:
    return left + right


# --- what comes back


def test_calls_return(worker: Bench) -> None:
    assert worker.call(lambda left, right=1: left + right, 41) == 42
    assert worker.call(lambda left, right=1: left + right, "a", right="b") == "ab"


def test_a_function_is_unpacked_once(worker: Bench) -> None:
    seen: list[int] = []

    def remember() -> int:
        seen.append(1)
        return len(seen)

    assert [worker.call(remember) for _ in range(3)] == [1, 2, 3]


def test_results_come_one_by_one_while_the_next_task_runs(worker: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"

    def until(path: str) -> str:
        while not os.path.exists(path):
            time.sleep(0.001)
        return "went"

    first, second, third = worker.send(lambda: 1), worker.send(lambda: 2), worker.send(until, str(go))
    assert [worker.answer(first), worker.answer(second)] == [1, 2]
    go.touch()
    assert worker.answer(third) == "went"


def test_exceptions_come_back_with_their_traceback(worker: Bench) -> None:
    def divide(number: int) -> float:
        return number / 0

    error = worker.call(divide, 1)
    assert isinstance(error, ZeroDivisionError)
    assert "in divide" in str(error.__cause__)


def test_what_would_end_a_process_does_not_end_the_worker(worker: Bench) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    for function, name in ((lambda: sys.exit(3), "SystemExit"), (interrupt, "KeyboardInterrupt")):
        error = worker.call(function)
        assert isinstance(error, TaskExit)
        assert error.type_name == name
    assert worker.call(lambda: "alive") == "alive"


def test_deep_recursion_is_an_error_like_any_other(worker: Bench) -> None:
    def deeper(level: int) -> int:
        return deeper(level + 1) + 1

    error = worker.call(deeper, 0)
    assert isinstance(error, RecursionError)
    assert worker.call(lambda: "alive") == "alive"


def test_what_cannot_be_packed_or_unpacked_fails_its_task_only(worker: Bench) -> None:
    import threading

    assert isinstance(worker.call(lambda: threading.Lock()), SerializationError)  # noqa: PLW0108 - made over there

    class Bomb:
        def __reduce__(self) -> Any:
            return eval, ("1/0",)

    assert isinstance(worker.call(add, Bomb()), DeserializationError)
    worker.shelf.put(b"n" * 16, b"no function")
    place = worker.shelf.place(b"n" * 16)
    assert place is not None
    worker.attempt += 1
    worker.pipe.send(pack_task(worker.attempt, b"n" * 16, place, b"body"))
    assert isinstance(worker.answer(worker.attempt), DeserializationError)
    worker.attempt += 1
    worker.pipe.send(pack_refusal(worker.attempt, "there was no room"))
    error = worker.answer(worker.attempt)
    assert isinstance(error, OSError)
    assert "there was no room" in str(error)


def test_large_values_there_and_back(worker: Bench) -> None:
    numpy = pytest.importorskip("numpy")

    def incremented(array: Any) -> Any:
        array += 1
        return array

    array = numpy.arange(3_000_000.0)
    back = worker.call(incremented, array)
    assert (back == array + 1).all()
    assert worker.call(lambda size: b"x" * size, 100_000) == b"x" * 100_000


def test_a_value_that_finds_no_room_fails_its_task_only(worker: Bench) -> None:
    def without_files(size: int) -> bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        return b"x" * size

    error = worker.call(without_files, 100_000)
    assert isinstance(error, OSError)
    assert "too large" in str(error)
    assert worker.call(lambda: 1) == 1


def test_large_arguments_and_results_are_not_kept(worker: Bench) -> None:
    def grow(data: bytes) -> bytes:
        return data

    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    size = 50 * 1024 * 1024
    before = worker.call(resident)
    for _ in range(3):
        assert len(worker.call(grow, bytes(size))) == size
    assert worker.call(resident) - before < size // 2


# --- what the manager sees


def test_the_cell_names_the_attempt_that_runs(worker: Bench) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)

    def own_cell(descriptor: int) -> int:
        from parsl_like.executors.high_throughput.node.cells import Cells

        return Cells(descriptor).read(2)

    assert worker.call(own_cell, worker.cells.descriptor) == 1
    assert worker.call(own_cell, worker.cells.descriptor) == 2
    worker.send(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert worker.process.wait(timeout=60) == -signal.SIGKILL
    assert [worker.cells.read(number) for number in range(3)] == [IDLE, IDLE, 3]
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("death", "exitcode", "words"),
    [
        ("import os; print('half a line', flush=True); os._exit(7)", 7, "half a line"),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, "Segmentation fault"),
        ("import os; print('one'); print('two'); os.abort()", -signal.SIGABRT, "one\n[task 0 try 1] two"),
        ("import os; print('all'); os.closerange(3, 65536)", CUT_OFF, "all"),
    ],
)
def test_deaths_and_last_words(worker: Bench, death: str, exitcode: int, words: str) -> None:
    def die(code: str) -> None:
        exec(code)

    worker.send(die, death)
    assert worker.process.wait(timeout=60) == exitcode
    assert words in worker.log.read_text()
    assert worker.cells.read(2) == 1


def test_much_output_goes_to_the_log_and_blocks_nobody(worker: Bench) -> None:
    def chatter() -> str:
        for _ in range(20):
            sys.stdout.write("x" * 1024 * 1024 + "\n")
        sys.stderr.write("y\n")
        return "done"

    assert worker.call(chatter) == "done"
    assert worker.log.stat().st_size > 20 * 1024 * 1024
    assert worker.log.read_text().endswith("y\n")


def test_standard_input_is_empty(worker: Bench) -> None:
    assert worker.call(eval, "__import__('sys').stdin.read()") == ""
    error = worker.call(input)
    assert isinstance(error, EOFError)


def test_a_child_that_a_task_forks_reports_nothing(worker: Bench) -> None:
    def fork() -> int:
        child = os.fork()
        if child == 0:
            return -1
        return os.waitpid(child, 0)[1]

    assert worker.call(fork) == 0
    assert worker.call(lambda: "next") == "next"


# --- life


def test_it_ends_with_its_pipe(worker: Bench) -> None:
    worker.pipe.close()
    assert worker.process.wait(timeout=60) == 0
    assert worker.log.read_text() == ""


def test_it_starts_without_the_heavy_modules(worker: Bench) -> None:
    bare = [sys.executable, "-c", "import sys; print(*sys.modules)"]
    before = set(subprocess.run(bare, capture_output=True, text=True, check=True, timeout=60).stdout.split())
    loaded = set(worker.call(eval, "list(__import__('sys').modules)")) - before
    heavy = {
        "zmq",
        "msgspec",
        "psutil",
        "cloudpickle",
        "logging",
        "asyncio",
        "multiprocessing",
        "subprocess",
        "argparse",
    }
    assert "parsl_like.remote.call" in loaded
    assert not loaded & heavy
    assert not {
        name for name in loaded if name.startswith(("parsl_like.app", "parsl_like.dataflow", "parsl_like.config"))
    }


ORPHAN = """
import os, signal, subprocess, sys
from parsl_like.executors.high_throughput.node.cells import Cells
from parsl_like.executors.high_throughput.node.functions import Shelf
from parsl_like.executors.high_throughput.node.pipe import ManagerEnd, pack_task
from parsl_like.executors.high_throughput.node.worker import MODULE, Inherited
from parsl_like.serialize import pack_call, pack_function

def busy(descriptor):
    import os, time
    os.write(descriptor, b"running")
    while True:
        time.sleep(1000)

cells, shelf, pipe = Cells.create(1), Shelf(), ManagerEnd()
function = pack_function(busy)
shelf.put(function.hash, function.blob)
pipe.send(pack_task(1, function.hash, shelf.place(function.hash), pack_call((int(sys.argv[1]),), {}).body))
descriptors = (pipe.worker_descriptor, cells.descriptor, shelf.descriptor)
command = [sys.executable, "-m", MODULE, *Inherited(*descriptors, 0, os.getpid()).to_argv()]
subprocess.Popen(command, pass_fds=(*descriptors, int(sys.argv[1])), start_new_session=True)
signal.pause()
"""


def test_it_dies_with_its_manager_even_while_it_runs_a_task() -> None:
    reading, writing = os.pipe()
    manager = subprocess.Popen([sys.executable, "-c", ORPHAN, str(writing)], pass_fds=(writing,))
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read(7) == b"running"
        manager.kill()
        assert manager.wait(timeout=60) == -signal.SIGKILL
        assert pipe.read() == b""  # the worker held the other end: it is gone


@pytest.mark.parametrize("own_child", [True, False])
def test_it_does_not_even_start_for_whom_it_is_no_child_of(own_child: bool) -> None:
    theirs, own = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    cells, shelf = Cells.create(1), Shelf()
    descriptors = (own.fileno(), cells.descriptor, shelf.descriptor)
    theirs.shutdown(socket.SHUT_WR)
    command = [sys.executable, "-m", MODULE, *Inherited(*descriptors, 0, os.getpid() if own_child else 1).to_argv()]
    done = subprocess.run(command, pass_fds=descriptors, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    own.close()
    assert bool(theirs.recv(100)) == own_child  # it said that it is ready, or nothing
    for thing in (theirs, cells, shelf):
        thing.close()


def test_a_wrong_command_line_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        main(["a", "b", "c", "d", "e"])


def test_modules_are_found_where_the_driver_finds_them(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "colours.py").write_text("RED = 'ff0000'\n", encoding="utf-8")

    def red() -> str:
        import colours  # type: ignore[import-not-found]

        return str(colours.RED)

    with bench(tmp_path, python_path=(str(tmp_path / "missing"), str(folder))) as worker:
        assert worker.call(red) == "ff0000"
        assert str(tmp_path / "missing") not in worker.call(lambda: sys.path)
    with bench(tmp_path) as worker:
        assert isinstance(worker.call(red), ModuleNotFoundError | RemoteError)


def test_it_gets_default_signals_whatever_the_manager_ignores(tmp_path: Path) -> None:
    def dispositions() -> list[bool]:
        ignored = [signal.getsignal(n) is signal.SIG_IGN for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        return [*ignored, bool(signal.pthread_sigmask(signal.SIG_BLOCK, ()))]

    ignoring = (
        "import os, signal, sys; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; "
        "signal.pthread_sigmask(signal.SIG_BLOCK, {15}); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with bench(tmp_path, launcher=(sys.executable, "-c", ignoring)) as worker:
        assert worker.call(dispositions) == [False, False, False, False]


# --- interrupts


def test_an_interrupt_ends_a_task_and_not_its_worker(worker: Bench) -> None:
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    error = worker.call(interrupted)
    assert isinstance(error, TaskExit)
    assert error.type_name == "KeyboardInterrupt"
    assert worker.call(lambda: "next") == "next"


def test_a_task_may_catch_its_interrupt(worker: Bench) -> None:
    def interrupted() -> str:
        import _thread

        try:
            _thread.interrupt_main()
            time.sleep(60)
        except KeyboardInterrupt:
            return "caught"
        return "missed"

    assert worker.call(interrupted) == "caught"


def test_an_interrupt_between_tasks_does_nothing(worker: Bench) -> None:
    assert worker.call(lambda: "first") == "first"
    for _ in range(20):
        worker.process.send_signal(signal.SIGINT)
    assert worker.call(lambda: "next") == "next"
    assert worker.process.poll() is None


def test_an_interrupt_while_a_result_is_packed_does_nothing(worker: Bench) -> None:
    def gives() -> object:
        class Interrupts:
            def __reduce__(self) -> Any:
                os.kill(os.getpid(), signal.SIGINT)
                return (str, ("packed",))

        return Interrupts()

    error = worker.call(gives)  # its own code was interrupted, in the middle of the packing
    assert isinstance(error, TaskExit | SerializationError)
    assert worker.call(lambda: "next") == "next"


def test_children_of_a_task_can_be_interrupted(worker: Bench) -> None:
    def child() -> int:
        return subprocess.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 2)"], check=False).returncode

    assert worker.call(child) == -signal.SIGINT
