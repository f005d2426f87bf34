from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from parsl_like.core.records import Record
from parsl_like.monitoring.lane import LONGEST_PAUSE, TRIES, Lane


class Flaky:
    """A sink that raises what is in ``errors``, one for each write, and then works."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.got: list[Record] = []
        self.closed = 0

    def write(self, records: Sequence[Record]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.got.extend(records)

    def close(self) -> None:
        self.closed += 1
        if self.errors:
            raise self.errors.pop(0)


def record(number: int) -> Record:
    return Record("state", float(number), number, {})


def subjects(sink: Flaky) -> list[int | str]:
    return [r.subject for r in sink.got]


def test_a_sink_that_raised_gets_everything_later_and_in_order() -> None:
    sink = Flaky(OSError("full"))
    lane = Lane(sink)
    lane.write([record(1)], now=0.0)
    lane.write([record(2)], now=0.0)
    assert subjects(sink) == []
    assert len(lane.kept) == 2
    pause = lane.pause(0.0)
    assert pause is not None
    lane.write([record(3)], now=pause)
    assert subjects(sink) == [1, 2, 3]
    assert lane.pause(pause) is None


def test_it_is_not_tried_before_its_time_unless_at_once() -> None:
    sink = Flaky(OSError("full"))
    lane = Lane(sink)
    lane.write([record(1)], now=0.0)
    lane.write([], now=0.01)
    assert subjects(sink) == []
    lane.write([], now=0.01, at_once=True)
    assert subjects(sink) == [1]


def test_pauses_grow_to_a_bound() -> None:
    lane = Lane(Flaky(*[OSError("full")] * TRIES))
    pauses = []
    for i in range(TRIES - 1):
        lane.write([record(i)], now=0.0, at_once=True)
        pauses.append(lane.pause(0.0))
    assert pauses == sorted(pauses, key=lambda p: p or 0.0)
    assert pauses[-1] == LONGEST_PAUSE


def test_a_sink_that_goes_on_failing_is_left_out_and_its_losses_counted(caplog: pytest.LogCaptureFixture) -> None:
    sink = Flaky(*[OSError("full")] * TRIES)
    lane = Lane(sink)
    for i in range(TRIES + 5):
        lane.write([record(i)], now=float(100 * i))
    lane.close()
    assert sink.got == []
    assert sink.closed == 1
    assert lane.status() == {"name": "Flaky", "kept": 0, "lost": TRIES + 5, "left_out": True}
    assert "gets no more records" in caplog.text
    assert f"{TRIES + 5} records of this run are missing in Flaky" in caplog.text


def test_each_kind_of_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    lane = Lane(Flaky(OSError("a"), OSError("b"), ValueError("c"), OSError("d")))
    for i in range(5):
        lane.write([record(i)], now=float(100 * i))
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 2
    assert "OSError" in said[0]
    assert "ValueError" in said[1]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_no_error_of_a_sink_gets_out(error: BaseException) -> None:
    lane = Lane(Flaky(error, error))
    lane.write([record(1)], now=0.0)
    lane.close()
    assert lane.lost == 1
