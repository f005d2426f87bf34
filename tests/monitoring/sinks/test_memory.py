from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from parsl_like.core.records import Record
from parsl_like.monitoring.sinks.memory import MemorySink


def test_keeps_the_last_and_counts_all() -> None:
    sink = MemorySink(keep=3)
    sink.write([Record("task", float(i), i, {}) for i in range(5)])
    sink.write([Record("state", 9.0, 9, {})])
    assert [record.subject for record in sink.last()] == [3, 4, 9]
    assert [record.subject for record in sink.last("task")] == [3, 4]
    assert sink.counts() == {"task": 5, "state": 1}


def test_what_it_gives_is_the_callers() -> None:
    sink = MemorySink()
    sink.write([Record("run", 1.0, "x", {})])
    sink.last().clear()
    sink.counts().clear()
    assert len(sink.last()) == 1
    assert sink.counts() == {"run": 1}


def test_may_be_read_while_it_is_written() -> None:
    sink = MemorySink(keep=500)
    batch = [Record("state", 1.0, i, {}) for i in range(100)]
    with ThreadPoolExecutor(2) as pool:
        writer = pool.submit(lambda: [sink.write(batch) for _ in range(500)])
        reader = pool.submit(lambda: [len(sink.last("state")) for _ in range(500)])
        assert max(reader.result()) <= 500
        writer.result()
    assert sink.counts() == {"state": 50_000}


def test_rare_records_are_not_driven_out_by_those_of_tasks() -> None:
    sink = MemorySink(keep=10)
    sink.write([Record("decision", 0.5, "htex", {"scale_out": 1}), Record("state", 0.6, 0, {})])
    for number in range(1, 50):
        sink.write([Record("state", float(number), number, {})])
    assert [record.subject for record in sink.last("decision")] == ["htex"]
    assert [record.subject for record in sink.last("state")] == list(range(40, 50))
    assert [record.time for record in sink.last()] == [0.5, *map(float, range(40, 50))]


def test_a_batch_larger_than_what_is_kept() -> None:
    sink = MemorySink(keep=3)
    sink.write([Record("task", float(i), i, {"depends": [i]}) for i in range(100)])
    assert [record.fields for record in sink.last()] == [{"depends": [i]} for i in (97, 98, 99)]
