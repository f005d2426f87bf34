"""Results leave in numbered batches and stay until they have arrived."""

from __future__ import annotations

from parsl_like.executors.high_throughput.links.port import LARGE
from parsl_like.executors.high_throughput.node.outbox import BATCH_BYTES, BATCH_PARTS, Batch, Outbox
from parsl_like.executors.high_throughput.node.pipe import NEWS, NEWS_OUTCOME, ResultPacket, encode_item
from parsl_like.executors.high_throughput.protocol import MAX_FRAME, OUTCOME_NEWS, Results, decode, decode_items


def result(attempt: int, body: bytes = b"value", part: bytes = b"") -> ResultPacket:
    item = encode_item(attempt, 0, body, 1 if part else 0, 1.5, 2.5, 3)
    return ResultPacket(attempt, 1.0, item, bytearray(part) if part else None)


def contents(batch: Batch) -> list[tuple[int, bytes, list[bytes]]]:
    message = decode(batch.frame)
    assert isinstance(message, Results)
    assert message.sequence == batch.sequence
    items = decode_items(message.items)
    assert message.attempts == batch.attempts == [item.attempt for item in items]
    following = iter(batch.parts)
    return [(item.attempt, item.body, [bytes(next(following)) for _ in range(item.buffers)]) for item in items]


def test_all_results_of_a_moment_leave_together() -> None:
    outbox = Outbox(b"m")
    assert not outbox
    assert outbox.batches(5) == []
    outbox.add([result(1), result(2, part=b"x")])
    outbox.add([result(3, b"", b"z")])
    assert outbox
    (batch,) = outbox.batches(5)
    assert contents(batch) == [(1, b"value", []), (2, b"value", [b"x"]), (3, b"", [b"z"])]
    message = decode(batch.frame)
    assert (message.manager, message.sequence, message.capacity) == (b"m", 1, 5)
    assert not outbox


def test_a_batch_is_no_larger_than_a_frame_may_be() -> None:
    outbox = Outbox(b"m")
    body = bytes(64 * 1024)
    outbox.add([result(number, body, bytes([number % 256])) for number in range(2000)])
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


def test_a_batch_has_no_more_segments_than_a_message_passes() -> None:
    outbox = Outbox(b"m")
    outbox.add([result(number, part=b"x" if number % 2 else b"") for number in range(1000)])
    batches = outbox.batches(5)
    assert [len(batch.parts) for batch in batches] == [BATCH_PARTS] * 7 + [500 - 7 * BATCH_PARTS]
    found = [entry for batch in batches for entry in contents(batch)]
    assert found == [(number, b"value", [b"x"] if number % 2 else []) for number in range(1000)]


def test_what_was_acknowledged_is_let_go() -> None:
    import weakref

    from parsl_like.serialize.segments import Segment

    outbox, segment = Outbox(b"m"), Segment.written([b"large"])
    gone = weakref.ref(segment)
    outbox.add([result(1)._replace(segment=segment)])
    del segment
    outbox.batches(5)
    assert gone() is not None
    outbox.acknowledge(1)
    assert gone() is None


def test_what_is_large_leaves_alone() -> None:
    outbox = Outbox(b"m")
    outbox.add([result(number, part=bytes(LARGE) if number in (2, 3, 9) else b"x") for number in range(10)])
    assert [batch.attempts for batch in outbox.batches(5)] == [[0, 1], [2], [3], [4, 5, 6, 7, 8], [9]]


def test_news_leave_with_results_and_end_nothing() -> None:
    outbox = Outbox(b"m")
    told = ResultPacket(NEWS, 0.0, encode_item(1, NEWS_OUTCOME, b"[]", 0, 0.0, 0.0, 3), None)
    outbox.add([told, result(1)])
    (batch,) = outbox.batches(5)
    assert (batch.attempts, outbox.attempts()) == ([1], [1])
    assert [item.outcome for item in decode_items(decode(batch.frame).items)] == [OUTCOME_NEWS, 0]
    outbox.add([told])
    assert [batch.attempts for batch in outbox.batches(5)] == [[]]
