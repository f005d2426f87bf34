"""Programs whose files Globus moves: in, out, on to the next task, and when it does not."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.files import File
from parsl_like.data_provider.globus import GlobusStaging
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.errors import DependencyError
from parsl_like.errors import StagingError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import LocalProvider
from tests.data_provider.globus_service import HERE, THERE, GlobusService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "login.json"
    login = {"client_id": "c", "refresh_token": "refresh", "access_token": "access", "scopes": []}
    path.write_text(json.dumps({**login, "expires_at": int(time.time()) + 3600}))
    path.chmod(0o600)
    monkeypatch.setenv("PARSL_LIKE_GLOBUS_TOKENS", str(path))
    return path


@pytest.fixture
def service(tmp_path: Path, tokens: Path) -> Iterator[GlobusService]:
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    with GlobusService({THERE: tmp_path / "there", HERE: tmp_path / "here"}) as service:
        yield service


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    loaded: list[DataFlowKernel] = []

    def make(working_dir: str | None = "here/w", **options: Any) -> DataFlowKernel:
        staging = GlobusStaging(HERE, endpoint_path="/", local_path=str(tmp_path / "here"), **options)
        where = None if working_dir is None else str(tmp_path / working_dir)
        executor = ThreadPoolExecutor(storage_access=[staging], working_dir=where)
        loaded.append(DataFlowKernel(Config(executors=[executor], run_dir=str(tmp_path / "runs"))))
        return loaded[-1]

    yield make
    for kernel in loaded:
        kernel.cleanup()


def read(*files: Any, inputs: Any = ()) -> list[str]:
    texts = []
    for name in (*files, *inputs):
        with open(name) as file:
            texts.append(file.read())
    return texts


def shout(inputs: Any = (), outputs: Any = ()) -> None:
    with open(outputs[0], "w") as file:
        file.write("".join(read(inputs=inputs)).upper())


def test_files_come_and_go_and_each_once(load: Callable[..., DataFlowKernel], service: GlobusService) -> None:
    kernel = load()
    for number in range(50):
        (service.collections[THERE] / f"in{number} ü").write_text(f"text {number}")
    loud, quiet = python_app(shout, data_flow_kernel=kernel), python_app(read, data_flow_kernel=kernel)
    inputs = [File(f"globus://{THERE}/in{number}%20%C3%BC") for number in range(50)]
    outputs = [File(f"globus://{THERE}/out/{number}") for number in range(50)]
    futures = [loud(inputs=[given], outputs=[wanted]) for given, wanted in zip(inputs, outputs, strict=True)]
    again = [quiet(given, inputs=[given]) for given in inputs]  # the same files, which have come already
    after = quiet(inputs=[future.outputs[0] for future in futures])  # no transfer: they are made where it runs
    assert after.result(60) == [f"TEXT {number}" for number in range(50)]
    assert [future.result(60) for future in again] == [[f"text {number}"] * 2 for number in range(50)]
    assert [future.outputs[0].result(60) for future in futures] == outputs
    assert [thread.name for thread in threading.enumerate() if "globus" in thread.name] == ["parsl-like-globus"]
    assert threading.active_count() < 40, "no thread waits for a file"
    assert (service.collections[THERE] / "out" / "49").read_text() == "TEXT 49"
    assert sum(len(task.items) for task in service.tasks) == 100
    assert len(service.tasks) < 10
    assert service.threads == {"parsl-like-globus"}
    kernel.wait_for_current_tasks()
    assert kernel.recorder.flush(10)
    ended = [record.fields for record in kernel.records.last("transfer") if "bytes" in record.fields]
    assert len(ended) == 100
    assert {fields["bytes"] for fields in ended} == {6, 7}


def test_worker_processes_have_their_files_too(service: GlobusService, tmp_path: Path) -> None:
    (service.collections[THERE] / "a").write_text("a")
    executor = HighThroughputExecutor(
        label="workers",
        max_workers_per_node=1,
        cores_per_worker=0.01,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
        working_dir=str(tmp_path / "here" / "w"),
        storage_access=[GlobusStaging(HERE, endpoint_path="/", local_path=str(tmp_path / "here"))],
    )
    with DataFlowKernel(Config(executors=[executor], run_dir=str(tmp_path / "runs"))) as kernel:
        loud, quiet = python_app(shout, data_flow_kernel=kernel), python_app(read, data_flow_kernel=kernel)
        future = loud(inputs=[File(f"globus://{THERE}/a")], outputs=[File(f"globus://{THERE}/b")])
        assert quiet(future.outputs[0]).result(60) == ["A"]
        future.outputs[0].result(60)
    assert (service.collections[THERE] / "b").read_text() == "A"


def test_leaving_the_program_waits_for_results_on_their_way(
    load: Callable[..., DataFlowKernel], service: GlobusService
) -> None:
    (service.collections[THERE] / "a").write_text("a")
    with load() as kernel:
        python_app(shout, data_flow_kernel=kernel)(
            inputs=[File(f"globus://{THERE}/a")], outputs=[File(f"globus://{THERE}/b")]
        )
        kernel.wait_for_current_tasks()
        assert (service.collections[THERE] / "b").read_text() == "A"


def test_a_failed_transfer_is_told_with_its_cause(load: Callable[..., DataFlowKernel], service: GlobusService) -> None:
    kernel = load()
    (service.collections[THERE] / "a").write_text("a")
    missing = python_app(read, data_flow_kernel=kernel)(File(f"globus://{THERE}/missing"))
    service.denied.add("/denied")
    denied = python_app(shout, data_flow_kernel=kernel)(
        inputs=[File(f"globus://{THERE}/a")], outputs=[File(f"globus://{THERE}/denied")]
    )
    error = missing.exception(60)
    assert isinstance(error, DependencyError)
    assert "FILE_NOT_FOUND: No such file" in str(error)
    assert denied.result(60) is None
    error = denied.outputs[0].exception(60)
    assert isinstance(error, StagingError)
    assert error.url == f"globus://{THERE}/denied"
    assert "PERMISSION_DENIED" in str(error)


def test_who_makes_a_file_that_fails_is_named_and_nothing_is_moved(
    load: Callable[..., DataFlowKernel], service: GlobusService
) -> None:
    kernel = load()

    def fail(outputs: Any = ()) -> None:
        raise RuntimeError("no file today")

    made = python_app(fail, data_flow_kernel=kernel)(outputs=[File(f"globus://{THERE}/b")])
    assert "no file today" in str(made.outputs[0].exception(60))
    assert not service.tasks


def test_without_a_login_a_call_says_what_to_do(
    load: Callable[..., DataFlowKernel], service: GlobusService, tokens: Path
) -> None:
    tokens.unlink()
    kernel = load()
    future = python_app(read, data_flow_kernel=kernel)(File(f"globus://{THERE}/a"))
    error = future.exception(60)
    assert isinstance(error, StagingError)
    assert "you have not logged in to Globus" in str(error)
    assert "run `parsl-like globus-auth`" in str(error)
    assert not service.asked


@pytest.mark.parametrize(
    ("working_dir", "url", "sentence"),
    [
        (None, f"globus://{THERE}/a", "has no working_dir"),
        ("elsewhere", f"globus://{THERE}/a", "is not below"),
        ("here", f"globus://{THERE}/", "it names no file of a collection"),
        ("here", "globus:///a", "it names no file of a collection"),
        ("here", f"globus://{THERE}/a%2F..", "is no name of a file"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_call(
    working_dir: str | None, url: str, sentence: str, load: Callable[..., DataFlowKernel], service: GlobusService
) -> None:
    future = python_app(read, data_flow_kernel=load(working_dir))(File(url))
    error = future.exception(60)
    assert isinstance(error, StagingError)
    assert sentence in str(error)
    assert not service.asked


def test_a_file_of_the_executors_own_collection_stays_where_it_is(
    load: Callable[..., DataFlowKernel], service: GlobusService
) -> None:
    place = service.collections[HERE] / "w"
    place.mkdir()
    (place / "a").write_text("here")
    kernel = load()
    assert python_app(read, data_flow_kernel=kernel)(File(f"globus://{HERE}/w/a")).result(60) == ["here"]
    assert not service.tasks


def test_a_remembered_maker_has_its_file_brought_where_it_is_missing(
    load: Callable[..., DataFlowKernel], service: GlobusService
) -> None:
    (service.collections[THERE] / "a").write_text("a")
    made = service.collections[HERE] / "w" / "b"

    def program(kernel: DataFlowKernel) -> Any:
        loud = python_app(shout, data_flow_kernel=kernel, cache=True)
        quiet = python_app(read, data_flow_kernel=kernel)
        future = loud(inputs=[File(f"globus://{THERE}/a")], outputs=[File(f"globus://{THERE}/b")])
        assert quiet(future.outputs[0]).result(60) == ["A"]
        future.outputs[0].result(60)
        return future

    kernel = load()
    program(kernel)
    assert program(kernel).task_status() == "memo_done"
    before = len(service.tasks)
    made.unlink()
    assert program(kernel).task_status() == "memo_done"
    assert [item["source_path"] for item in service.tasks[-1].items] == ["/b"], "brought, and not taken away"
    assert len(service.tasks) == before + 1
    assert made.read_text() == "A"


def test_closing_a_run_cancels_its_transfers_at_globus(
    load: Callable[..., DataFlowKernel], service: GlobusService
) -> None:
    (service.collections[THERE] / "a").write_text("a")
    service.script.extend([{"nice_status": "OK"}] * 100_000)
    kernel = load()
    future = python_app(read, data_flow_kernel=kernel)(File(f"globus://{THERE}/a"))
    assert service.looked.wait(60)
    kernel.cleanup()
    assert future.done()
    assert service.tasks[0].cancelled
