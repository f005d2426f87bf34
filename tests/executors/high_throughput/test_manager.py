"""A manager as a real process, between real workers and an interchange made of two listeners in the test."""

from __future__ import annotations

import itertools
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from parsl_like.core.ids import attempt_id
from parsl_like.errors import AppTimeout, SerializationError, TaskExit, WorkerLost
from parsl_like.executors.high_throughput import manager as module
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.links.local import LocalListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.manager import main
from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions
from parsl_like.executors.high_throughput.protocol import (
    OUTCOME_LOST,
    OUTCOME_VALUE,
    Acknowledged,
    Cancel,
    Cancelled,
    Drain,
    Function,
    Goodbye,
    Heartbeat,
    Message,
    NeedFunction,
    Refused,
    Register,
    Registered,
    ResultItem,
    Results,
    Stop,
    TaskItem,
    Tasks,
)
from parsl_like.serialize import pack_call, pack_function, unpack, unpack_failure
from parsl_like.serialize.segments import Segment, buffers_of

pytestmark = pytest.mark.integration

MODULE = "parsl_like.executors.high_throughput.manager"
PATIENCE_S = 20.0
M = TypeVar("M", bound=Message)


class Interchange:
    """Two listeners that a manager takes for an interchange, and what has come through them."""

    def __init__(self, folder: Path, sockets: str) -> None:
        self.folder = folder
        self.endpoint = Endpoint(f"ipc://{sockets}/data", f"ipc://{sockets}/control")
        self.waiter = Waiter()
        self.period, self.threshold = 5.0, 30.0
        self.managers: list[subprocess.Popen[str]] = []
        self.manager = b""
        self.registers: list[Register] = []
        self.results: dict[int, tuple[ResultItem, list[memoryview]]] = {}
        self.batches: list[Results] = []
        self.heard: list[Message] = []
        self.answers: Callable[[Register], Message | None] = lambda _: Registered(1, self.period, self.threshold)
        self.numbers = itertools.count()
        self.listen()

    def listen(self) -> None:
        self.data, self.control = LocalListener(self.endpoint.data), LocalListener(self.endpoint.control)
        for listener in (self.data, self.control):
            listener.watch(self.waiter)

    def deafen(self) -> None:
        self.data.close(1000)
        self.control.close(1000)

    def start(self, **options: Any) -> subprocess.Popen[str]:
        told = {"run_id": "run", "label": "htex", "logdir": str(self.folder / "logs"), "block_id": "3", "uid": "m"}
        told |= {"addresses": (self.endpoint,), "max_workers": 2, "cores_per_worker": 0.1, **options}
        command = [sys.executable, "-m", MODULE, *ManagerOptions(**told).to_argv()]
        manager = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.managers.append(manager)
        return manager

    # --- speaking

    def tell(self, message: Message) -> None:
        assert self.control.send(protocol.encode(message), to=self.manager)

    def give(self, message: Message, *parts: Segment) -> None:
        # It may have been heard on one link only so far.
        self.until(lambda: self.data.send(protocol.encode(message), parts, to=self.manager))

    def submit(self, function: Callable[..., Any], *args: Any, walltime: float = 0.0, slots: int = 1) -> int:
        """Give one call away; its attempt."""
        return self.submit_many(function, [args], walltime=walltime, slots=slots)[0]

    def submit_many(
        self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, walltime: float = 0.0, slots: int = 1
    ) -> list[int]:
        packed = pack_function(function)
        self.give(Function(packed.hash, packed.name, packed.blob))
        items, parts = [], []
        for args in calls:
            body, buffers = pack_call(args, {})
            attempt = attempt_id(next(self.numbers), 2)
            items.append(TaskItem(attempt, packed.hash, body, int(bool(buffers)), 0.0, walltime, 0, slots))
            if buffers:
                parts.append(Segment.written(buffers))
        self.give(Tasks(items), *parts)
        return [item.attempt for item in items]

    # --- listening

    def listen_once(self) -> None:
        ready = self.waiter.wait(PATIENCE_S)
        assert ready, f"the manager says nothing\n{self.logs()}"
        for listener in ready:
            while (message := listener.receive()) is not None:
                _, frame, *parts = message
                if frame:
                    self.take(protocol.decode(frame), parts)

    def take(self, message: Any, parts: list[Any]) -> None:
        self.heard.append(message)
        if isinstance(message, Register):
            self.registers.append(message)
            self.manager = message.manager
            if (answer := self.answers(message)) is not None:
                self.tell(answer)
        elif isinstance(message, Results):
            self.batches.append(message)
            following = iter(parts)
            for item in protocol.decode_items(message.items):
                assert item.attempt not in self.results, f"{item.attempt} was reported twice"
                assert item.buffers in (0, 1)
                self.results[item.attempt] = item, buffers_of(next(following)) if item.buffers else []

    def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            self.listen_once()

    def wait(self, kind: type[M]) -> M:
        """The next message of a kind that has not been waited for."""
        self.until(lambda: any(isinstance(message, kind) for message in self.heard))
        message = next(message for message in self.heard if isinstance(message, kind))
        self.heard.remove(message)
        return message

    def answer(self, attempt: int) -> Any:
        """What an attempt gave or raised."""
        self.until(lambda: attempt in self.results)
        item, buffers = self.results[attempt]
        body, parts = (item.body, buffers) if item.body else (buffers[0], buffers[1:])
        return unpack(body, parts) if item.outcome == OUTCOME_VALUE else unpack_failure(body)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self.answer(self.submit(function, *args, **options))

    def join(self, **options: Any) -> subprocess.Popen[str]:
        manager = self.start(**options)
        self.until(lambda: len(self.registers) == 1)
        return manager

    def stop(self) -> Goodbye:
        self.tell(Stop("the test is over"))
        goodbye = self.wait(Goodbye)
        for manager in self.managers:
            manager.wait(timeout=60)
        return goodbye

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.rglob("*.log")))

    def close(self) -> None:
        for manager in self.managers:
            manager.kill()
            manager.communicate()
        self.data.close()
        self.control.close()
        self.waiter.close()


@pytest.fixture
def interchange(tmp_path: Path) -> Iterator[Interchange]:
    with tempfile.TemporaryDirectory(prefix="pl-") as sockets:
        made = Interchange(tmp_path, sockets)
        yield made
        made.close()


def finish(manager: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and last words of a manager that ends."""
    _, words = manager.communicate(timeout=60)
    return manager.returncode, words


def workers_of(manager: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{manager.pid}/task/{manager.pid}/children")
    return [int(pid) for pid in children.read_text(encoding="ascii").split()]


def gone(pids: Sequence[int]) -> bool:
    """Wait until none of them lives."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended = select.select([descriptor], [], [], 60)[0]
        os.close(descriptor)
        if not ended:
            return False
    return True


def running(file: str) -> None:
    """Say so in a file, and go on for ever."""
    with open(f"{file}-", "w", encoding="ascii") as new:
        new.write(str(os.getpid()))
    os.rename(f"{file}-", file)
    while True:
        time.sleep(1000)


def wait_for(*files: Path) -> None:
    deadline = time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.002)


# --- in good order


def test_it_presents_itself(interchange: Interchange) -> None:
    interchange.join(prefetch=3, accelerators=("a", "b"))
    (register,) = interchange.registers
    assert (register.version, register.run_id, register.manager) == (protocol.PROTOCOL_VERSION, "run", b"m")
    assert (register.block, register.slots, register.capacity) == ("3", 2, 5)
    assert (register.pid, register.held, register.unacknowledged) == (interchange.managers[0].pid, [], [])
    assert register.accelerators == ["a", "b"]
    assert "msgspec" in register.packages
    assert interchange.stop() == Goodbye("the interchange said so: the test is over", [])
    assert finish(interchange.managers[0]) == (0, "")
    assert "2 workers" in interchange.logs()


def test_calls_return(interchange: Interchange) -> None:
    interchange.join()
    assert interchange.call(lambda a, b: a + b, 40, 2) == 42
    assert interchange.call(pow, 2, 100) == 2**100
    interchange.stop()


def test_a_thousand_tasks_each_once_in_few_messages(interchange: Interchange) -> None:
    interchange.join()
    attempts = interchange.submit_many(lambda number: number * number, [(number,) for number in range(1000)])
    interchange.until(lambda: len(interchange.results) == 1000)
    assert [interchange.answer(attempt) for attempt in attempts] == [number * number for number in range(1000)]
    assert [batch.sequence for batch in interchange.batches] == list(range(1, len(interchange.batches) + 1))
    assert {item.worker for item, _ in interchange.results.values()} <= {0, 1}
    interchange.stop()


def test_two_hundred_megabytes_in_and_three_hundred_out(interchange: Interchange) -> None:
    interchange.join()
    assert interchange.call(len, bytes(200 * 1024 * 1024)) == 200 * 1024 * 1024
    large = interchange.call(bytes, 300 * 1024 * 1024)
    assert len(large) == 300 * 1024 * 1024
    assert interchange.call(lambda: "next") == "next"
    interchange.stop()


def test_arrays_can_be_written_to(interchange: Interchange) -> None:
    numpy = pytest.importorskip("numpy")

    def incremented(*arrays: Any) -> Any:
        for array in arrays:
            array[...] += 1
        return arrays

    interchange.join()
    arrays = [numpy.arange(50_000.0), numpy.arange(20_000)]
    back = interchange.call(incremented, *arrays)
    assert all((new == old + 1).all() for new, old in zip(back, arrays, strict=True))
    interchange.stop()


def test_results_that_are_there_do_not_wait_for_long_tasks(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join(max_workers=1)
    for _ in range(100):
        interchange.call(abs, -1)
    quick = interchange.submit_many(abs, [(-1,), (-2,)])
    interchange.submit(running, str(tmp_path / "long"))
    assert [interchange.answer(attempt) for attempt in quick] == [1, 2]
    interchange.stop()


def test_short_tasks_flow_past_a_long_one(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join()
    interchange.submit_many(abs, [(-n,) for n in range(500)])
    interchange.until(lambda: len(interchange.results) == 500)
    interchange.submit(running, str(tmp_path / "long"))
    interchange.submit_many(abs, [(-n,) for n in range(2000)])
    interchange.until(lambda: len(interchange.results) == 2500)
    interchange.stop()


def test_heartbeats_name_what_runs(interchange: Interchange, tmp_path: Path) -> None:
    interchange.period = 0.05
    interchange.join()
    assert interchange.wait(Heartbeat).running == []
    attempt = interchange.submit(running, str(tmp_path / "a"))
    while (beat := interchange.wait(Heartbeat)).running != [attempt]:
        assert beat.running == []
    assert beat.capacity == 2
    interchange.stop()


def test_a_missing_function_is_asked_for_once_per_message(interchange: Interchange) -> None:
    interchange.join()
    packed = pack_function(abs)
    call = pack_call((-5,), {})
    interchange.give(Tasks([TaskItem(1, packed.hash, call.body), TaskItem(2, packed.hash, call.body)]))
    assert interchange.wait(NeedFunction).hashes == [packed.hash]
    interchange.give(Tasks([TaskItem(1, packed.hash, call.body)]))
    interchange.tell(Cancel([2]))
    assert interchange.wait(Cancelled).attempts == [2]
    interchange.give(Function(packed.hash, "abs", packed.blob))
    assert interchange.answer(1) == 5
    assert interchange.stop().returned == []
    assert 2 not in interchange.results


def test_an_attempt_of_two_slots_runs_alone(interchange: Interchange) -> None:
    interchange.join()
    assert interchange.call(abs, -1, slots=2) == 1
    assert interchange.call(abs, -2, slots=9) == 2
    interchange.stop()


def test_several_attempts_wait_in_the_order_of_their_priority(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join(max_workers=1, prefetch=10)
    interchange.submit(running, str(tmp_path / "first"))
    wait_for(tmp_path / "first")
    packed, body = pack_function(abs), pack_call((-1,), {}).body
    interchange.give(Function(packed.hash, "abs", packed.blob))
    priorities = {100: 1.0, 101: 0.0, 102: -1.0, 103: 0.0}
    interchange.give(Tasks([TaskItem(n, packed.hash, body, 0, priority) for n, priority in priorities.items()]))
    interchange.tell(Cancel([0 << 16 | 2]))
    interchange.until(lambda: len(interchange.results) == 4)
    assert list(interchange.results) == [102, 101, 103, 100]
    interchange.stop()


# --- what tasks do to workers


@pytest.mark.parametrize(
    ("code", "how", "last_words"),
    [
        ("import os; print('bye', flush=True); os._exit(7)", 7, "bye"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, "Segmentation fault"),
    ],
)
def test_a_death_is_told_with_its_circumstances_and_the_worker_replaced(
    interchange: Interchange, code: str, how: int, last_words: str
) -> None:
    def die(code: str) -> None:
        exec(code)

    interchange.join(max_workers=1)
    error = interchange.call(die, code)
    assert isinstance(error, WorkerLost)
    assert (error.worker_id, error.exitcode, error.attempt) == (0, how, 2)
    assert error.hostname == interchange.registers[0].hostname
    assert last_words in error.output_tail
    assert error.log_path == str(interchange.folder / "logs" / "m" / "worker_0.log")
    assert interchange.call(abs, -1) == 1
    interchange.stop()


def test_tasks_beside_a_death_are_not_touched(interchange: Interchange) -> None:
    def maybe(number: int) -> int:
        if number % 100 == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    interchange.join()
    attempts = interchange.submit_many(maybe, [(number,) for number in range(1000)])
    interchange.until(lambda: len(interchange.results) == 1000)
    for number, attempt in enumerate(attempts):
        answer = interchange.answer(attempt)
        assert isinstance(answer, WorkerLost) if number % 100 == 99 else answer == number
    interchange.stop()


def test_what_ends_a_process_elsewhere_ends_no_worker(interchange: Interchange) -> None:
    def deeper() -> None:
        deeper()

    manager = interchange.join()
    workers = workers_of(manager)
    assert isinstance(interchange.call(sys.exit, 3), TaskExit)
    assert isinstance(interchange.call(deeper), RecursionError)
    assert isinstance(interchange.call(lambda: (number for number in ())), SerializationError)
    assert interchange.call(eval, "__import__('sys').stdin.read()") == ""
    assert interchange.call(lambda: sum(sys.stdout.write("x" * 1024 * 1024) for _ in range(20))) == 20 * 1024 * 1024
    assert workers_of(manager) == workers
    interchange.stop()


def test_idle_workers_are_replaced_unseen(interchange: Interchange) -> None:
    manager = interchange.join()
    pids = {interchange.call(os.getpid) for _ in range(20)}
    for pid in workers_of(manager):
        os.kill(pid, signal.SIGKILL)
    new = {interchange.call(os.getpid) for _ in range(20)}
    assert not new & pids
    assert all(item.outcome == OUTCOME_VALUE for item, _ in interchange.results.values())
    interchange.stop()


def test_a_task_that_does_not_end_in_its_time_costs_its_worker(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join()
    attempt = interchange.submit(running, str(tmp_path / "long"), walltime=0.1)
    begun = time.monotonic()
    error = interchange.answer(attempt)
    assert isinstance(error, AppTimeout)
    assert "walltime of 0.1 s" in str(error)
    assert time.monotonic() - begun >= 5
    assert gone([int((tmp_path / "long").read_text(encoding="ascii"))])
    assert interchange.call(abs, -1) == 1
    interchange.stop()


@pytest.mark.parametrize(
    ("customize", "reason"),
    [
        (
            "import os\nif 'PARSL_WORKER_RANK' in os.environ: os.write(2, b'no licence'); os._exit(9)",
            r"in a row died before they were ready, the last one by exit code 9. Its output:\nno licence",
        ),
        ("import sys\nsys.executable = '/nowhere/python'", "could not be started: .* '/nowhere/python'"),
    ],
)
def test_workers_that_cannot_start_end_the_manager_with_the_reason(
    interchange: Interchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, customize: str, reason: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(customize, encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ['PYTHONPATH']}")
    manager = interchange.join()
    attempt = interchange.submit(abs, -1)
    goodbye = interchange.wait(Goodbye)
    assert goodbye.returned == [attempt]
    assert re.search(reason, goodbye.reason)
    code, words = finish(manager)
    assert code == 1
    assert re.search(reason, words)


# --- cancel


def test_a_queued_attempt_is_forgotten(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join(max_workers=1, prefetch=10)
    interchange.submit(running, str(tmp_path / "a"))
    wait_for(tmp_path / "a")
    queued = interchange.submit(abs, -1)
    interchange.tell(Cancel([queued]))
    assert interchange.wait(Cancelled).attempts == [queued]
    assert interchange.stop().returned == []


def test_a_running_attempt_is_stopped_with_all_it_has_started(interchange: Interchange, tmp_path: Path) -> None:
    def family(folder: str) -> None:
        import subprocess

        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        with open(f"{folder}/child-", "w", encoding="ascii") as file:
            file.write(str(child.pid))
        os.rename(f"{folder}/child-", f"{folder}/child")
        child.wait()

    interchange.join(max_workers=1)
    attempt = interchange.submit(family, str(tmp_path))
    wait_for(tmp_path / "child")
    interchange.tell(Cancel([attempt]))
    assert interchange.wait(Cancelled).attempts == [attempt]
    assert interchange.call(abs, -1) == 1
    assert gone([int((tmp_path / "child").read_text(encoding="ascii"))])
    assert attempt not in interchange.results
    interchange.stop()


def test_neighbours_of_a_cancelled_attempt_are_not_touched(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join()
    interchange.submit_many(abs, [(-n,) for n in range(500)])
    interchange.until(lambda: len(interchange.results) == 500)
    attempt = interchange.submit(running, str(tmp_path / "long"))
    others = interchange.submit_many(abs, [(-n,) for n in range(300)])
    wait_for(tmp_path / "long")
    interchange.tell(Cancel([attempt]))
    assert interchange.wait(Cancelled).attempts == [attempt]
    assert [interchange.answer(other) for other in others] == list(range(300))
    assert attempt not in interchange.results
    interchange.stop()


def test_an_attempt_that_ends_while_it_is_being_stopped_is_not_reported(
    interchange: Interchange, tmp_path: Path
) -> None:
    def yielding(folder: str) -> str:
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda _number, _frame: told.set())
        open(f"{folder}/runs", "w", encoding="ascii").close()
        told.wait()
        return "ended"

    interchange.join(max_workers=1)
    attempt = interchange.submit(yielding, str(tmp_path))
    wait_for(tmp_path / "runs")
    interchange.tell(Cancel([attempt]))
    assert interchange.wait(Cancelled).attempts == [attempt]
    assert interchange.call(abs, -1) == 1
    assert attempt not in interchange.results
    interchange.stop()


def test_a_cancellation_may_overtake_its_task(interchange: Interchange) -> None:
    interchange.join()
    packed, body = pack_function(abs), pack_call((-1,), {}).body
    interchange.tell(Cancel([77]))
    assert interchange.wait(Cancelled).attempts == [77]
    interchange.give(Function(packed.hash, "abs", packed.blob))
    interchange.give(Tasks([TaskItem(77, packed.hash, body), TaskItem(78, packed.hash, body)]))
    assert interchange.answer(78) == 1
    assert interchange.stop().returned == []
    assert 77 not in interchange.results


# --- connections


def test_after_a_cut_it_presents_what_it_holds_and_sends_again_what_was_not_acknowledged(
    interchange: Interchange, tmp_path: Path
) -> None:
    interchange.period = 0.05
    interchange.join(max_workers=2)
    for number in range(3):
        interchange.call(abs, -number)
    attempt = interchange.submit(running, str(tmp_path / "a"))
    wait_for(tmp_path / "a")
    interchange.deafen()
    before, interchange.results = interchange.results, {}
    interchange.heard.clear()
    interchange.listen()
    interchange.wait(Heartbeat)
    interchange.tell(Acknowledged(interchange.batches[0].sequence))
    interchange.tell(Registered(0, interchange.period, interchange.threshold))
    register = interchange.wait(Register)
    assert register.held == [attempt]
    assert register.unacknowledged == [batch.sequence for batch in interchange.batches[1:]]
    interchange.until(lambda: len(interchange.results) == 2)
    assert set(interchange.results) == set(list(before)[1:])
    packed, body = pack_function(abs), pack_call((-9,), {}).body
    interchange.give(Function(packed.hash, "abs", packed.blob))
    repeated = next(iter(interchange.results))
    interchange.give(Tasks([TaskItem(number, packed.hash, body) for number in (attempt, repeated, 1 << 30)]))
    assert interchange.answer(1 << 30) == 9  # the others were not run again
    interchange.stop()


def test_acknowledgements_also_come_with_tasks(interchange: Interchange) -> None:
    interchange.join()
    interchange.call(abs, -1)
    packed, body = pack_function(abs), pack_call((-2,), {}).body
    interchange.give(Tasks([TaskItem(500, packed.hash, body)], [(b"other", 99), (b"m", 1)]))
    assert interchange.answer(500) == 2
    interchange.registers.clear()
    interchange.answers = lambda _: None
    interchange.tell(Registered(0, 5.0, 30.0))
    interchange.until(lambda: interchange.registers)
    assert interchange.registers[0].unacknowledged == [2]
    interchange.stop()


def test_a_silent_interchange_is_given_up(interchange: Interchange, tmp_path: Path) -> None:
    manager = interchange.join()
    interchange.submit(running, str(tmp_path / "a"))
    wait_for(tmp_path / "a")
    workers = workers_of(manager)
    interchange.tell(Registered(1, 0.1, 0.5))
    code, words = finish(manager)
    assert code == 1
    assert "nothing was heard of the interchange at ipc://" in words
    assert gone(workers)


def test_a_manager_of_another_run_is_refused(interchange: Interchange) -> None:
    interchange.answers = lambda register: Refused(f"run {register.run_id} is another one")
    manager = interchange.join()
    code, words = finish(manager)
    assert code == 1
    assert "refused this manager: run run is another one" in words


def test_a_manager_may_be_refused_later(interchange: Interchange) -> None:
    manager = interchange.join()
    interchange.tell(Refused("no"))
    assert interchange.wait(Goodbye).reason == "the interchange refused it: no"
    assert finish(manager)[0] == 1


def test_the_next_address_is_tried_when_one_does_not_answer(interchange: Interchange) -> None:
    with tempfile.TemporaryDirectory(prefix="pl-") as folder:
        urls = [f"ipc://{folder}/{number}" for number in range(2)]
        dumb = [LocalListener(url) for url in urls]
        addresses = (Endpoint("ipc:///nowhere/d", "ipc:///nowhere/c"), Endpoint(*urls), interchange.endpoint)
        interchange.join(addresses=addresses, address_probe_timeout=0.3)
        for listener in dumb:
            listener.close()
        assert interchange.call(abs, -1) == 1
        interchange.stop()


def test_nonsense_before_the_answer_is_dropped(interchange: Interchange) -> None:
    def answer(register: Register) -> Message:
        assert interchange.control.send(b"\xc1", to=register.manager)
        return Registered(1, 5.0, 30.0)

    interchange.answers = answer
    interchange.join()
    assert interchange.call(abs, -1) == 1
    interchange.stop()


def test_no_interchange_anywhere_is_told_with_every_address(interchange: Interchange) -> None:
    interchange.deafen()
    addresses = (Endpoint("ipc:///nowhere/d", "ipc:///nowhere/c"), Endpoint("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"))
    code, words = finish(interchange.start(addresses=addresses))
    assert code == 1
    assert "ipc:///nowhere/c: [Errno 2] No such file or directory; tcp://127.0.0.1:1: Connection refused" in words


def test_an_interchange_that_never_answers_is_told_apart_from_one_that_is_none(interchange: Interchange) -> None:
    interchange.answers = lambda _: None
    manager = interchange.start(address_probe_timeout=0.2)
    interchange.until(lambda: interchange.registers)
    code, words = finish(manager)
    assert code == 1
    assert "it does not answer (waited 0.2 s)" in words


def test_nonsense_is_dropped(interchange: Interchange) -> None:
    interchange.join()
    assert interchange.control.send(b"\xc1 nonsense", to=interchange.manager)
    interchange.tell(Goodbye("not for a manager"))
    interchange.give(Tasks([TaskItem(5, b"f" * 16, b"", 3)]))
    assert interchange.call(abs, -1) == 1
    assert interchange.stop().returned == []
    assert interchange.logs().count("dropped a message") == 3


# --- ends


def test_draining_finishes_what_is_there_and_takes_nothing_new(interchange: Interchange, tmp_path: Path) -> None:
    def until(folder: str, number: int) -> str:
        open(f"{folder}/{number}", "w", encoding="ascii").close()
        while not os.path.exists(f"{folder}/go"):
            time.sleep(0.001)
        return "finished"

    manager = interchange.join(prefetch=5)
    attempts = interchange.submit_many(until, [(str(tmp_path), number) for number in range(3)])
    wait_for(tmp_path / "0", tmp_path / "1")
    interchange.tell(Drain(["3"]))
    late = interchange.submit(abs, -1)
    interchange.until(lambda: late in interchange.results)
    assert interchange.results[late][0].outcome == OUTCOME_LOST
    (tmp_path / "go").touch()
    assert [interchange.answer(attempt) for attempt in attempts] == ["finished"] * 3
    goodbye = interchange.wait(Goodbye)
    assert (goodbye.reason, goodbye.returned, goodbye.abandoned) == ("it is drained", [], [])
    assert goodbye.finished  # this interchange acknowledges nothing
    assert finish(manager) == (0, "")


def test_a_manager_drains_itself_after_its_period(interchange: Interchange) -> None:
    manager = interchange.join(drain_period=0.2)
    assert interchange.wait(Drain).blocks == ["3"]
    assert interchange.call(abs, -1) == 1  # it was on its way
    interchange.tell(Drain(["3"]))
    assert interchange.wait(Goodbye).reason == "it is drained"
    assert finish(manager) == (0, "")


def ends_in(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the blocks of managers end that are started from now on."""
    monkeypatch.setenv("PARSL_LIKE_BLOCK_ENDS", str(time.time() + seconds))


def test_a_manager_ends_before_its_block_does(
    interchange: Interchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def until(folder: str, number: int) -> str:
        open(f"{folder}/{number}", "w", encoding="ascii").close()
        while not os.path.exists(f"{folder}/go"):
            time.sleep(0.001)
        return "finished"

    ends_in(10.0, monkeypatch)
    manager = interchange.start(prefetch=5)
    interchange.until(lambda: len(interchange.registers) == 2)  # once it knows how long it took to be taken
    first, second = interchange.registers
    assert 0 < second.leaves <= second.life <= first.leaves == first.life < first.ends <= 10.0
    assert interchange.call(time.sleep, 2.0) is None  # so it wants to have more than that when it drains
    attempts = interchange.submit_many(until, [(str(tmp_path), number) for number in range(4)])
    wait_for(tmp_path / "0", tmp_path / "1")
    assert interchange.wait(Drain) == Drain(["3"], "its block ends soon")
    interchange.tell(Drain(["3"]))
    interchange.until(lambda: set(attempts[2:]) <= interchange.results.keys())
    assert {interchange.results[attempt][0].outcome for attempt in attempts[2:]} == {OUTCOME_LOST}
    (tmp_path / "go").touch()
    assert [interchange.answer(attempt) for attempt in attempts[:2]] == ["finished"] * 2
    goodbye = interchange.wait(Goodbye)
    assert (goodbye.reason, goodbye.returned, goodbye.abandoned) == ("it is drained", [], [])
    assert not goodbye.expired
    assert finish(manager) == (0, "")


def test_what_still_runs_when_the_time_is_up_is_stopped_in_order(
    interchange: Interchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(5.0, monkeypatch)
    manager = interchange.start(max_workers=1)
    interchange.until(lambda: len(interchange.registers) == 2)
    attempt = interchange.submit(running, str(tmp_path / "a"))
    goodbye = interchange.wait(Goodbye)
    assert (goodbye.reason, goodbye.expired) == (protocol.TIME_IS_UP, True)
    assert (goodbye.returned, goodbye.abandoned) == ([], [attempt])
    assert 0 < goodbye.ran[0] < 5.0
    assert finish(manager) == (0, "")


def test_stopping_gives_back_what_had_not_begun(interchange: Interchange, tmp_path: Path) -> None:
    manager = interchange.join(prefetch=10)
    interchange.submit(running, str(tmp_path / "a"))
    interchange.submit(running, str(tmp_path / "b"))
    wait_for(tmp_path / "a", tmp_path / "b")
    waiting = interchange.submit_many(abs, [(-n,) for n in range(4)])
    missing = 1 << 40
    interchange.give(Tasks([TaskItem(missing, b"?" * 16, b"")]))
    interchange.wait(NeedFunction)
    workers = workers_of(manager)
    assert sorted(interchange.stop().returned) == [*waiting, missing]
    assert finish(manager) == (0, "")
    assert gone(workers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(interchange: Interchange, tmp_path: Path, number: signal.Signals) -> None:
    manager = interchange.join()
    interchange.submit(running, str(tmp_path / "a"))
    wait_for(tmp_path / "a")
    workers = workers_of(manager)
    manager.send_signal(number)
    assert interchange.wait(Goodbye).reason == f"it got {number.name}"
    assert finish(manager) == (0, "")
    assert gone(workers)


def test_a_signal_ends_it_also_before_it_has_joined(interchange: Interchange) -> None:
    interchange.answers = lambda _: None
    manager = interchange.start()
    interchange.until(lambda: interchange.registers)
    manager.send_signal(signal.SIGTERM)
    assert finish(manager) == (0, "")


def test_workers_die_with_their_manager(interchange: Interchange, tmp_path: Path) -> None:
    manager = interchange.join()
    interchange.submit(running, str(tmp_path / "a"))
    wait_for(tmp_path / "a")
    workers = workers_of(manager)
    assert len(workers) == 2
    manager.kill()
    assert gone(workers)
    finish(manager)


def test_a_wrong_command_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--options", "nonsense"]) == 1
    assert "ManagerOptions on the command line" in capsys.readouterr().err
    assert main([]) == 1


def test_what_should_not_be_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("should not be")

    monkeypatch.setattr(module, "_manage", fail)
    told = ManagerOptions(run_id="r", label="l", logdir=str(tmp_path), addresses=(), block_id="0")
    with pytest.raises(RuntimeError, match="should not be"):
        main(told.to_argv())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cpu_affinity": "list:9999"}, "names processors [9999]"),
        ({"key_file": "/nowhere/manager.key"}, "/nowhere/manager.key"),
        ({"logdir": "/proc/nowhere"}, "/proc/nowhere"),
    ],
)
def test_what_it_was_told_and_cannot_do_is_told(interchange: Interchange, options: dict[str, Any], words: str) -> None:
    code, said = finish(interchange.start(**options))
    assert code == 1
    assert words in said


def test_workers_logs_may_lie_elsewhere(interchange: Interchange, tmp_path: Path) -> None:
    interchange.join(worker_logdir_root=str(tmp_path / "elsewhere"))
    interchange.call(print, "hello")
    interchange.stop()
    assert any("hello" in path.read_text() for path in (tmp_path / "elsewhere" / "m").iterdir())
    assert (tmp_path / "logs" / "m" / "manager.log").exists()


def test_a_manager_of_the_drivers_host_loads_no_zmq() -> None:
    code = "import sys, parsl_like.executors.high_throughput.node.manager_loop; print('zmq' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
