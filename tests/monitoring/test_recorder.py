from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from parsl_like.core.records import Record, task_record
from parsl_like.core.states import States
from parsl_like.monitoring.recorder import SLICE, THREAD_NAME, Recorder, records_of
from parsl_like.monitoring.sinks.memory import MemorySink

PATIENCE = 60.0


class Collecting:
    def __init__(self) -> None:
        self.got: list[Record] = []
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.closed = False

    def write(self, records: Sequence[Record]) -> None:
        self.got.extend(records)
        self.batches.append(len(records))
        self.threads.add(threading.current_thread().name)

    def close(self) -> None:
        self.closed = True
        self.threads.add(threading.current_thread().name)


class Gated(Collecting):
    """Takes nothing before its gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.reached = threading.Event()

    def write(self, records: Sequence[Record]) -> None:
        self.reached.set()
        assert self.gate.wait(PATIENCE)
        super().write(records)


Start = Callable[..., Recorder]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Recorder] = []

    def begin(*sinks: Any, **options: Any) -> Recorder:
        recorder = Recorder(sinks, **options)
        recorder.start()
        running.append(recorder)
        return recorder

    yield begin
    for recorder in running:
        assert recorder.close(time.monotonic() + PATIENCE)


def raw(task: int, state: States = States.launched, detail: Any = None) -> tuple[float, int, int, int, Any]:
    return (1000.0, task, 0, int(state), detail)


def test_bare_tuples_and_records_reach_every_sink_in_order(start: Start) -> None:
    one, two = Collecting(), Collecting()
    recorder = start(one, two)
    recorder.put([raw(1, States.pending, ("app", "htex", [])), raw(1)])
    recorder.put([Record("node", 1.0, "m1", {"event": "came"})])
    recorder.record(Record("run", 2.0, "r", {}))
    assert recorder.flush(PATIENCE)
    expected = [
        Record("task", 1000.0, 1, {"app": "app", "executor": "htex", "depends": []}),
        Record("state", 1000.0, 1, {"state": "launched", "try": 0}),
        Record("node", 1.0, "m1", {"event": "came"}),
        Record("run", 2.0, "r", {}),
    ]
    assert one.got == two.got == expected


def test_sinks_are_called_and_closed_by_the_records_thread_only(start: Start) -> None:
    sink = Collecting()
    recorder = start(sink)
    recorder.put([raw(1)])
    assert recorder.close(time.monotonic() + PATIENCE)
    assert sink.closed
    assert sink.threads == {THREAD_NAME}


def test_records_come_in_batches(start: Start) -> None:
    sink = Gated()
    recorder = start(sink)
    recorder.put([raw(0)])
    assert sink.reached.wait(PATIENCE)
    for i in range(1, 3 * SLICE + 1):
        recorder.put([raw(i)])
    recorder.put([raw(i) for i in range(2 * SLICE + 5)])
    sink.gate.set()
    assert recorder.flush(PATIENCE)
    assert len(sink.got) == 5 * SLICE + 6
    assert max(sink.batches) <= SLICE


def test_nothing_is_lost_when_many_threads_put_while_it_is_closed(start: Start) -> None:
    sink = Collecting()
    recorder = start(sink, linger=0.0)
    accepted = [0] * 8

    def put(number: int) -> None:
        for i in range(2000):
            recorder.put([raw(number), raw(i)])
            accepted[number] += 2

    threads = [threading.Thread(target=put, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.close(time.monotonic() + PATIENCE)
    assert len(sink.got) == sum(accepted) == 32_000
    assert recorder.status()["waiting"] == 0


def test_each_threads_records_keep_their_order(start: Start) -> None:
    sink = Collecting()
    recorder = start(sink, linger=0.0)
    threads = [
        threading.Thread(target=lambda n=n: [recorder.put([Record("x", float(i), n, {})]) for i in range(500)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.flush(PATIENCE)
    for n in range(4):
        assert [r.time for r in sink.got if r.subject == n] == [float(i) for i in range(500)]


def test_a_sink_that_raises_disturbs_no_other(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Collecting):
        def write(self, records: Sequence[Record]) -> None:
            raise OSError("no space")

    good, broken = Collecting(), Broken()
    recorder = start(broken, good, linger=0.0)
    for i in range(50):
        recorder.put([raw(i)])
    assert recorder.close(time.monotonic() + PATIENCE)
    assert len(good.got) == 50
    assert broken.closed
    assert recorder.status()["sinks"][0]["lost"] == 50
    assert caplog.text.count("failed and will be tried again") == 1


def test_a_sink_that_recovers_gets_everything(start: Start) -> None:
    class Recovering(Collecting):
        failures = 2

        def write(self, records: Sequence[Record]) -> None:
            if self.failures:
                self.failures -= 1
                raise OSError("no space")
            super().write(records)

    sink = Recovering()
    recorder = start(sink, linger=0.0)
    recorder.put([raw(1)])
    recorder.put([raw(2)])
    assert recorder.flush(PATIENCE)
    assert [r.subject for r in sink.got] == [1, 2]


def test_a_slow_sink_slows_put_and_loses_nothing(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Collecting):
        def write(self, records: Sequence[Record]) -> None:
            super().write(records)
            threading.Event().wait(0.1)

    sink = Slow()
    memory = MemorySink()
    recorder = start(sink, memory, limit=10, patience=0.5, linger=0.0)
    for i in range(0, 2000, 1000):
        recorder.put([raw(task) for task in range(i, i + 1000)])
    assert recorder.flush(PATIENCE)
    states = [r for r in sink.got if r.kind == "state"]
    assert [r.subject for r in states] == list(range(2000))
    assert caplog.text.count("the run is slowed") == 1
    assert recorder.status()["dropped"] == 0
    assert [r.kind for r in memory.last("warning")] == ["warning"]


def test_nobody_waits_for_a_sink_that_hangs(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    sink = Gated()
    memory = MemorySink()
    recorder = start(sink, memory, limit=10, patience=0.01, linger=0.0)
    recorder.put([raw(0)])
    assert sink.reached.wait(PATIENCE)
    for i in range(1, 1000):
        recorder.put([raw(i)])  # comes back although the sink takes nothing
    status = recorder.status()
    assert status["stalled"]
    assert status["waiting"] <= 13  # the limit, the one that found out, and the word about it
    assert status["dropped"] >= 987
    sink.gate.set()
    assert recorder.flush(PATIENCE)
    assert not recorder.status()["stalled"]
    recorder.put([raw(1000)])
    assert recorder.flush(PATIENCE)
    states = [r.subject for r in sink.got if r.kind == "state"]
    assert states == [*range(len(states) - 1), 1000]
    assert len(states) + status["dropped"] == 1001
    messages = [r.fields["message"] for r in memory.last("warning")]
    assert len(messages) == 2
    assert "further ones are dropped" in messages[0]
    assert f"{status['dropped']} records were dropped" in messages[1]
    assert caplog.text.count("records were dropped") == 1


def test_a_sink_that_refuses_does_not_gather_records_for_ever(start: Start) -> None:
    class Full(Collecting):
        def write(self, records: Sequence[Record]) -> None:
            raise OSError("no space")

    recorder = start(Full(), limit=10, patience=0.01, linger=0.0)
    for i in range(1000):
        recorder.put([raw(i)])
        assert recorder.status()["sinks"][0]["kept"] <= 100
    assert recorder.status()["dropped"] > 0


def test_put_waits_for_room(start: Start) -> None:
    sink = Gated()
    recorder = start(sink, limit=5, patience=PATIENCE, linger=0.0)
    recorder.put([raw(0)])
    assert sink.reached.wait(PATIENCE)
    waiting_at_return: list[int] = []

    def put() -> None:
        recorder.put([raw(i) for i in range(10)])
        waiting_at_return.append(recorder.status()["waiting"])

    thread = threading.Thread(target=put)
    thread.start()
    sink.gate.set()
    thread.join(PATIENCE)
    assert waiting_at_return[0] <= 5


def test_close_gives_up_at_its_deadline_and_says_so(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    sink = Gated()
    recorder = start(sink, linger=0.0)
    recorder.put([raw(0)])
    assert sink.reached.wait(PATIENCE)
    recorder.put([raw(1)])
    assert not recorder.close(time.monotonic())
    assert "2 records are still unwritten" in caplog.text
    assert "Gated" in caplog.text
    sink.gate.set()
    assert recorder.close(time.monotonic() + PATIENCE)
    assert len(sink.got) == 2


def test_closing_one_that_was_never_started_writes_everything() -> None:
    sink = Collecting()
    recorder = Recorder([sink])
    recorder.put([raw(1)])
    assert recorder.close(time.monotonic() + PATIENCE)
    assert len(sink.got) == 1
    assert sink.closed


def test_what_comes_after_the_end_is_said_once(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    recorder = start(Collecting())
    recorder.close(time.monotonic() + PATIENCE)
    recorder.put([raw(1)])
    recorder.put([raw(2)])
    assert caplog.text.count("after the end of their run") == 1


def test_without_sinks_it_does_nothing(start: Start) -> None:
    recorder = start()
    recorder.put([raw(1)])
    recorder.put([])
    assert recorder.flush(PATIENCE)


def test_flush_gives_up(start: Start) -> None:
    sink = Gated()
    recorder = start(sink, linger=0.0)
    recorder.put([raw(1)])
    assert sink.reached.wait(PATIENCE)
    recorder.put([raw(2)])
    assert not recorder.flush(0.0)
    sink.gate.set()


def test_a_record_caused_by_writing_records_is_taken(start: Start) -> None:
    holder: list[Recorder] = []

    class Talkative(Exception):
        def __str__(self) -> str:
            holder[0].put([Record("warning", 1.0, "from str", {})] * 5)
            return "said"

    sink = Collecting()
    holder.append(start(sink, limit=1, patience=PATIENCE))
    holder[0].put([raw(1, States.failed, Talkative())])
    assert holder[0].flush(PATIENCE)
    assert holder[0].close(time.monotonic() + PATIENCE)
    assert [r.subject for r in sink.got if r.kind != "warning"] == [1]
    assert sum(r.subject == "from str" for r in sink.got) == 5


def test_a_defect_of_the_thread_itself_is_logged_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Recorder) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(Recorder, "_cycle", fail)
    sink = Collecting()
    recorder = Recorder([sink], limit=1, patience=PATIENCE)
    recorder.start()
    recorder.put([raw(i) for i in range(10)])
    assert recorder.flush(PATIENCE)
    assert recorder.close(time.monotonic() + PATIENCE)
    assert sink.closed
    assert "not recorded any further" in caplog.text


# --- conversion


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


class Leaving(Exception):
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize("error", [Unsayable(), Leaving()])
def test_an_error_without_a_text_is_named(error: Exception) -> None:
    (record,) = records_of([raw(3, States.failed, error)])
    assert record[:3] == ("state", 1000.0, 3)
    assert record.fields["state"] == "failed"
    assert type(error).__name__ in record.fields["reason"]


def test_a_huge_text_is_cut() -> None:
    (record,) = records_of([raw(3, States.failed, ValueError("x" * 10**6))])
    assert len(record.fields["reason"]) <= 1000


@pytest.mark.parametrize("nonsense", [None, (1, 2), 7, (1.0, 2, 3, "no state", None), (1.0, 2, 0, 0, "no detail")])
def test_what_is_no_record_is_reported_and_stops_nothing(nonsense: Any) -> None:
    records = records_of([nonsense, raw(1)])
    assert len(records) == 2
    assert records[1] == task_record(raw(1))
