"""The table of soaks is what their log says."""

from __future__ import annotations

from tests.soak import report


def test_the_table_is_that_of_the_log() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    shown = text.split(report.BEGIN)[1].split(report.END)[0].strip()
    assert shown == report.table(report.read(report.LOG))
