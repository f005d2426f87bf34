"""HTTP, FTP and ZIP keep the contract of staging providers, against servers and archives that are there."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, ClassVar

import pytest

from parsl_like.data_provider.files import File
from parsl_like.data_provider.ftp import FTPInTaskStaging, FTPSeparateTaskStaging
from parsl_like.data_provider.http import HTTPInTaskStaging, HTTPSeparateTaskStaging
from parsl_like.data_provider.zip import ZipFileStaging
from parsl_like.testing.staging_contract import StagingContract
from tests.remote.transfers.ftp_server import FTPServer
from tests.remote.transfers.web_server import WebServer, forget_proxies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parsl_like.data_provider.staging import Staging


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)


class OfServers(StagingContract):
    kind: ClassVar[type[Staging]]
    refused = ("gopher://host/file", "zip:/a.zip/b")

    def make_staging(self, place: Path) -> Staging:
        return self.kind()

    def file_in(self, place: Path) -> File:
        return File(self.server.url("far"))

    def file_out(self, place: Path) -> File:
        return File(self.server.url("out"))


class OfWeb(OfServers):
    @pytest.fixture(autouse=True)
    def serving(self) -> Iterator[None]:
        with WebServer({"far": b"contents"}) as self.server:
            yield

    def read_back(self, file: File) -> bytes:
        return self.server.files["out"]


class TestHTTPSeparate(OfWeb):
    kind = HTTPSeparateTaskStaging


class TestHTTPInTask(OfWeb):
    kind = HTTPInTaskStaging


class OfFTP(OfServers):
    @pytest.fixture(autouse=True)
    def serving(self) -> Iterator[None]:
        with FTPServer({"/far": b"contents"}) as self.server:
            yield

    def read_back(self, file: File) -> bytes:
        return self.server.files["/out"]


class TestFTPSeparate(OfFTP):
    kind = FTPSeparateTaskStaging


class TestFTPInTask(OfFTP):
    kind = FTPInTaskStaging


class TestZip(StagingContract):
    refused = ("http://host/a.zip/b", "/a.zip/b")

    def make_staging(self, place: Path) -> ZipFileStaging:
        return ZipFileStaging()

    def file_in(self, place: Path) -> File:
        with zipfile.ZipFile(place / "in.zip", "w") as archive:
            archive.writestr("some/where/far", b"contents")
        return File(f"zip:{place}/in.zip/some/where/far")

    def file_out(self, place: Path) -> File:
        return File(f"zip:{place}/out.zip/some/where/out")

    def read_back(self, file: File) -> bytes:
        with zipfile.ZipFile(file.path.partition(".zip/")[0] + ".zip") as archive:
            return archive.read("some/where/out")
