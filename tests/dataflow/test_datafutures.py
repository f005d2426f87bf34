from __future__ import annotations

import os
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest

from parsl_like.data_provider.files import File
from parsl_like.dataflow.datafutures import DataFuture
from parsl_like.dataflow.futures import AppFuture, LazyFuture


@pytest.mark.parametrize("given", ["out.csv", Path("out.csv"), File("out.csv")], ids=["text", "path", "file"])
def test_its_value_is_the_file_once_the_task_has_ended(given: Any) -> None:
    task: Future[Any] = Future()
    future = DataFuture(task, given, tid=7)
    assert (future.done(), future.tid, isinstance(future.file_obj, File)) == (False, 7, True)
    assert future.filepath == future.filename == os.fspath(future.file_obj.filepath)
    task.set_result("whatever the task returned")
    assert future.result(timeout=0) is future.file_obj
    assert repr(future) == f"<DataFuture of {future.file_obj!r} from task 7>"


def test_a_task_that_had_ended_before() -> None:
    task: LazyFuture[Any] = LazyFuture()
    task.set_result(1)
    assert DataFuture(task, "out.csv").result(timeout=0) == File("out.csv") or DataFuture(task, "out.csv").done()


def test_it_fails_as_the_task_does() -> None:
    task, error = LazyFuture[Any](), ValueError("no")
    future = DataFuture(task, "out.csv")
    task.set_exception(error)
    assert future.exception(timeout=0) is error


@pytest.mark.parametrize("make", [Future, LazyFuture])
def test_it_is_cancelled_with_the_task(make: Any) -> None:
    task = make()
    future = DataFuture(task, "out.csv")
    assert future.cancel() is True
    assert future.cancelled()
    with pytest.raises(CancelledError):
        future.result(timeout=0)


def test_it_cannot_be_cancelled_once_the_task_has_ended() -> None:
    task: LazyFuture[Any] = LazyFuture()
    future = DataFuture(task, "out.csv")
    task.set_result(1)
    assert future.cancel() is False


def test_it_is_a_dependency_like_any_future_but_not_a_task() -> None:
    future = DataFuture(AppFuture(7, "f"), "out.csv", tid=7)
    assert isinstance(future, LazyFuture)
    assert not isinstance(future, AppFuture)


@pytest.mark.parametrize("given", [None, 7, [], object()], ids=lambda given: type(given).__name__)
def test_something_that_is_no_file_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=f"DataFuture needs a File, got {type(given).__name__}"):
        DataFuture(Future(), given)
