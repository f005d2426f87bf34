"""The pipe between a manager and a worker: real sockets, real processes."""

from __future__ import annotations

import errno
import os
import random
import resource
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.executors.high_throughput.node import pipe as module
from parsl_like.executors.high_throughput.node.pipe import (
    INLINE,
    READY,
    ManagerEnd,
    ResultPacket,
    WorkerEnd,
    encode_item,
    pack_refusal,
    pack_task,
)
from parsl_like.executors.high_throughput.protocol import ResultItem
from parsl_like.serialize.segments import Segment, buffers_of

HASH = bytes(range(16))
ECHO = """
import sys
from parsl_like.executors.high_throughput.node.pipe import WorkerEnd
link = WorkerEnd(int(sys.argv[1]), 7)
link.send_ready()
while (task := link.receive()) is not None:
    link.send(task.attempt, 0, bytes(task.body), task.buffers, 1.0, 1.5)
    del task
"""


@contextmanager
def both_ends() -> Iterator[tuple[ManagerEnd, WorkerEnd]]:
    manager = ManagerEnd()
    worker = WorkerEnd(os.dup(manager.worker_descriptor), 3)
    try:
        yield manager, worker
    finally:
        manager.close()
        worker.close()


@contextmanager
def echo() -> Iterator[tuple[ManagerEnd, subprocess.Popen[bytes]]]:
    """A process that reports the arguments of each attempt as its result."""
    manager = ManagerEnd()
    command = [sys.executable, "-c", ECHO, str(manager.worker_descriptor)]
    process = subprocess.Popen(command, pass_fds=(manager.worker_descriptor,))
    try:
        assert wait(manager) == [ResultPacket(READY, 0.0, b"", None)]
        yield manager, process
    finally:
        manager.close()
        assert process.wait(timeout=60) == 0


def wait(manager: ManagerEnd) -> list[ResultPacket]:
    poll = select.poll()
    poll.register(manager, select.POLLIN)
    assert poll.poll(60_000), "the worker does not answer"
    return manager.receive()


def parts_of(result: ResultPacket) -> list[bytes]:
    return [] if result.segment is None else [bytes(part) for part in buffers_of(result.segment)]


def item_of(result: ResultPacket) -> ResultItem:
    return msgspec.msgpack.decode(result.item, type=ResultItem)


@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2),
    st.binary(max_size=300),
    st.integers(0, 2**32 - 1),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False),
    st.integers(0, 2**32 - 1),
)
def test_a_packet_holds_an_item_of_the_wire(
    attempt: int, outcome: int, body: bytes, buffers: int, started: float, ended: float, worker: int
) -> None:
    encoded = encode_item(attempt, outcome, body, buffers, started, ended, worker)
    expected = ResultItem(attempt, outcome, body, buffers, started, ended, worker)
    assert msgspec.msgpack.decode(encoded, type=ResultItem) == expected


def test_the_outcomes_have_their_numbers_on_the_wire() -> None:
    from parsl_like.executors.high_throughput import protocol
    from parsl_like.executors.high_throughput.node import worker

    assert (worker.VALUE, worker.FAILURE) == (protocol.OUTCOME_VALUE, protocol.OUTCOME_FAILURE)


@pytest.mark.parametrize("size", [0, 1, INLINE - 1, INLINE, INLINE + 1, 10 * INLINE])
@pytest.mark.parametrize("buffers", [(), (b"x" * 70_000, b"", b"y")])
def test_an_attempt_arrives_as_it_was_sent(size: int, buffers: tuple[bytes, ...]) -> None:
    body = os.urandom(size) or b"."
    with both_ends() as (manager, worker):
        assert manager.send(pack_task(2**40, HASH, (5, 6), body, Segment.written(buffers) if buffers else None))
        task = worker.receive()
        assert task is not None
        assert task[:4] == (2**40, 5, 6, HASH)
        assert (bytes(task.body), [bytes(part) for part in task.buffers]) == (body, list(buffers))
        assert task.error is None
        del task


def test_a_body_may_come_as_the_first_buffer() -> None:
    with both_ends() as (manager, worker):
        assert manager.send(pack_task(1, HASH, (0, 0), b"", Segment.written([b"body", b"buffer"])))
        task = worker.receive()
        assert task is not None
        assert (bytes(task.body), [bytes(part) for part in task.buffers]) == (b"body", [b"buffer"])
        del task


@pytest.mark.parametrize("size", [1, INLINE, INLINE + 1, 10 * INLINE])
@pytest.mark.parametrize("buffers", [(), (b"x" * 70_000, b"", b"y")])
def test_a_result_arrives_as_it_was_sent(size: int, buffers: tuple[bytes, ...]) -> None:
    body = os.urandom(size)
    with both_ends() as (manager, worker):
        worker.send(9, 1, body, buffers, 10.0, 12.5)
        (result,) = manager.receive()
        assert (result.attempt, result.seconds) == (9, 2.5)
        item = item_of(result)
        assert (item.attempt, item.outcome, item.started, item.ended, item.worker) == (9, 1, 10.0, 12.5, 3)
        parts = parts_of(result)
        assert item.buffers == bool(parts)
        assert (item.body, parts) == ((body, list(buffers)) if size <= INLINE else (b"", [body, *buffers]))
        assert manager.receive() == []
        del result


def test_large_arguments_can_be_written_to_and_nobody_else_sees_it() -> None:
    with both_ends() as (manager, worker):
        parcel = pack_task(1, HASH, (0, 0), b"call", Segment.written([bytes(100_000)]))
        assert manager.send(parcel)
        task = worker.receive()
        assert task is not None
        task.buffers[0][:] = b"1" * 100_000
        assert parcel.segment is not None
        assert bytes(parcel.segment.buffers()[0]) == bytes(100_000)
        del task


def test_three_hundred_megabytes_there_and_back() -> None:
    size = 300 * 1024 * 1024
    large = bytearray(size)
    large[::4096] = bytes(n % 256 for n in range(size // 4096))
    with echo() as (manager, _):
        assert manager.send(pack_task(1, HASH, (0, 0), b"call", Segment.written([large])))
        (result,) = wait(manager)
        assert item_of(result).body == b"call"
        assert result.segment is not None
        assert buffers_of(result.segment)[0] == large
        del result


def test_each_packet_is_read_once_while_both_sides_read() -> None:
    count, seed = 10_000, random.Random(5)
    large = Segment.written([b"large"])
    waiting = [pack_task(n, HASH, (0, 0), b"a", large if n % 50 == 0 else None) for n in range(count)][::-1]
    reported: list[int] = []
    moves = 0
    with echo() as (manager, _):
        while len(reported) < count:
            for _ in range(seed.randrange(1, 60)):
                if waiting and not manager.send(parcel := waiting.pop()):
                    waiting.append(parcel)
                    break
            if seed.random() < 0.7:
                taken = manager.take_back(seed.randrange(1, 40))
                moves += len(taken)
                waiting += taken[::-1]
            if not waiting:
                reported += [result.attempt for result in wait(manager)]
            reported += [result.attempt for result in manager.receive()]
    assert sorted(reported) == list(range(count))
    assert moves > count // 20, "hardly anything was taken back: the test shows nothing"


def test_what_was_taken_back_is_what_was_sent_in_its_order() -> None:
    with both_ends() as (manager, worker):
        sent = [pack_task(n, HASH, (0, 0), b"x" * n, Segment.written([b"large"]) if n == 2 else None) for n in range(5)]
        for parcel in sent:
            assert manager.send(parcel)
        task = worker.receive()
        assert task is not None
        assert task.attempt == 0
        taken = manager.take_back(3)
        assert [(parcel.attempt, parcel.packet) for parcel in taken] == [(p.attempt, p.packet) for p in sent[1:4]]
        assert [parcel.segment is not None for parcel in taken] == [False, True, False]
        assert manager.send(taken[1])
        assert [parcel.attempt for parcel in manager.take_back(9)] == [4, 2]


def test_what_a_dead_worker_had_not_read_can_be_taken_back() -> None:
    manager = ManagerEnd()
    script = ECHO.replace("link.send(task", "__import__('os').kill(__import__('os').getpid(), 9)\n    link.send(task")
    command = [sys.executable, "-c", script, str(manager.worker_descriptor)]
    process = subprocess.Popen(command, pass_fds=(manager.worker_descriptor,))
    for attempt in range(4):
        assert manager.send(pack_task(attempt, HASH, (0, 0), b"a"))
    assert process.wait(timeout=60) == -9
    assert [result.attempt for result in manager.receive()] == [READY]
    assert [parcel.attempt for parcel in manager.take_back(99)] == [1, 2, 3]
    assert manager.take_back(99) == []
    manager.close()


def test_a_full_pipe_takes_nothing_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUFFER", 64 * 1024)
    with both_ends() as (manager, worker):
        parcels = iter([pack_task(n, HASH, (0, 0), bytes(8000)) for n in range(100)])
        sent = 0
        while manager.send(parcel := next(parcels)):
            sent += 1
        assert 1 < sent < 50
        for attempt in range(sent):
            task = worker.receive()
            assert task is not None
            assert task.attempt == attempt
        assert manager.send(parcel)
        large = pack_task(999, HASH, (0, 0), b"", Segment.written([b"large"]))
        while manager.send(next(parcels)):
            pass
        assert not manager.send(large)
        assert large.segment is not None
        assert bytes(large.segment.buffers()[0]) == b"large"  # still ours


def test_a_reason_can_stand_in_the_place_of_an_attempt() -> None:
    with both_ends() as (manager, worker):
        assert manager.send(pack_refusal(4, "no room: ü"))
        task = worker.receive()
        assert task is not None
        assert task.attempt == 4
        assert str(task.error) == "no room: ü"


def test_what_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with both_ends() as (manager, worker):
        assert manager.send(pack_task(1, HASH, (0, 0), b"call", Segment.written([b"large"])))
        worker.send(2, 0, b"value", [b"large"], 0.0, 0.0)
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(Segment, "buffers", refuse)
        monkeypatch.setattr(module, "received", refuse)
        task = worker.receive()
        assert task is not None
        assert "Cannot allocate memory" in str(task.error)
        assert manager.receive() == [ResultPacket(2, 0.0, b"", None)]
        monkeypatch.undo()
        del task
        # The stand-in for received() closes nothing; what the packet brought to the worker is closed.
        assert len(os.listdir("/proc/self/fd")) == before + 1
        os.close(max(int(n) for n in os.listdir("/proc/self/fd") if "segment" in _target(n)))


def _target(number: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""


def test_a_segment_that_is_shorter_than_was_said_is_told() -> None:
    with both_ends() as (manager, worker):
        parcel = pack_task(1, HASH, (0, 0), b"call", Segment.written([b"large"]))
        size = parcel.packet.index(struct.pack("<Q", len(parcel.segment or ())))
        packet = parcel.packet[:size] + struct.pack("<Q", 10**9) + parcel.packet[size + 8 :]
        assert manager.send(parcel._replace(packet=packet))
        task = worker.receive()
        assert task is not None
        assert "has only" in str(task.error)


def test_a_descriptor_that_got_lost_is_told() -> None:
    with both_ends() as (manager, worker):
        parcel = pack_task(1, HASH, (0, 0), b"call", Segment.written([b"large"]))
        assert manager.send(parcel._replace(segment=None))
        task = worker.receive()
        assert task is not None
        assert isinstance(task.error, OSError)
        assert task.error.errno == errno.EMFILE


def test_results_are_copied_where_descriptors_are_scarce() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with both_ends() as (manager, worker):
        worker.send(1, 0, b"value", [b"large"], 0.0, 0.0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
        try:
            (result,) = manager.receive()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert type(result.segment) is bytearray
        assert parts_of(result) == [b"large"]


# --- no more descriptors may be on their way


class Crowded:
    """A socket on which the kernel lets no descriptor pass, as ``man 7 unix`` has it for ETOOMANYREFS."""

    def __init__(self, real: socket.socket, times: int) -> None:
        self.real, self.times = real, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def sendmsg(self, parts: list[bytes], passed: list[Any]) -> int:
        if self.times:
            self.times -= 1
            raise OSError(errno.ETOOMANYREFS, "Too many references: cannot splice")
        return self.real.sendmsg(parts, passed)


def crowd(end: ManagerEnd | WorkerEnd, times: int) -> None:
    name = "_own" if isinstance(end, ManagerEnd) else "_socket"
    setattr(end, name, Crowded(getattr(end, name), times))


def test_where_no_descriptor_may_pass_the_worker_opens_it_itself() -> None:
    with both_ends() as (manager, worker):
        crowd(manager, 2)
        for attempt in (1, 2):
            assert manager.send(pack_task(attempt, HASH, (0, 0), b"call", Segment.written([b"%d" % attempt])))
        for attempt in (1, 2):
            task = worker.receive()
            assert task is not None
            assert (task.attempt, task.error) == (attempt, None)
            assert (bytes(task.body), [bytes(part) for part in task.buffers]) == (b"call", [b"%d" % attempt])
        before = len(os.listdir("/proc/self/fd"))
        for attempt in (1, 2):
            worker.send(attempt, 0, b"value", (), 0.0, 0.0)
        assert [result.attempt for result in manager.receive()] == [1, 2]
        assert len(os.listdir("/proc/self/fd")) == before - 2  # what was lent is let go


def test_a_worker_process_opens_what_its_manager_lends() -> None:
    with echo() as (manager, _):
        crowd(manager, 1)
        assert manager.send(pack_task(1, HASH, (0, 0), b"call", Segment.written([b"x" * 2_000_000])))
        (result,) = wait(manager)
        assert parts_of(result) == [b"x" * 2_000_000]


def test_what_was_lent_can_be_taken_back_and_sent_again() -> None:
    with both_ends() as (manager, worker):
        crowd(manager, 1)
        parcel = pack_task(1, HASH, (0, 0), b"call", Segment.written([b"large"]))
        assert manager.send(parcel)
        assert manager.take_back(5) == [parcel]
        assert manager.send(parcel)
        task = worker.receive()
        assert task is not None
        assert [bytes(part) for part in task.buffers] == [b"large"]


def test_nothing_is_lent_through_a_full_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUFFER", 64 * 1024)
    with both_ends() as (manager, _):
        while manager.send(pack_task(1, HASH, (0, 0), bytes(8000))):
            pass
        crowd(manager, 1)
        parcel = pack_task(2, HASH, (0, 0), bytes(8000), Segment.written([b"large"]))
        assert not manager.send(parcel)
        assert all(taken.segment is None for taken in manager.take_back(1000))


def test_a_worker_waits_until_its_descriptor_may_pass() -> None:
    with both_ends() as (manager, worker):
        crowd(worker, 5)
        worker.send(1, 0, b"value", [b"large"], 0.0, 0.0)
        (result,) = manager.receive()
        assert parts_of(result) == [b"large"]


def test_a_worker_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    with both_ends() as (manager, worker):
        crowd(worker, 5)
        with pytest.raises(OSError, match="Too many references"):
            worker.send(1, 0, b"value", [b"large"], 0.0, 0.0)
        assert manager.receive() == []


def test_a_worker_reads_what_is_left_and_then_the_end() -> None:
    with both_ends() as (manager, worker):
        assert manager.send(pack_task(1, HASH, (0, 0), b"call"))
        manager.hang_up()
        task = worker.receive()
        assert task is not None
        assert task.attempt == 1
        assert worker.receive() is None
        worker.send(1, 0, b"value", (), 0.0, 0.0)
        assert [result.attempt for result in manager.receive()] == [1]
        assert manager.take_back(5) == []


def test_the_end_of_either_side_is_noticed() -> None:
    manager = ManagerEnd()
    worker = WorkerEnd(os.dup(manager.worker_descriptor), 0)
    assert manager.send(pack_task(1, HASH, (0, 0), b"call"))
    worker_socket = socket.socket(fileno=os.dup(manager.worker_descriptor))
    worker_socket.shutdown(socket.SHUT_WR)
    worker_socket.close()
    assert manager.receive() == []
    manager.close()
    assert worker.receive() is not None
    assert worker.receive() is None
    with pytest.raises(BrokenPipeError):
        worker.send(1, 0, b"value", (), 0.0, 0.0)
    worker.close()


def test_a_manager_that_goes_without_listening_is_gone_all_the_same() -> None:
    manager = ManagerEnd()
    worker = WorkerEnd(os.dup(manager.worker_descriptor), 0)
    worker.send(1, 0, b"value", (), 0.0, 0.0)
    manager.close()
    assert worker.receive() is None
    worker.close()


def test_what_a_task_writes_into_the_pipe_does_not_come_between_results() -> None:
    end = ManagerEnd()
    worker = WorkerEnd(os.dup(end.worker_descriptor), 0)
    try:
        worker.send_ready()
        worker._socket.send(b"garbage")
        worker.send(5, 0, b"five", (), 1.0, 2.0)
        worker._socket.send(module._RESULT.pack(6, 1.0, 0, 0) + encode_item(6, 0, b"forged", 0, 1.0, 2.0, 0))
        worker.send(6, 0, b"six", (), 1.0, 2.0)
        assert [result.attempt for result in end.receive()] == [-1, 5, 6]
    finally:
        worker.close()
        end.close()


def test_descriptors_that_come_with_garbage_are_closed() -> None:
    end = ManagerEnd()
    worker = socket.socket(fileno=os.dup(end.worker_descriptor))
    reading, writing = os.pipe()
    try:
        socket.send_fds(worker, [b"garbage"], [writing, writing])
        os.close(writing)
        assert end.receive() == []
        assert os.read(reading, 1) == b""  # nobody has the other end any more
    finally:
        os.close(reading)
        worker.close()
        end.close()
