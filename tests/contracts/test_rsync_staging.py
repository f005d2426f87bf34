"""rsync keeps the contract of staging providers: over a remote shell, and from and to a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.data_provider.files import File
from parsl_like.data_provider.rsync import RSyncStaging
from parsl_like.testing.staging_contract import StagingContract
from tests.remote.transfers.rsync_daemon import PASSWORD, Daemon, needs_rsync, remote_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_rsync


class OfPaths(StagingContract):
    refused = ("http://host/file", "zip:/a.zip/b")

    def file_in(self, place: Path) -> File:
        (place / "far").mkdir(exist_ok=True)
        (place / "far" / "a b*").write_bytes(b"contents")
        return File(place / "far" / "a b*")

    def file_out(self, place: Path) -> File:
        return File(place / "far" / "new" / "out")

    def read_back(self, file: File) -> bytes:
        return Path(file.path).read_bytes()


class TestOverShell(OfPaths):
    def make_staging(self, place: Path) -> RSyncStaging:
        return RSyncStaging("me@there", ssh=remote_shell(place))


class OfDaemon(StagingContract):
    @pytest.fixture(autouse=True)
    def serving(self, tmp_path: Path) -> Iterator[None]:
        (tmp_path / "far").mkdir()
        with Daemon(tmp_path / "daemon", tmp_path / "far") as self.daemon:
            yield


class TestPathsOfDaemon(OfDaemon, OfPaths):
    def make_staging(self, place: Path) -> RSyncStaging:
        return RSyncStaging(f"rsync://127.0.0.1:{self.daemon.port}/data", module_root=str(place / "far"))


class TestURLsOfDaemon(OfDaemon):
    refused = ("/file", "http://host/file")

    def make_staging(self, place: Path) -> RSyncStaging:
        return RSyncStaging()

    def file_in(self, place: Path) -> File:
        (place / "far" / "a b#").write_bytes(b"contents")
        return File(self.daemon.url("a%20b%23"))

    def file_out(self, place: Path) -> File:
        return File(self.daemon.url("out", "locked", f"me:{PASSWORD.replace(' ', '%20')}@"))

    def read_back(self, file: File) -> bytes:
        return (self.daemon.data / "out").read_bytes()
