"""Files of tasks whose results are remembered: where they were taken they stay, and whoever wants them gets them."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.files import File
from parsl_like.data_provider.fsspec import FsspecStaging
from parsl_like.data_provider.http import HTTPInTaskStaging, HTTPSeparateTaskStaging
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import LocalProvider
from parsl_like.utils import get_all_checkpoints
from tests.remote.transfers.web_server import WebServer, forget_proxies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer({}) as server:
        yield server


def make(outputs: Any = ()) -> int:
    with open(outputs[0], "wb") as file:
        return file.write(b"made")


def use(inputs: Any = ()) -> bytes:
    with open(inputs[0], "rb") as file:
        return file.read()


def loaded(kind: str, staging: Any, folder: Path) -> DataFlowKernel:
    options = {"storage_access": [staging], "working_dir": str(folder / "place")}
    executor: Any = (
        ThreadPoolExecutor(**options)
        if kind == "threads"
        else HighThroughputExecutor(
            max_workers_per_node=2,
            cores_per_worker=0.01,
            provider=LocalProvider(init_blocks=1, max_blocks=1),
            **options,
        )
    )
    runs = str(folder / "runs")
    memoizer = BasicMemoizer(checkpoint_mode="task_exit", checkpoint_files=get_all_checkpoints(runs))
    return DataFlowKernel(Config(executors=[executor], run_dir=runs, memoizer=memoizer))


@pytest.mark.parametrize("kind", ["threads", "workers"])
@pytest.mark.parametrize("gone", [False, True], ids=["here", "gone"])
@pytest.mark.parametrize("staging", [HTTPSeparateTaskStaging, HTTPInTaskStaging])
def test_a_run_that_goes_on_sends_nothing_again(
    web: WebServer, tmp_path: Path, staging: Any, gone: bool, kind: str
) -> None:
    for run, state in enumerate(("exec_done", "memo_done")):
        with loaded(kind, staging(tries=1), tmp_path) as kernel:
            made = python_app(make, cache=True, data_flow_kernel=kernel)(outputs=[File(web.url("out"))])
            used = python_app(use, data_flow_kernel=kernel)(inputs=[made.outputs[0]])
            assert (used.result(60), made.outputs[0].result(60).url) == (b"made", web.url("out"))
            assert made.task_status() == state
            assert kernel.recorder.flush(10)
            moved = [record.fields for record in kernel.records.last("transfer")]
            assert [fields["bytes"] for fields in moved if fields["bytes"] != 4] == []
        if gone and not run:
            shutil.rmtree(tmp_path / "place")
    assert web.paths("PUT") == ["/out"]
    assert len(web.paths("GET")) == (0 if staging is HTTPSeparateTaskStaging and not gone else 1)


@pytest.mark.parametrize("staging", [HTTPSeparateTaskStaging, HTTPInTaskStaging])
def test_equal_calls_in_one_run_send_once(web: WebServer, tmp_path: Path, staging: Any) -> None:
    may_end = threading.Event()

    def late(outputs: Any = ()) -> int:
        may_end.wait(60)
        return make(outputs)

    with loaded("threads", staging(tries=1), tmp_path) as kernel:
        app = python_app(late, cache=True, data_flow_kernel=kernel).options(version="1")  # it refers to an event
        calls = [app(outputs=[File(web.url("out"))]) for _ in range(5)]
        may_end.set()
        assert {call.outputs[0].result(60).url for call in calls} == {web.url("out")}
        assert web.files["out"] == b"made"
        assert app(outputs=[File(web.url("out"))]).outputs[0].result(60).url == web.url("out")
    assert web.paths("PUT") == ["/out"]


def test_a_failed_transfer_is_not_taken_for_one_that_went_well(web: WebServer, tmp_path: Path) -> None:
    with loaded("threads", HTTPSeparateTaskStaging(tries=1), tmp_path) as kernel:
        app = python_app(make, cache=True, data_flow_kernel=kernel)
        calls = [app(outputs=[File(web.url("full/out"))]) for _ in range(2)]
        assert [type(call.outputs[0].exception(60)).__name__ for call in calls] == ["StagingError"] * 2
    assert web.paths("PUT") == ["/full/out"] * 2


def test_archives_and_object_stores_are_not_written_again(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    far = File(f"local://{tmp_path}/far")
    sizes = []
    for _ in range(2):
        with loaded("threads", FsspecStaging(schemes=["local"], in_task=False), tmp_path) as kernel:
            app = python_app(make, cache=True, data_flow_kernel=kernel)
            calls = [app(outputs=[File(f"zip:{archive}/member")]), app(outputs=[far])]
            used = [python_app(use, data_flow_kernel=kernel)(inputs=[call.outputs[0]]) for call in calls]
            assert [each.result(60) for each in used] == [b"made"] * 2
        sizes.append((archive.stat().st_mtime_ns, (tmp_path / "far").stat().st_mtime_ns))
        shutil.rmtree(tmp_path / "place")
    assert sizes[0] == sizes[1]
