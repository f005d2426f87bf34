"""Files that fsspec knows keep the contract of staging providers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from parsl_like.data_provider.data_manager import DataManager
from parsl_like.data_provider.files import File
from parsl_like.data_provider.fsspec import FsspecStaging
from parsl_like.errors import StagingError
from parsl_like.remote.transfers.anywhere import BringAny, _trouble
from parsl_like.testing.staging_contract import StagingContract, read

pytest.importorskip("fsspec")


class TestFsspecInTask(StagingContract):
    refused = ("gopher://host/file", "zip:/a.zip/b")

    def make_staging(self, place: Path) -> FsspecStaging:
        return FsspecStaging(schemes=["local"])

    def file_in(self, place: Path) -> File:
        (place / "far").mkdir(exist_ok=True)
        (place / "far" / "x").write_bytes(b"contents")
        return File(f"local://{place}/far/x")

    def file_out(self, place: Path) -> File:
        return File(f"local://{place}/far/out/x")

    def read_back(self, file: File) -> bytes:
        return Path(file.path).read_bytes()


class TestFsspecSeparate(TestFsspecInTask):
    def make_staging(self, place: Path) -> FsspecStaging:
        return FsspecStaging(schemes=["local"], in_task=False)


@pytest.mark.parametrize("url", ["memory://none/x", "no-such-system://h/x"])
def test_what_is_not_there_is_an_error_with_url_and_cause(tmp_path: Path, url: str) -> None:
    executor = SimpleNamespace(label="x", storage_access=[FsspecStaging(tries=2)], working_dir=str(tmp_path))
    manager = DataManager(SimpleNamespace(executors={"x": executor}), defaults=())
    staged = manager.stage({"inputs": [File(url)]}, (), read, executor)
    with pytest.raises(StagingError, match=r"FileNotFoundError|Protocol not known"):
        staged.func(inputs=staged.kwargs["inputs"])
    assert [path.name for path in tmp_path.iterdir()] == [".parsl_like"]


def test_it_takes_all_but_what_means_something_else_and_hides_its_options() -> None:
    staging = FsspecStaging(options={"secret": "word"})
    assert staging.can_stage_in(File("s3://bucket/key"))
    assert not any(staging.can_stage_out(File(url)) for url in ("x", "zip:/a.zip/b", "globus://u/x"))
    assert "word" not in repr(staging)


def test_errors_have_neither_passwords_nor_secret_options(tmp_path: Path) -> None:
    options = {"secret": "hush-1", "client_kwargs": {"access_token": "hush-2"}, "region": "north"}
    bring = BringAny("webdav://me:hush%2F3@h/x", str(tmp_path / "x"), "t", options)
    trouble = _trouble(OSError("hush-1 and hush-2 in north, at https://me:hush%2F3@h and hush/3"), bring)
    assert trouble.reason == "OSError: ... and ... in north, at https://me:...@h and ..."
