"""Ways to move files that are described and not built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.data_manager import DataManager, default_staging
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.data_provider.files import File
from parsl_like.data_provider.ftp import FTPInTaskStaging, FTPSeparateTaskStaging
from parsl_like.data_provider.globus import GlobusStaging
from parsl_like.data_provider.http import HTTPInTaskStaging, HTTPSeparateTaskStaging
from parsl_like.data_provider.rsync import RSyncStaging
from parsl_like.data_provider.zip import ZipFileStaging
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import ConfigurationError, StagingError
from parsl_like.executors import ThreadPoolExecutor

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.data_provider.described import DescribedStaging
    from parsl_like.data_provider.staging import Staging

UUID = "7d2dc622-2edb-11e8-b8be-0ac6873fc732"
DESCRIBED: list[tuple[DescribedStaging, str]] = [
    (GlobusStaging(UUID), f"globus://{UUID}/a"),
    (RSyncStaging("me@example.org"), "a"),
]
BUILT: list[tuple[Staging, str]] = [
    (HTTPSeparateTaskStaging(), "https://example.org/a"),
    (HTTPInTaskStaging(), "http://example.org/a"),
    (FTPSeparateTaskStaging(), "ftp://example.org/a"),
    (FTPInTaskStaging(), "ftps://example.org/a"),
    (ZipFileStaging(), "zip:/archive.zip/a"),
]


@pytest.mark.parametrize(("staging", "url"), [*BUILT, *DESCRIBED], ids=lambda value: str(value)[:30])
def test_each_says_which_files_it_takes_or_would_take(staging: Staging, url: str) -> None:
    assert staging.can_stage_in(File(url))
    assert staging.can_stage_out(File(url))
    assert not staging.can_stage_in(File("gopher://example.org/a"))
    assert not staging.can_stage_out(File("gopher://example.org/a"))


@pytest.mark.parametrize("staging", [GlobusStaging(UUID), RSyncStaging("here")], ids=str)
def test_a_run_with_one_that_is_no_default_is_refused(staging: DescribedStaging, tmp_path: Path) -> None:
    config = Config(executors=[ThreadPoolExecutor(storage_access=[staging])], run_dir=tmp_path / "runs")
    with pytest.raises(ConfigurationError, match=f"{type(staging).__name__} is described only") as caught:
        DataFlowKernel(config)
    assert caught.value.hint == staging.meanwhile
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("staging", "url"), DESCRIBED, ids=lambda value: str(value)[:30])
def test_none_takes_a_file(staging: Staging, url: str) -> None:
    manager = DataManager(defaults=[staging])
    executor = ThreadPoolExecutor()
    with pytest.raises(StagingError, match=f"{type(staging).__name__} is described only.*Instead, ") as caught:
        manager.stage({"inputs": [File(url)]}, (), print, executor)
    assert staging.meanwhile in str(caught.value)  # type: ignore[attr-defined]
    with pytest.raises(StagingError, match="URL away from executor threads"):
        manager.stage({"outputs": [File(url)]}, (), print, executor)


def test_one_that_works_is_found_behind_one_that_does_not() -> None:
    manager = DataManager(defaults=[RSyncStaging("here"), NoOpFileStaging()])
    staged = manager.stage({"inputs": [File("a")]}, (), print, ThreadPoolExecutor())
    assert staged.kwargs["inputs"] == [File("a")]


def test_the_defaults_are_parsls() -> None:
    assert default_staging == [
        NoOpFileStaging(),
        FTPSeparateTaskStaging(),
        HTTPSeparateTaskStaging(),
        ZipFileStaging(),
    ]


def test_a_list_with_the_defaults_is_another_list() -> None:
    usual = list(default_staging)
    assert default_staging == usual != default_staging + [NoOpFileStaging()]  # noqa: RUF005 - as programs write it


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: GlobusStaging(7), "GlobusStaging.endpoint_uuid is 7; expected text"),
        (lambda: RSyncStaging(None), "RSyncStaging.hostname is None; expected text"),
        (lambda: GlobusStaging("").sealed(), "endpoint_uuid is ''; expected text that is not empty"),
        (lambda: RSyncStaging(hostnam="x"), "did you mean 'hostname'"),
        (lambda: HTTPInTaskStaging(time_out=3), "did you mean 'timeout'"),
        (lambda: FTPInTaskStaging(timeout=0).sealed(), "timeout is 0; expected a number above 0"),
        (lambda: HTTPSeparateTaskStaging(tries=0).sealed(), "tries is 0; expected a whole number of at least 1"),
        (lambda: GlobusStaging(UUID, local_pth="/x"), "did you mean 'local_path'"),
    ],
)
def test_what_cannot_be_meant_is_refused(build: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build()  # type: ignore[operator]


def test_a_subclass_that_moves_files_is_the_users_and_runs(tmp_path: Path) -> None:
    class Mine(GlobusStaging):
        def replace_task(self, dm: Any, executor: str, file: File, func: Any) -> Any:
            file.local_path = "brought"
            return func

    config = Config(executors=[ThreadPoolExecutor(storage_access=[Mine(UUID)])], run_dir=tmp_path)
    with DataFlowKernel(config) as dfk:
        app = python_app(str, data_flow_kernel=dfk)
        assert app(File(f"globus://{UUID}/data.txt")).result(timeout=30) == "brought"
