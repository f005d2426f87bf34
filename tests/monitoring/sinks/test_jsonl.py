from __future__ import annotations

import json
import os
import stat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ports import RunInfo
from parsl_like.core.records import RECORD_VERSION, Record
from parsl_like.monitoring.sinks import jsonl
from parsl_like.monitoring.sinks.jsonl import JsonlSink, parsl_like_open_monitoring_sink

if TYPE_CHECKING:
    from pathlib import Path


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_first_line_says_the_version_the_columns_and_the_run(tmp_path: Path) -> None:
    sink = parsl_like_open_monitoring_sink(RunInfo("an-id", str(tmp_path), 12.5))
    sink.close()
    assert lines_of(tmp_path / "records.jsonl") == [
        {
            "parsl_like_records": RECORD_VERSION,
            "columns": ["kind", "time", "subject", "fields"],
            "run_id": "an-id",
            "started": 12.5,
        }
    ]


def test_a_batch_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    sink = JsonlSink(str(tmp_path / "r"))
    sink.write([Record("state", 1.5, 7, {"state": "exec_done", "try": 0})])
    assert lines_of(tmp_path / "r")[1:] == [["state", 1.5, 7, {"state": "exec_done", "try": 0}]]
    sink.close()


def test_nothing_is_opened_before_the_first_batch(tmp_path: Path) -> None:
    JsonlSink(str(tmp_path / "r"))
    assert not (tmp_path / "r").exists()


def test_what_json_cannot_say_becomes_its_repr(tmp_path: Path) -> None:
    sink = JsonlSink(str(tmp_path / "r"))
    sink.write([Record("warning", 1.0, "x", {"a": 2 + 3j, "b": range(3), "d": {(1, 2): "e"}})])
    sink.write([Record("warning", 1.0, "x", MappingProxyType({"a": 1}))])
    sink.close()
    assert [line[3] for line in lines_of(tmp_path / "r")[1:]] == [
        {"a": "(2+3j)", "b": "range(0, 3)", "d": {"(1, 2)": "e"}},
        {"a": 1},
    ]


def test_a_huge_repr_is_cut(tmp_path: Path) -> None:
    class Huge:
        def __repr__(self) -> str:
            return "x" * 1_000_000

    sink = JsonlSink(str(tmp_path / "r"))
    sink.write([Record("warning", 1.0, "x", {"value": Huge()})])
    sink.close()
    assert (tmp_path / "r").stat().st_size < 2000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_an_error_of_write(tmp_path: Path) -> None:
    sink = JsonlSink("/dev/full")
    with pytest.raises(OSError, match="No space"):
        sink.write([Record("run", 1.0, "x", {})])


class HalfFull:
    """Writes half of what it is given, then the disk is full, until ``space`` is true."""

    def __init__(self, file: Any) -> None:
        self.file, self.space, self.begun = file, False, False

    def write(self, data: memoryview) -> int:
        if self.space:
            return int(self.file.write(data[: max(1, len(data) // 3)]))
        if self.begun:
            raise OSError(28, "No space left on device")
        self.begun = True
        return int(self.file.write(data[: len(data) // 2]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_a_batch_that_was_half_written_is_cut_off_and_can_be_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonlSink(str(tmp_path / "r"))
    sink.write([Record("run", 1.0, "before", {})])
    disk = HalfFull(sink._file)
    monkeypatch.setattr(sink, "_file", disk)
    batch = [Record("run", 2.0, f"{i}", {}) for i in range(10)]
    with pytest.raises(OSError, match="No space"):
        sink.write(batch)
    assert [line[2] for line in lines_of(tmp_path / "r")[1:]] == ["before"]
    disk.space = True
    sink.write(batch)
    sink.close()
    assert [line[2] for line in lines_of(tmp_path / "r")[1:]] == ["before", *map(str, range(10))]


def test_a_folder_that_is_gone_is_an_error_each_time(tmp_path: Path) -> None:
    sink = JsonlSink(str(tmp_path / "gone" / "r"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            sink.write([Record("run", 1.0, "x", {})])
    (tmp_path / "gone").mkdir()
    sink.write([Record("run", 1.0, "x", {})])
    sink.close()
    assert len(lines_of(tmp_path / "gone" / "r")) == 2


@pytest.mark.skipif(os.name != "posix", reason="permissions of posix")
def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        sink = JsonlSink(str(tmp_path / "r"))
        sink.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o640


def test_the_hook_is_marked() -> None:
    assert hasattr(jsonl.parsl_like_open_monitoring_sink, "parsl_like_impl")
