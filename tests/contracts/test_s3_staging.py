"""Files of an object store keep the contract of staging providers, against a server that speaks S3."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.files import File
from parsl_like.data_provider.fsspec import FsspecStaging
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import StagingError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider
from parsl_like.remote.transfers.anywhere import BringAny, TakeAny, fetch_any, send_any
from parsl_like.remote.transfers.limits import Limits
from parsl_like.testing.staging_contract import StagingContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SEVERAL_PARTS = 12 * 1024 * 1024 + 1
"""Bytes of a file that S3 takes in parts, of 5 MiB at least."""


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, Any]]:
    """How the server is reached; the thread and the connections that fsspec keeps in a process are there by then."""
    there = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    there.start()
    host, port = there.get_host_and_port()
    made = {
        "key": "tests",
        "secret": "word-that-nobody-sees",
        "endpoint_url": f"http://{host}:{port}",
        "client_kwargs": {"region_name": "eu-central-1"},
    }
    store = system(made)
    store.mkdirs("data", exist_ok=True)
    store.pipe_file("data/in/far", b"contents")
    yield made
    there.stop()


def system(options: dict[str, Any]) -> Any:
    import s3fs

    found = s3fs.S3FileSystem(**options)
    found.invalidate_cache()
    return found


class TestS3(StagingContract):
    in_task = True

    @pytest.fixture(autouse=True)
    def reached(self, options: dict[str, Any]) -> None:
        self.options = options

    def make_staging(self, place: Path) -> FsspecStaging:
        return FsspecStaging(schemes=["s3"], options=self.options, in_task=self.in_task)

    def file_in(self, place: Path) -> File:
        return File("s3://data/in/far")

    def file_out(self, place: Path) -> File:
        return File(f"s3://data/out/{place.name}")

    def read_back(self, file: File) -> bytes:
        data: bytes = system(self.options).cat_file(f"data{file.path}")
        return data


class TestS3Separate(TestS3):
    in_task = False


def test_a_file_of_several_parts_arrives_as_it_was_sent(options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(SEVERAL_PARTS))
    send_any(TakeAny("s3://data/big", str(tmp_path / "big"), "t", options))
    moved = fetch_any(BringAny("s3://data/big", str(tmp_path / "back"), "t", options))
    assert moved.size == SEVERAL_PARTS
    assert digest(tmp_path / "back") == digest(tmp_path / "big")
    system(options).rm("data/big")  # the server, which is in this process, keeps it in an open file


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("url", "changed", "cause"),
    [
        ("s3://data/nothing", {}, "FileNotFoundError"),
        ("s3://no-such-bucket/x", {}, "FileNotFoundError"),
        ("s3://data/in/far", {"endpoint_url": "http://127.0.0.1:9"}, "connect"),
    ],
)
def test_what_cannot_be_had_is_an_error_with_url_and_cause(
    options: dict[str, Any], tmp_path: Path, url: str, changed: dict[str, Any], cause: str
) -> None:
    few = {**options, "config_kwargs": {"retries": {"max_attempts": 1}}, **changed}
    with pytest.raises(StagingError, match=cause) as caught:
        fetch_any(BringAny(url, str(tmp_path / "place" / "x"), "t", few, Limits(tries=2, first_wait=0.01)))
    assert caught.value.url == url
    assert options["secret"] not in str(caught.value)
    assert list((tmp_path / "place").iterdir()) == []


def doubled(inputs: Any = (), outputs: Any = ()) -> int:
    with open(inputs[0], "rb") as source, open(outputs[0], "wb") as target:
        return target.write(2 * source.read())


def test_a_program_on_workers_reads_and_writes_objects(options: dict[str, Any], tmp_path: Path) -> None:
    executor = HighThroughputExecutor(
        label="workers",
        max_workers_per_node=2,
        cores_per_worker=0.01,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
        storage_access=[FsspecStaging(schemes=["s3"], options=options)],
        working_dir=str(tmp_path / "place"),
    )
    with DataFlowKernel(Config(executors=[executor], run_dir=str(tmp_path / "runs"))) as kernel:
        app = python_app(doubled, data_flow_kernel=kernel)
        first = app(inputs=[File("s3://data/in/far")], outputs=[File("s3://data/a")])
        second = app(inputs=[first.outputs[0]], outputs=[File("s3://data/b")])
        assert second.outputs[0].result(timeout=120).url == "s3://data/b"
    assert system(options).cat_file("data/b") == 4 * b"contents"
    written = b"".join(path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file())
    assert options["secret"].encode() not in written
