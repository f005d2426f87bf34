"""What every sink for records promises, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.core.ports import MonitoringSink
from parsl_like.core.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Unsayable:
    """Has no repr, no str and no equal."""

    def __repr__(self) -> str:
        """Raise, as some users' classes do."""
        raise RuntimeError("no repr")


class SinkContract:
    """Subclass it as ``Test...`` and say how to make a sink and how to read what it holds."""

    def make_sink(self, place: Path) -> MonitoringSink:
        """A new sink that keeps its records in a folder, or nowhere."""
        raise NotImplementedError

    def read_back(self, sink: MonitoringSink, place: Path) -> Sequence[Record]:
        """The records a closed sink holds, in order; they may be those of JSON, with lists for tuples."""
        raise NotImplementedError

    def test_is_a_sink(self, tmp_path: Path) -> None:
        """It has the methods that the records thread calls."""
        sink = self.make_sink(tmp_path)
        assert isinstance(sink, MonitoringSink)
        sink.close()

    def test_keeps_every_record_in_order(self, tmp_path: Path) -> None:
        """Batches of any size, also empty ones, come back whole."""
        records = [Record("state", 1000.0 + i, i, {"state": "launched", "try": 0}) for i in range(120)]
        sink = self.make_sink(tmp_path)
        for start, end in ((0, 1), (1, 1), (1, 20), (20, 120)):
            sink.write(records[start:end])
        sink.close()
        assert list(self.read_back(sink, tmp_path)) == records

    def test_does_not_keep_the_list_it_was_given(self, tmp_path: Path) -> None:
        """The caller may use its list again."""
        sink = self.make_sink(tmp_path)
        batch = [Record("run", 1.0, "a", {})]
        sink.write(batch)
        batch[:] = [Record("run", 2.0, "b", {})]
        sink.close()
        assert [record.subject for record in self.read_back(sink, tmp_path)] == ["a"]

    def test_takes_whatever_users_put_into_a_record(self, tmp_path: Path) -> None:
        """A record with something strange in it is kept, and so are those beside it."""
        endless: list[Any] = []
        endless.append(endless)
        strange: list[Any] = [
            Unsayable(), object(), endless, 10**30, float("nan"), b"\xff", "\udcff", {1: {2}}, {Unsayable(): 0},
            ValueError("x"), tmp_path, type, lambda: None, range(3), memoryview(b"ab"), 2 + 3j,
        ]  # fmt: skip
        sink = self.make_sink(tmp_path)
        sink.write([Record("warning", float(i), f"subject {i}", {"value": value}) for i, value in enumerate(strange)])
        sink.write([Record("run", 99.0, "after", {})])
        sink.close()
        kept = [record.subject for record in self.read_back(sink, tmp_path)]
        assert kept == [f"subject {i}" for i in range(len(strange))] + ["after"]

    def test_can_be_closed_without_a_record_and_twice(self, tmp_path: Path) -> None:
        """Closing is safe at any time."""
        sink = self.make_sink(tmp_path)
        sink.close()
        sink.close()
        assert list(self.read_back(sink, tmp_path)) == []
