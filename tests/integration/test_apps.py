"""Apps and futures as users see them, under threads and under worker processes alike."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
from typing import Any

import pytest

import parsl_like
from parsl_like import bash_app, join_app, python_app
from parsl_like.app.errors import AppTimeout, BashExitFailure
from parsl_like.data_provider.files import File
from parsl_like.dataflow.errors import DependencyError, JoinError
from parsl_like.errors import ConfigurationError, SerializationError

pytestmark = pytest.mark.usefixtures("kernel")

WAIT = 60


@python_app
def add(a: Any, b: Any = 1) -> Any:
    return a + b


@python_app
def identity(value: Any) -> Any:
    return value


@python_app
def fails(message: str) -> None:
    raise ValueError(message)


@python_app
def total(inputs: Any = ()) -> Any:
    return sum(inputs)


@join_app
def fibonacci(n: int) -> Any:
    if n < 2:
        return identity(n)
    return add(fibonacci(n - 1), fibonacci(n - 2))


@join_app
def many(count: int) -> Any:
    return [identity(i) for i in range(count)]


@join_app
def returns_no_future() -> Any:
    return 3


@join_app
def inner_fails() -> Any:
    return [identity(1), fails("inner")]


@bash_app
def echo(word: str, stdout: Any = None, stderr: Any = None, outputs: Any = ()) -> str:
    return f"echo {word}"


def test_result_of_a_call() -> None:
    assert add(1, 2).result(WAIT) == 3
    assert add(1).result(WAIT) == 2
    assert add(a=1, b=5).result(WAIT) == 6


def test_future_in_arguments_keywords_and_inputs() -> None:
    one = add(0, 1)
    assert add(one, one).result(WAIT) == 2
    assert add(a=one, b=one).result(WAIT) == 2
    assert total(inputs=[one, 2, add(one, 2)]).result(WAIT) == 6


def test_future_of_another_library_is_a_dependency() -> None:
    other: concurrent.futures.Future[int] = concurrent.futures.Future()
    waiting = add(other, 1)
    assert not waiting.done()
    other.set_result(41)
    assert waiting.result(WAIT) == 42


def test_failed_future_of_another_library() -> None:
    other: concurrent.futures.Future[int] = concurrent.futures.Future()
    waiting = add(other, 1)
    other.set_exception(OSError("elsewhere"))
    with pytest.raises(DependencyError, match="elsewhere"):
        waiting.result(WAIT)


def test_users_exception_keeps_type_message_and_remote_traceback() -> None:
    future = fails("with a message")
    with pytest.raises(ValueError, match="with a message") as caught:
        future.result(WAIT)
    import traceback

    shown = "".join(traceback.format_exception(caught.value))
    assert "raise ValueError(message)" in shown
    assert future.task_status() == "failed"


def test_failed_dependency_names_the_root_once() -> None:
    first = fails("the root")
    last = functools.reduce(lambda future, _: add(future, 1), range(50), first)
    with pytest.raises(DependencyError) as caught:
        last.result(WAIT)
    text = str(caught.value)
    assert text.count("the root") == 1
    assert f"task {first.tid} (fails)" in text
    assert isinstance(caught.value.__cause__, ValueError)
    assert last.task_status() == "dep_fail"


def test_item_and_attribute_of_a_future() -> None:
    assert identity({"k": [10, 20]})["k"][1].result(WAIT) == 20
    assert identity(3 + 4j).imag.result(WAIT) == 4.0
    with pytest.raises(AttributeError):
        identity(1)._private  # noqa: B018
    with pytest.raises(KeyError):
        identity({})["absent"].result(WAIT)


def test_await() -> None:
    async def main() -> int:
        first = await add(1, 1)
        return await add(first, 1)

    assert asyncio.run(main()) == 3


def test_wait_and_as_completed() -> None:
    futures = [add(i, i) for i in range(20)]
    assert sorted(f.result() for f in concurrent.futures.as_completed(futures, WAIT)) == [2 * i for i in range(20)]
    done, pending = concurrent.futures.wait(futures, WAIT)
    assert len(done) == 20
    assert not pending


def test_join_app_runs_a_sub_workflow() -> None:
    assert fibonacci(7).result(WAIT) == 13
    assert many(5).result(WAIT) == [0, 1, 2, 3, 4]
    assert many(0).result(WAIT) == []


def test_join_app_that_returns_no_future() -> None:
    with pytest.raises(TypeError, match="returns_no_future must return a Future"):
        returns_no_future().result(WAIT)


def test_join_app_whose_inner_task_fails() -> None:
    with pytest.raises(JoinError, match="inner") as caught:
        inner_fails().result(WAIT)
    assert isinstance(caught.value.dependent_exceptions_tids[0][0], ValueError)


def test_map_keeps_order_and_reads_ahead_only_so_far() -> None:
    read = []

    def numbers() -> Any:
        for i in range(300):
            read.append(i)
            yield i

    results = add.map(numbers(), window=10)
    assert next(results) == 1
    assert len(read) <= 11
    assert list(results) == list(range(2, 301))


def test_options_for_one_call(kernel: Any) -> None:
    label = next(name for name in kernel.executors if not name.startswith("_"))
    assert add.options(executors=[label], priority=-1)(1, 2).result(WAIT) == 3
    with pytest.raises(ConfigurationError, match="retires"):
        add.options(retires=3)
    with pytest.raises(ConfigurationError, match="nowhere"):
        add.options(executors=["nowhere"])(1, 2)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1,
        functools.partial(lambda y, x: x + y, 1),
        (1).__add__,
    ],
    ids=["lambda", "partial", "method"],
)
def test_callables_that_are_no_plain_functions(function: Any) -> None:
    assert python_app(function)(1).result(WAIT) == 2


def test_closures_travel() -> None:
    offset = 7

    @python_app
    def shifted(x: int) -> int:
        return x + offset

    assert shifted(1).result(WAIT) == 8


def test_bash_app_captures_output(tmp_path: Any) -> None:
    out = tmp_path / "deep" / "out.txt"
    future = echo("'a b'", stdout=str(out))
    assert future.result(WAIT) == 0
    assert out.read_text() == "a b\n"
    assert future.stdout == str(out)
    assert echo("more", stdout=(str(out), "a")).result(WAIT) == 0
    assert out.read_text() == "a b\nmore\n"
    assert echo("new", stdout=(str(out), "w")).result(WAIT) == 0
    assert out.read_text() == "new\n"


def test_bash_app_auto_logname(kernel: Any) -> None:
    future = echo("logged", stdout=parsl_like.AUTO_LOGNAME)
    assert future.result(WAIT) == 0
    assert future.stdout.startswith(os.path.join(kernel.run_dir, "task_logs"))
    with open(future.stdout, encoding="utf-8") as file:
        assert file.read() == "logged\n"


def test_bash_app_failure_says_everything(tmp_path: Any) -> None:
    @bash_app
    def breaks(stderr: Any = None) -> str:
        return "echo cause of it >&2; exit 7"

    with pytest.raises(BashExitFailure) as caught:
        breaks(stderr=str(tmp_path / "err")).result(WAIT)
    assert caught.value.exitcode == 7
    text = str(caught.value)
    for part in ("breaks", "exit code 7", "cause of it", str(tmp_path / "err"), "exit 7"):
        assert part in text


def test_outputs_are_futures_of_files(tmp_path: Any) -> None:
    @bash_app
    def writes(outputs: Any = ()) -> str:
        return f"echo data > '{outputs[0].filepath}'"

    @python_app
    def reads(inputs: Any = ()) -> str:
        with open(inputs[0].filepath, encoding="utf-8") as file:
            return file.read()

    made = writes(outputs=[File(str(tmp_path / "file"))])
    assert made.outputs[0].filepath == str(tmp_path / "file")
    assert reads(inputs=[made.outputs[0]]).result(WAIT) == "data\n"
    assert made.outputs[0].result(WAIT).filepath == str(tmp_path / "file")


def test_walltime_of_a_python_app() -> None:
    @python_app
    def spins(walltime: float = 0.3) -> None:
        while True:
            pass

    with pytest.raises(AppTimeout):
        spins().result(WAIT)
    assert add(1, 1).result(WAIT) == 2


def test_walltime_of_a_bash_app() -> None:
    @bash_app
    def sleeps(walltime: float = 0.3) -> str:
        return "sleep 100"

    with pytest.raises(AppTimeout):
        sleeps().result(WAIT)


def test_cancel_of_a_task_that_waits() -> None:
    gate: concurrent.futures.Future[int] = concurrent.futures.Future()
    waiting = add(gate, 1)
    after = add(waiting, 1)
    assert waiting.cancel()
    assert waiting.cancelled()
    assert waiting.done()
    with pytest.raises(concurrent.futures.CancelledError):
        waiting.result(WAIT)
    with pytest.raises(DependencyError, match=f"task {waiting.tid}"):
        after.result(WAIT)
    gate.set_result(1)
    finished = add(1, 1)
    finished.result(WAIT)
    assert not finished.cancel()


def test_callback_that_blocks_or_submits_stalls_nothing() -> None:
    seen: concurrent.futures.Future[int] = concurrent.futures.Future()

    def submits(future: Any) -> None:
        add(future.result(), 1).add_done_callback(lambda f: seen.set_result(f.result()))

    add(1, 1).add_done_callback(submits)
    assert seen.result(WAIT) == 3


@pytest.mark.parametrize("count", [20_000])
def test_long_chain_and_wide_fan(count: int) -> None:
    future = identity(0)
    for _ in range(count // 10):
        future = add(future, 1)
    assert future.result(WAIT) == count // 10
    assert total(inputs=[identity(i) for i in range(count)]).result(WAIT) == count * (count - 1) // 2


def test_chain_whose_head_fails_reaches_its_tail() -> None:
    gate: concurrent.futures.Future[int] = concurrent.futures.Future()
    future = add(gate, 1)
    for _ in range(20_000):
        future = add(future, 1)
    gate.set_exception(OSError("at the head"))
    with pytest.raises(DependencyError, match="at the head"):
        future.result(WAIT)


def test_unpicklable_argument_is_named(kernel: Any) -> None:
    if "htex" not in kernel.executors:
        assert identity(open).result(WAIT) is open
        return
    import threading

    with pytest.raises(SerializationError, match="argument") as caught:
        identity({"lock": threading.Lock()}).result(WAIT)
    assert "'lock'" in str(caught.value)


def test_status_and_record_of_a_task(kernel: Any) -> None:
    future = add(1, 1)
    future.result(WAIT)
    assert future.task_status() == "exec_done"
    assert future.task_record["status"].name == "exec_done"
    states = kernel.status()["tasks"]["states"]
    assert states["exec_done"] >= 1
