"""Every sink of the package keeps the contract that plugins' sinks have to keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from parsl_like.core.records import Record
from parsl_like.monitoring.sinks.jsonl import FILE_NAME, JsonlSink
from parsl_like.monitoring.sinks.memory import MemorySink
from parsl_like.testing.sink_contract import SinkContract

if TYPE_CHECKING:
    from pathlib import Path


class TestJsonlSink(SinkContract):
    def make_sink(self, place: Path) -> JsonlSink:
        return JsonlSink(str(place / FILE_NAME))

    def read_back(self, sink: JsonlSink, place: Path) -> list[Record]:
        _, *lines = (place / FILE_NAME).read_text(encoding="utf-8").splitlines()
        return [Record(*json.loads(line)) for line in lines]


class TestMemorySink(SinkContract):
    def make_sink(self, place: Path) -> MemorySink:
        return MemorySink(keep=1000)

    def read_back(self, sink: MemorySink, place: Path) -> list[Record]:
        return sink.last()
