"""Files that travel for whole programs: both kinds of executors, both ways, servers of this machine."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.app.app import bash_app, join_app, python_app
from parsl_like.config import Config
from parsl_like.data_provider.data_manager import default_staging
from parsl_like.data_provider.files import File
from parsl_like.data_provider.ftp import FTPInTaskStaging
from parsl_like.data_provider.http import HTTPInTaskStaging, HTTPSeparateTaskStaging
from parsl_like.dataflow.datafutures import DataFuture
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.errors import DependencyError
from parsl_like.dataflow.submission import AUTO_LOGNAME
from parsl_like.errors import StagingError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import LocalProvider
from tests.remote.transfers.ftp_server import PASSWORD, USER, FTPServer
from tests.remote.transfers.web_server import WebServer, forget_proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer({"a/x": b"one", "b/x": b"two", **{f"n/{n}": str(n).encode() for n in range(20)}}) as server:
        yield server


@pytest.fixture(params=["threads", "workers"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    loaded: list[DataFlowKernel] = []

    def make(*access: Any, limit: int | None = None, std_autopath: Any = None, **options: Any) -> DataFlowKernel:
        options.setdefault("working_dir", str(tmp_path / "place"))
        if request.param == "threads":
            executor: Any = ThreadPoolExecutor(storage_access=list(access) or None, **options)
        else:
            executor = HighThroughputExecutor(
                label="workers",
                max_workers_per_node=2,
                cores_per_worker=0.01,
                provider=LocalProvider(init_blocks=1, max_blocks=1),
                storage_access=list(access) or None,
                **options,
            )
        config = Config(executors=[executor], run_dir=str(tmp_path / "runs"), std_autopath=std_autopath)
        if limit is not None:
            config.max_outstanding_tasks = limit
        loaded.append(DataFlowKernel(config))
        return loaded[-1]

    yield make
    for kernel in loaded:
        kernel.cleanup()


WAYS = pytest.mark.parametrize("staging", [HTTPSeparateTaskStaging, HTTPInTaskStaging])


def join_bytes(*first: Any, inputs: Any = (), outputs: Any = (), more: Any = None) -> bytes:
    parts = []
    for name in [*first, *inputs, *([] if more is None else [more])]:
        with open(name, "rb") as file:
            parts.append(file.read())
    for name in outputs:
        with open(name, "wb") as file:
            file.write(b"".join(parts))
    return b"".join(parts)


@WAYS
def test_files_come_once_and_go(load: Callable[..., DataFlowKernel], web: WebServer, staging: Any) -> None:
    kernel = load(staging())
    app = python_app(join_bytes, data_flow_kernel=kernel)
    x, y = File(web.url("a/x")), File(web.url("b/x"))
    assert [f.result(60) for f in [app(x, inputs=[y], more=x) for _ in range(10)]] == [b"onetwoone"] * 10
    assert sorted(web.paths()) == ["/a/x", "/b/x"]
    assert app(x).result(60) == b"one"
    assert sorted(web.paths()) == ["/a/x", "/b/x"]
    assert x.local_path is None


@WAYS
def test_outputs_are_futures_and_dependencies_hold_in_every_order(
    load: Callable[..., DataFlowKernel], web: WebServer, staging: Any, tmp_path: Path
) -> None:
    kernel = load(staging())
    app = python_app(join_bytes, data_flow_kernel=kernel)
    out, near = File(web.url("out/1")), File(tmp_path / "near")
    made = app(File(web.url("a/x")), outputs=[out, near])
    assert all(isinstance(future, DataFuture) for future in made.outputs)
    users = [
        app(made.outputs[0]),
        app(inputs=[made.outputs[1], made.outputs[0]]),
        app(more=made.outputs[0], outputs=[File(web.url("out/2"))]),
    ]
    last = app(users[2].outputs[0], inputs=[users[2].outputs[0], made.outputs[0]])
    assert [user.result(60) for user in users] == [b"one", b"oneone", b"one"]
    assert last.result(60) == b"oneoneone"
    assert made.outputs[0].result(60) == out
    assert made.outputs[1].result(60).filepath == str(near)
    assert (web.files["out/1"], web.files["out/2"]) == (b"one", b"one")
    assert web.paths("PUT") == ["/out/1", "/out/2"]
    assert web.paths() == ["/a/x"], "what was made where it is wanted is not fetched"


@WAYS
def test_a_file_that_cannot_be_had_fails_its_task_with_url_and_cause(
    load: Callable[..., DataFlowKernel], web: WebServer, staging: Any
) -> None:
    kernel = load(staging(tries=2))
    app = python_app(join_bytes, data_flow_kernel=kernel)
    url = web.url("none", user="me:hush@")
    error = app(File(url)).exception(60)
    after = app(inputs=[app(File(url), outputs=[File(web.url("out"))]).outputs[0]]).exception(60)
    for each in (error, after):
        assert isinstance(each, StagingError | DependencyError)
        assert f"Staging of {web.url('none')} failed: the server answers 404" in str(each)
        assert "hush" not in repr(each) + str(each) + repr(each.__cause__)
    refused = app(outputs=[File(web.url("status/x"))], inputs=[File(web.url("..%2f..%2fx/.."))])
    assert "no name of a file" in str(refused.exception(60))
    assert isinstance(refused.outputs[0].exception(60), StagingError)


@WAYS
def test_bash_apps_and_their_streams(load: Callable[..., DataFlowKernel], web: WebServer, staging: Any) -> None:
    kernel = load(staging())

    @bash_app(data_flow_kernel=kernel)
    def shout(inputs: Any = (), outputs: Any = (), stdout: Any = None, stderr: Any = None) -> str:
        return f"tr a-z A-Z < '{inputs[0]}' > '{outputs[0]}'; echo said; echo blamed >&2"

    called = shout(
        inputs=[File(web.url("a/x"))],
        outputs=[File(web.url("loud"))],
        stdout=File(web.url("log.out")),
        stderr=File(web.url("log.err")),
    )
    for future in (called.outputs[0], called.stdout, called.stderr):
        future.result(60)
    assert (web.files["loud"], web.files["log.out"], web.files["log.err"]) == (b"ONE", b"said\n", b"blamed\n")


def test_the_defaults_fetch_where_tasks_run(
    load: Callable[..., DataFlowKernel], web: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    kernel = load(working_dir=None)
    app = python_app(join_bytes, data_flow_kernel=kernel)
    with FTPServer({"/pub/y": b"three"}) as ftp:
        archive = f"zip:{tmp_path}/a.zip/in/z"
        packed = app(File(ftp.url("pub/y")), inputs=[File(web.url("a/x"))], outputs=[File(archive)])
        assert packed.outputs[0].result(60).url == archive
        assert app(packed.outputs[0], inputs=[File(archive)]).result(60) == b"threeone" * 2
    assert list(default_staging)


def test_separate_tasks_do_not_wait_for_the_room_that_their_caller_holds(
    load: Callable[..., DataFlowKernel], web: WebServer
) -> None:
    kernel = load(HTTPSeparateTaskStaging(), limit=1)
    app = python_app(join_bytes, data_flow_kernel=kernel)
    assert [app(File(web.url(f"n/{n}")), outputs=[File(web.url(f"m/{n}"))]).result(60) for n in range(5)]


def test_calls_of_many_threads_share_a_transfer(load: Callable[..., DataFlowKernel], web: WebServer) -> None:
    kernel = load(HTTPSeparateTaskStaging())
    app = python_app(join_bytes, data_flow_kernel=kernel)
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(app(*(File(web.url(f"n/{n}")) for n in range(20))).result(60)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"".join(str(n).encode() for n in range(20))] * 8
    assert len(web.paths()) == 20


def test_join_apps_take_files(load: Callable[..., DataFlowKernel], web: WebServer) -> None:
    kernel = load(HTTPSeparateTaskStaging())
    inner = python_app(join_bytes, data_flow_kernel=kernel)

    @join_app(data_flow_kernel=kernel)
    def outer(url: str) -> Any:
        return inner(File(url), inputs=[File(url)])

    assert outer(web.url("a/x")).result(60) == b"oneone"


def test_secrets_of_urls_are_in_no_file_of_the_run(
    load: Callable[..., DataFlowKernel], tmp_path: Path, web: WebServer
) -> None:
    kernel = load(FTPInTaskStaging(), HTTPSeparateTaskStaging())
    app = python_app(join_bytes, data_flow_kernel=kernel)
    word = PASSWORD.replace("@", "%40").replace(" ", "%20")
    with FTPServer({"/x": b"x"}) as ftp:
        login = f"{USER}:{word}@"
        assert app(File(ftp.url("x", login))).result(60) == b"x"
        assert app(File(ftp.url("none", login))).exception(60) is not None
    assert app(File(web.url("a/x", user="me:hush-hush@"))).result(60) == b"one"
    kernel.cleanup()
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            if name.endswith(".payload"):  # the arguments of a task that has failed, for who runs it again
                assert os.stat(os.path.join(folder, name)).st_mode & 0o077 == 0
                continue
            with open(os.path.join(folder, name), "rb") as file:
                text = file.read()
            for secret in (b"hush-hush", PASSWORD.encode(), word.encode()):
                assert secret not in text, os.path.join(folder, name)


def test_transfers_leave_records(load: Callable[..., DataFlowKernel], web: WebServer) -> None:
    kernel = load(HTTPSeparateTaskStaging(tries=1))
    app = python_app(join_bytes, data_flow_kernel=kernel)
    assert app(File(web.url("a/x"))).result(60) == b"one"
    assert app(File(web.url("none", user="me:hush@"))).exception(60) is not None
    kernel.wait_for_current_tasks()
    assert kernel.recorder.flush(10)
    told = {record.subject: record.fields for record in kernel.records.last("transfer")}
    assert set(told) == {web.url("a/x"), web.url("none")}
    assert told[web.url("a/x")]["bytes"] == 3
    assert told[web.url("a/x")]["tries"] == 1
    assert "404" in told[web.url("none")]["failed"]


@WAYS
def test_how_far_a_transfer_is_is_told_while_it_runs(
    load: Callable[..., DataFlowKernel], web: WebServer, staging: Any
) -> None:
    web.files["big"] = bytes(50_000_000)
    kernel = load(staging(progress_period=0.001))
    called = python_app(os.path.getsize, data_flow_kernel=kernel)(File(web.url("big")))
    assert called.result(60) == 50_000_000
    kernel.wait_for_current_tasks()
    assert kernel.recorder.flush(10)
    told = [record.fields for record in kernel.records.last("transfer") if record.subject == web.url("big")]
    *ways, end = told
    assert ways
    assert {(way["executor"], way["task"], way["of"]) for way in ways} == {(end["executor"], end["task"], 50_000_000)}
    assert [way["so_far"] for way in ways] == sorted(way["so_far"] for way in ways)
    assert end["bytes"] == 50_000_000
    assert (end["task"] == called.tid) == (staging is HTTPInTaskStaging)


def test_transfers_within_tasks_leave_records_too(load: Callable[..., DataFlowKernel], web: WebServer) -> None:
    kernel = load(HTTPInTaskStaging(tries=1))
    app = python_app(join_bytes, data_flow_kernel=kernel)
    good = app(File(web.url("a/x")), outputs=[File(web.url("out"))])
    assert good.result(60) == b"one"
    bad = app(File(web.url("none", user="me:hush@")))
    assert bad.exception(60) is not None
    assert kernel.recorder.flush(10)
    told = {record.subject: record.fields for record in kernel.records.last("transfer")}
    assert set(told) == {web.url("a/x"), web.url("out"), web.url("none")}
    assert {told[web.url(name)]["bytes"] for name in ("a/x", "out")} == {3}
    assert {told[web.url(name)]["task"] for name in ("a/x", "out")} == {good.tid}
    assert told[web.url("none")]["task"] == bad.tid
    assert "404" in told[web.url("none")]["failed"]
    assert "hush" not in str(told)


def test_calls_with_files_send_their_function_once(load: Callable[..., DataFlowKernel], web: WebServer) -> None:
    kernel = load(HTTPInTaskStaging())
    app = python_app(join_bytes, data_flow_kernel=kernel)
    assert [app(File(web.url(f"n/{n}"))).result(60) for n in range(20)] == [str(n).encode() for n in range(20)]
    if "workers" in kernel.executors:
        assert len(kernel.executors["workers"]._functions) == 1


def test_streams_may_be_named_by_the_run_and_have_a_mode(
    load: Callable[..., DataFlowKernel], web: WebServer, tmp_path: Path
) -> None:
    kernel = load(HTTPSeparateTaskStaging(), std_autopath=lambda task, name: File(web.url(f"auto/{task['id']}.{name}")))

    @bash_app(data_flow_kernel=kernel)
    def say(stdout: Any = None, stderr: Any = None) -> str:
        return "echo said; echo blamed >&2"

    called = say(stdout=AUTO_LOGNAME, stderr=(File(web.url("err")), "w"))
    assert called.stdout.result(60) == File(web.url(f"auto/{called.tid}.stdout"))
    assert called.stderr.result(60) == File(web.url("err"))
    assert (web.files[f"auto/{called.tid}.stdout"], web.files["err"]) == (b"said\n", b"blamed\n")


def test_a_sandbox_for_each_task(load: Callable[..., DataFlowKernel], web: WebServer, tmp_path: Path) -> None:
    kernel = load(HTTPSeparateTaskStaging())
    boxes = tmp_path / "boxes"

    @bash_app(data_flow_kernel=kernel)
    def litter(inputs: Any = (), outputs: Any = (), stdout: Any = None) -> str:
        return f"pwd; touch a b c; ls | wc -l; cat '{inputs[0]}' > '{outputs[0]}'"

    boxed = litter.options(sandbox=boxes)
    calls = [
        boxed(inputs=[File(web.url("a/x"))], outputs=[File(web.url(f"out/{n}"))], stdout=str(tmp_path / f"out{n}"))
        for n in range(4)
    ]
    for call in calls:
        call.outputs[0].result(60)
    said = [(tmp_path / f"out{n}").read_text().split() for n in range(4)]
    assert len({folder for folder, _ in said}) == 4
    assert {(os.path.dirname(folder), count) for folder, count in said} == {(str(boxes), "3")}
    assert os.listdir(boxes) == []
    assert [web.files[f"out/{n}"] for n in range(4)] == [b"one"] * 4

    where = python_app(lambda: __import__("os").getcwd(), data_flow_kernel=kernel).options(sandbox=True)
    if "threads" in kernel.executors:
        assert "on a thread beside other tasks" in str(where().exception(60))
    else:
        assert where().result(60) != where().result(60)


def test_the_future_of_a_file_does_not_show_a_password() -> None:
    assert repr(DataFuture(Future(), File("ftp://me:word@h/x"), 3)) == "<DataFuture of File('ftp://h/x') from task 3>"
