"""Results leave in numbered batches and stay until they have arrived."""

from __future__ import annotations

from parsl_like.executors.high_throughput.node.outbox import BATCH_BYTES, Batch, Outbox
from parsl_like.executors.high_throughput.node.pipe import ResultPacket, encode_item
from parsl_like.executors.high_throughput.protocol import MAX_FRAME, Results, decode, decode_items


def result(attempt: int, body: bytes = b"value", buffers: tuple[bytes, ...] = ()) -> ResultPacket:
    item = encode_item(attempt, 0, body, len(buffers), 1.5, 2.5, 3)
    return ResultPacket(attempt, 1.0, item, [memoryview(part) for part in buffers])


def contents(batch: Batch) -> list[tuple[int, bytes, list[bytes]]]:
    message = decode(batch.frame)
    assert isinstance(message, Results)
    assert message.sequence == batch.sequence
    items = decode_items(message.items)
    assert message.attempts == batch.attempts == [item.attempt for item in items]
    following = iter(batch.buffers)
    return [(item.attempt, item.body, [bytes(next(following)) for _ in range(item.buffers)]) for item in items]


def test_all_results_of_a_moment_leave_together() -> None:
    outbox = Outbox(b"m")
    assert not outbox
    assert outbox.batches(5) == []
    outbox.add([result(1), result(2, buffers=(b"x", b"y"))])
    outbox.add([result(3, b"", (b"z",))])
    assert outbox
    (batch,) = outbox.batches(5)
    assert contents(batch) == [(1, b"value", []), (2, b"value", [b"x", b"y"]), (3, b"", [b"z"])]
    message = decode(batch.frame)
    assert (message.manager, message.sequence, message.capacity) == (b"m", 1, 5)
    assert not outbox


def test_a_batch_is_no_larger_than_a_frame_may_be() -> None:
    outbox = Outbox(b"m")
    body = bytes(64 * 1024)
    outbox.add([result(number, body, (bytes([number % 256]),)) for number in range(2000)])
    batches = outbox.batches(5)
    assert len(batches) > 100
    assert all(len(batch.frame) <= BATCH_BYTES + 2 * len(body) < MAX_FRAME for batch in batches)
    found = [entry for batch in batches for entry in contents(batch)]
    assert [(attempt, buffers) for attempt, _, buffers in found] == [(n, [bytes([n % 256])]) for n in range(2000)]
    assert [batch.sequence for batch in batches] == list(range(1, len(batches) + 1))


def test_batches_are_kept_until_they_are_acknowledged() -> None:
    outbox = Outbox(b"m")
    for attempt in range(4):
        outbox.add([result(attempt)])
        outbox.batches(1)
    outbox.acknowledge(2)
    assert [batch.sequence for batch in outbox.unacknowledged()] == [3, 4]
    outbox.acknowledge(99)
    assert outbox.unacknowledged() == []
