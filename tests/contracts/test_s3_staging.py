"""Files of an object store keep the contract of staging providers, against a server that speaks S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.files import File
from parsl_like.data_provider.fsspec import FsspecStaging
from parsl_like.testing.staging_contract import StagingContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class TestS3(StagingContract):
    @pytest.fixture(autouse=True, scope="class")
    def serving(self, request: pytest.FixtureRequest) -> Iterator[None]:
        there = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        there.start()
        host, port = there.get_host_and_port()
        request.cls.options = {
            "key": "tests",
            "secret": "tests",
            "endpoint_url": f"http://{host}:{port}",
            "client_kwargs": {"region_name": "us-east-1"},
        }
        yield
        there.stop()

    def _system(self) -> Any:
        import s3fs

        return s3fs.S3FileSystem(**self.options)  # type: ignore[attr-defined]

    def make_staging(self, place: Path) -> FsspecStaging:
        return FsspecStaging(schemes=["s3"], options=self.options)  # type: ignore[attr-defined]

    def file_in(self, place: Path) -> File:
        self._system().mkdirs("data", exist_ok=True)
        self._system().pipe_file("data/in/far", b"contents")
        return File("s3://data/in/far")

    def file_out(self, place: Path) -> File:
        self._system().mkdirs("data", exist_ok=True)
        return File("s3://data/out/near")

    def read_back(self, file: File) -> bytes:
        system = self._system()
        system.invalidate_cache()
        data: bytes = system.cat_file("data/out/near")
        return data
