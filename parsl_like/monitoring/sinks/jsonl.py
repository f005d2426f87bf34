"""Records as JSON lines in the run directory.

The first line is an object that names the version and the columns; every other line is an array of them::

    {"parsl_like_records":1,"columns":["kind","time","subject","fields"],"run_id":"...","started":1763800000.0}
    ["task",1763800000.1,0,{"app":"census_file","executor":"htex","depends":[]}]
    ["state",1763800000.2,0,{"state":"launched","try":0}]
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parsl_like.core.records import RECORD_VERSION, Record
from parsl_like.monitoring.plain import plain, said
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import FileIO

    from parsl_like.core.ports import MonitoringSink, RunInfo

FILE_NAME = "records.jsonl"


@hookimpl
def parsl_like_open_monitoring_sink(run: RunInfo) -> MonitoringSink:
    """Every run leaves its records beside its log."""
    return JsonlSink(os.path.join(run.run_dir, FILE_NAME), run)


class JsonlSink:
    """Appends records to a file, each batch with one flush; what JSON cannot say becomes its repr.

    A batch is written as a whole or not at all: what a full disk let through of it is cut off again, so that offering
    it once more does not double anything. The file is opened by the first batch.

    Args:
        path: The file. It is created with the permissions that the user's umask gives.
        run: What to say about the run in the first line.
    """

    def __init__(self, path: str, run: RunInfo | None = None) -> None:
        self.path = path
        self._run = run
        self._file: FileIO | None = None
        self._encoder: Any = None

    def write(self, records: Sequence[Record]) -> None:
        """Append a batch.

        Raises:
            OSError: it could not be written; the file is as it was before.
        """
        if self._encoder is None:
            import msgspec

            self._encoder = msgspec.json.Encoder(enc_hook=_encodable)
        file = self._opened()
        try:
            lines = self._encoder.encode_lines(records)
        except Exception:  # noqa: BLE001 - one record that cannot be said must not take its batch along
            lines = b"".join(self._line(record) for record in records)
        _append(file, lines)

    def close(self) -> None:
        """Close the file. It is there even if there were no records."""
        self._opened().close()

    def _opened(self) -> FileIO:
        if self._file is None:
            file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - held until close
            try:
                _append(file, self._encoded_header())
            except OSError:
                file.close()
                raise
            self._file = file
        return self._file

    def _encoded_header(self) -> bytes:
        import msgspec

        header: dict[str, Any] = {"parsl_like_records": RECORD_VERSION, "columns": Record._fields}
        if self._run is not None:
            header |= {"run_id": self._run.run_id, "started": self._run.started}
        return msgspec.json.encode(header) + b"\n"

    def _line(self, record: Record) -> bytes:
        with suppress(Exception):
            return bytes(self._encoder.encode_lines([record]))
        return bytes(self._encoder.encode_lines([plain(tuple(record))]))


def _append(file: FileIO, data: bytes) -> None:
    size = file.seek(0, os.SEEK_END) if file.seekable() else None
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) or 0 :]
    except OSError:
        if size is not None:
            with suppress(OSError):  # not every kind of file can be cut
                file.truncate(size)
        raise


def _encodable(value: object) -> object:
    # Some versions of the encoder ask about keys, too, which have to be text.
    return plain(value) if isinstance(value, Mapping) else said(value)
