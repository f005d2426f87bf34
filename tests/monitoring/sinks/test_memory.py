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
