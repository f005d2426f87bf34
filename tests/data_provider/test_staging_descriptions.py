"""Staging providers as descriptions: which files each takes, and what they refuse."""

from __future__ import annotations

from types import SimpleNamespace
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

    from parsl_like.data_provider.staging import Staging

UUID = "7d2dc622-2edb-11e8-b8be-0ac6873fc732"
STAGINGS: list[tuple[Staging, str]] = [
    (HTTPSeparateTaskStaging(), "https://example.org/a"),
    (HTTPInTaskStaging(), "http://example.org/a"),
    (FTPSeparateTaskStaging(), "ftp://example.org/a"),
    (FTPInTaskStaging(), "ftps://example.org/a"),
    (ZipFileStaging(), "zip:/archive.zip/a"),
    (GlobusStaging(UUID), f"globus://{UUID}/a"),
    (RSyncStaging("me@example.org"), "a"),
    (RSyncStaging("me@example.org"), "rsync://example.org/module/a"),
    (RSyncStaging(), "rsync://example.org/module/a"),
]


@pytest.mark.parametrize(("staging", "url"), STAGINGS, ids=lambda value: str(value)[:30])
def test_each_says_which_files_it_takes(staging: Staging, url: str) -> None:
    assert staging.can_stage_in(File(url))
    assert staging.can_stage_out(File(url))
    assert not staging.can_stage_in(File("gopher://example.org/a"))
    assert not staging.can_stage_out(File("gopher://example.org/a"))


def test_rsync_without_a_host_leaves_paths_to_others() -> None:
    manager = DataManager(defaults=[RSyncStaging(), NoOpFileStaging()])
    staged = manager.stage({"inputs": [File("a")]}, (), print, ThreadPoolExecutor())
    assert staged.kwargs["inputs"] == [File("a")]
    assert staged.func is print


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
        (lambda: GlobusStaging("").sealed(), "endpoint_uuid is ''; expected text that is not empty"),
        (lambda: GlobusStaging(UUID, "data").sealed(), "endpoint_path is 'data'; expected None or a path that begins"),
        (lambda: GlobusStaging(UUID, patience=0).sealed(), "patience is 0; expected a number above 0"),
        (lambda: GlobusStaging(UUID, sync_level="date"), "sync_level is 'date'; expected"),
        (lambda: GlobusStaging(UUID, local_pth="/x"), "did you mean 'local_path'"),
        (lambda: RSyncStaging(7), "RSyncStaging.hostname is 7; expected text"),
        (lambda: RSyncStaging(hostnam="x"), "did you mean 'hostname'"),
        (lambda: RSyncStaging("").sealed(), "hostname is ''; expected text that is not empty"),
        (lambda: RSyncStaging("-oProxyCommand=x").sealed(), "begins with no hyphen"),
        (lambda: RSyncStaging("me@-oProxyCommand=x").sealed(), "begins with no hyphen"),
        (lambda: RSyncStaging("a b").sealed(), "without spaces"),
        (lambda: RSyncStaging("x", ssh=()).sealed(), "expected the words of a command, as a list"),
        (lambda: RSyncStaging("x", module_root="data").sealed(), "module_root is 'data'; expected a path"),
        (lambda: HTTPInTaskStaging(time_out=3), "did you mean 'timeout'"),
        (lambda: FTPInTaskStaging(timeout=0).sealed(), "timeout is 0; expected a number above 0"),
        (lambda: HTTPSeparateTaskStaging(tries=0).sealed(), "tries is 0; expected a whole number of at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(build: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("hostname", "path", "base", "there"),
    [
        ("me@example.org", "/data/x", "me@example.org:", "/data/x"),
        ("[::1]", "/data/x", "[::1]:", "/data/x"),
        ("me@[2001:db8::1]", "/data/x", "me@[2001:db8::1]:", "/data/x"),
        ("example.org::mod", "/data/x", "example.org::mod/", "x"),
        ("rsync://me@example.org:8873/mod", "/data/a/x", "rsync://me@example.org:8873/", "mod/a/x"),
        ("rsync://[::1]/mod/", "/data/x", "rsync://[::1]/", "mod/x"),
        (None, "rsync://me@example.org:8873/mod/a%20b?", "rsync://me@example.org:8873/", "mod/a b"),
    ],
)
def test_where_rsync_finds_a_file(hostname: str | None, path: str, base: str, there: str) -> None:
    far = RSyncStaging(hostname, module_root="/data")._far(File(path))
    assert (far.base, far.path, far.password) == (base, there, None)


@pytest.mark.parametrize(
    ("hostname", "path", "sentence"),
    [
        ("h::mod", "/other/x", "/other/x is not below /data, which the daemon shows"),
        (None, "rsync://host/mod", "it names no file of a daemon"),
        (None, "rsync://host/mod/", "it names no file of a daemon"),
        (None, "rsync:///mod/x", "it names no file of a daemon"),
        (None, "rsync://-host/mod/x", "begins with a hyphen"),
        (None, "rsync://host:port/mod/x", "it is no URL"),
    ],
)
def test_what_rsync_cannot_find_is_told(hostname: str | None, path: str, sentence: str) -> None:
    with pytest.raises(StagingError, match=sentence):
        RSyncStaging(hostname, module_root="/data")._far(File(path))


def test_a_password_of_a_daemon_is_not_in_the_name() -> None:
    far = RSyncStaging()._far(File("rsync://me:s3%20cret@host/mod/x"))
    assert far.password == "s3 cret"
    assert "cret" not in far.shown


@pytest.mark.parametrize(
    ("endpoint_path", "local_path", "expected"),
    [
        (None, None, "/srv/me/jobs/x"),
        ("/", "/srv/me", "/jobs/x"),
        ("/~/", "/srv/me/", "/~/jobs/x"),
        ("/shared", "/srv/me/jobs", "/shared/x"),
        ("/srv", None, "/srv/me/jobs/x"),
        (None, "/srv/me", "/srv/me/jobs/x"),
    ],
)
def test_paths_are_told_to_globus_as_it_sees_them(
    endpoint_path: str | None, local_path: str | None, expected: str
) -> None:
    executor = SimpleNamespace(label="x", storage_access=[], working_dir="/srv/me/jobs")
    manager = DataManager(SimpleNamespace(executors={"x": executor}))
    staging = GlobusStaging(UUID, endpoint_path, local_path)
    order = staging._order(manager, "x", File("globus://other/far/x"), inwards=True)
    assert (order.source, order.target, order.path) == ("/far/x", expected, "/srv/me/jobs/x")
    assert (order.route.source, order.route.target) == ("other", UUID)


def test_a_subclass_that_moves_files_in_another_way_runs(tmp_path: Path) -> None:
    class Mine(GlobusStaging):
        def stage_in(self, dm: Any, executor: str, file: File, parent_fut: Any) -> None:
            file.local_path = "brought"

    config = Config(executors=[ThreadPoolExecutor(storage_access=[Mine(UUID)])], run_dir=tmp_path)
    with DataFlowKernel(config) as dfk:
        app = python_app(str, data_flow_kernel=dfk)
        assert app(File(f"globus://{UUID}/data.txt")).result(timeout=30) == "brought"
