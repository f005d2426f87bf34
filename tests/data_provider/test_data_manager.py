from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.data_manager import DataManager, carries_files
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.data_provider.files import File
from parsl_like.data_provider.staging import Staging
from parsl_like.errors import StagingError
from parsl_like.executors.threads import ThreadPoolExecutor

if TYPE_CHECKING:
    from pathlib import Path


class FileFuture(Future[Any]):
    """The future of a file, as the kernel has them."""

    file_obj: Any = None

    def __init__(self, file: File, parent: Future[Any] | None = None) -> None:
        super().__init__()
        self.file_obj, self.parent, self.tid = file, parent, 7


class Lifting(Future[Any]):
    """Answers every attribute, as the futures of apps do."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        pytest.fail(f"{name} was asked of a future")


class Recording(Staging):
    """Takes ``far:`` files, and notes what it is asked."""

    def __init__(self, *, transfer: bool = True, inside: bool = False) -> None:
        self.transfer, self.inside = transfer, inside
        self.asked: list[Any] = []
        self.transfers: list[Future[Any]] = []

    def can_stage_in(self, file: File) -> bool:
        return file.scheme == "far"

    can_stage_out = can_stage_in

    def stage_in(self, dm: DataManager, executor: str, file: File, parent_fut: Future[Any] | None) -> Any:
        self.asked.append(("in", executor, file.url, parent_fut))
        if not self.transfer:
            return None
        file.local_path = f"/there/{file.filename}"
        self.transfers.append(Future())
        return self.transfers[-1]

    def stage_out(self, dm: DataManager, executor: str, file: File, app_fu: Future[Any]) -> Any:
        self.asked.append(("out", executor, file.url, app_fu))
        file.local_path = f"/there/{file.filename}"
        self.transfers.append(Future())
        return self.transfers[-1] if self.transfer else None

    def replace_task(self, dm: DataManager, executor: str, file: File, func: Any) -> Any:
        if not self.inside:
            return None
        file.local_path = f"/inside/{file.filename}"
        return lambda *args, **kwargs: ("brought", file.filename, func(*args, **kwargs))

    def replace_task_stage_out(self, dm: DataManager, executor: str, file: File, func: Any) -> Any:
        return (lambda *args, **kwargs: ("taken", func(*args, **kwargs))) if self.inside else None


def threads(*access: Staging) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(storage_access=list(access) or None)


def nothing(*_args: Any, **_kwargs: Any) -> str:
    return "ran"


# --- which calls are staged at all


@pytest.mark.parametrize(
    ("args", "kwargs", "carries"),
    [
        ((), {}, False),
        ((1, "a", None, [File("x")], Future(), Lifting()), {"a": 1, "b": Lifting()}, False),
        ((), {"inputs": []}, True),
        ((), {"outputs": []}, True),
        ((File("x"),), {}, True),
        ((), {"a": File("x")}, True),
        ((FileFuture(File("x")),), {}, True),
    ],
)
def test_what_carries_files(args: tuple[Any, ...], kwargs: dict[str, Any], carries: bool) -> None:
    assert carries_files(args, kwargs) is carries


# --- files that are where they are


def test_files_on_paths_become_the_calls_own_and_nothing_else_happens() -> None:
    file, args, inputs, outputs = File("x"), (File("a"), 1), [File("b"), 2], [File("c")]
    kwargs = {"inputs": inputs, "outputs": outputs, "key": file, "n": 3}
    staged = DataManager().stage(kwargs, args, nothing, threads())
    assert staged.func is nothing
    assert staged.args == args
    assert staged.kwargs == kwargs
    assert staged.args[0] is not args[0]
    assert staged.kwargs["key"] is not file
    assert staged.kwargs["inputs"][0] is not inputs[0]
    assert staged.kwargs["outputs"][0] is not outputs[0]
    assert kwargs == {"inputs": inputs, "outputs": outputs, "key": file, "n": 3}


def test_the_future_of_a_file_on_a_path_stays_itself() -> None:
    future = FileFuture(File("x"))
    staged = DataManager().stage({"inputs": [future]}, (future,), nothing, threads())
    assert staged.args[0] is future
    assert staged.kwargs["inputs"][0] is future


def test_an_output_on_a_path_is_there_when_its_task_has_ended() -> None:
    app: Future[Any] = Future()
    outputs = [File("x"), "plain"]
    staged = DataManager().stage({"outputs": outputs}, (), nothing, threads())
    assert staged.output_futures(app, lambda future, given: (future, given)) == [(app, outputs[0]), (app, "plain")]
    assert staged.kwargs["outputs"] == outputs


@pytest.mark.parametrize("kwargs", [{"inputs": []}, {"inputs": None}, {"outputs": ()}, {"outputs": None}])
def test_empty_lists_are_left_as_they_are(kwargs: dict[str, Any]) -> None:
    staged = DataManager().stage(kwargs, (), nothing, threads())
    assert staged.kwargs == kwargs
    assert staged.output_futures(Future(), lambda *given: given) == []


# --- files that nobody takes


@pytest.mark.parametrize(
    ("args", "kwargs", "way"),
    [
        ((File("far://h/x"),), {}, "to executor threads"),
        ((FileFuture(File("far://h/x")),), {}, "to executor threads"),
        ((), {"inputs": [File("far://h/x")]}, "to executor threads"),
        ((), {"key": File("far://h/x")}, "to executor threads"),
        ((), {"outputs": [File("far://h/x")]}, "away from executor threads"),
        ((), {"stdout": File("far://h/x")}, "away from executor threads"),
    ],
)
def test_a_file_that_nobody_takes_is_an_error_that_says_who_was_asked(
    args: tuple[Any, ...], kwargs: dict[str, Any], way: str
) -> None:
    with pytest.raises(StagingError, match=f"{way}.*tried: NoOpFileStaging") as caught:
        DataManager().stage(kwargs, args, nothing, threads())
    assert caught.value.url == "far://h/x"
    assert "far://h/x" in str(caught.value)
    assert "no staging provider takes a far: URL" in str(caught.value)


def test_without_any_provider_even_paths_are_refused() -> None:
    with pytest.raises(StagingError, match="tried: none"):
        DataManager(defaults=()).stage({}, (File("x"),), nothing, threads())


# --- files that travel


def test_an_executors_own_provider_is_asked_before_the_defaults() -> None:
    class Greedy(Recording):
        def can_stage_in(self, file: File) -> bool:
            return True

    greedy = Greedy()
    DataManager().stage({}, (File("x"),), nothing, threads(greedy))
    assert greedy.asked == [("in", "threads", "x", None)]


def test_a_transfer_before_the_task_is_one_more_dependency() -> None:
    recording, parent = Recording(), FileFuture(File("far://h/b"))
    given = File("far://h/a")
    staged = DataManager().stage({"inputs": [parent]}, (given,), nothing, threads(recording))
    assert recording.asked == [("in", "threads", "far://h/b", parent), ("in", "threads", "far://h/a", None)]
    assert (staged.kwargs["inputs"], list(staged.args)) == ([recording.transfers[0]], [recording.transfers[1]])
    assert given.local_path is None


def test_a_file_is_brought_to_a_place_once() -> None:
    recording, manager = Recording(), DataManager()
    executor, elsewhere = threads(recording), ThreadPoolExecutor(storage_access=[recording], working_dir="elsewhere")
    first, second = (manager.stage({}, (File("far://h/a"),), nothing, executor).args[0] for _ in range(2))
    assert first is second
    assert manager.stage({}, (File("far://h/b"),), nothing, executor).args[0] is not first
    assert manager.stage({}, (File("far://h/a"),), nothing, elsewhere).args[0] is not first
    brought = File("far://h/a")
    brought.local_path = "/there/a"
    first.set_result(brought)
    later = manager.stage({}, (File("far://h/a"),), nothing, executor).args[0]
    assert (later, later.local_path) == (brought, "/there/a")
    assert later is not brought
    assert len(recording.transfers) == 3
    manager.forget(brought)
    assert manager.stage({}, (File("far://h/a"),), nothing, executor).args[0] is recording.transfers[-1]
    assert len(recording.transfers) == 4


def test_a_file_whose_transfer_has_failed_is_brought_again() -> None:
    recording, manager = Recording(), DataManager()
    for end in (lambda future: future.set_exception(OSError()), Future.cancel, lambda future: future.set_result("?")):
        future = manager.stage({}, (File("far://h/a"),), nothing, threads(recording)).args[0]
        end(future)
    assert len(recording.transfers) == 3


def test_a_file_that_was_changed_or_removed_where_it_lies_is_brought_again(tmp_path: Path) -> None:
    recording, manager = Recording(), DataManager()
    path = tmp_path / "a"

    def want() -> Any:
        return manager.stage({}, (File("far://h/a"),), nothing, threads(recording)).args[0]

    for change in (lambda: path.write_text("other"), path.unlink):
        path.write_text("as it came")
        brought = File("far://h/a")
        brought.local_path = str(path)
        want().set_result(brought)
        assert want().filepath == str(path)
        change()
        assert want() is recording.transfers[-1]
        manager.forget(brought)


def test_a_provider_may_want_to_be_asked_by_each_call() -> None:
    class Each(Recording):
        once_per_place = False

    recording, manager = Each(), DataManager()
    first, second = (manager.stage({}, (File("far://h/a"),), nothing, threads(recording)).args[0] for _ in range(2))
    assert [first, second] == recording.transfers


def test_many_threads_that_want_one_file_start_one_transfer() -> None:
    begun, go = threading.Barrier(8), threading.Event()

    class Slow(Recording):
        def stage_in(self, *args: Any) -> Any:
            go.wait(30)
            return super().stage_in(*args)

    recording, manager, got = Slow(), DataManager(), []

    def want() -> None:
        begun.wait(30)
        got.append(manager.stage({}, (File("far://h/a"),), nothing, executor).args[0])

    executor = threads(recording)
    workers = [threading.Thread(target=want) for _ in range(8)]
    for worker in workers:
        worker.start()
    go.set()
    for worker in workers:
        worker.join()
    assert got == recording.transfers * 8
    assert len(recording.transfers) == 1


def test_an_error_at_the_start_of_a_transfer_is_that_of_the_call_and_the_next_one_tries_again() -> None:
    class Failing(Recording):
        def stage_in(self, *args: Any) -> Any:
            if not self.asked:
                self.asked.append("once")
                raise ValueError("not today")
            return super().stage_in(*args)

    manager, executor = DataManager(), threads(Failing())
    with pytest.raises(ValueError, match="not today"):
        manager.stage({}, (File("far://h/a"),), nothing, executor)
    assert isinstance(manager.stage({}, (File("far://h/a"),), nothing, executor).args[0], Future)


def test_a_transfer_inside_the_task_wraps_the_function() -> None:
    recording = Recording(transfer=False, inside=True)
    staged = DataManager().stage(
        {"outputs": [File("far://h/c")]}, (File("far://h/a"), File("far://h/b")), nothing, threads(recording)
    )
    assert staged.func() == ("taken", ("brought", "b", ("brought", "a", "ran")))
    assert [file.local_path for file in staged.args] == ["/inside/a", "/inside/b"]


def test_a_transfer_inside_the_task_of_a_file_that_is_still_made_waits_for_it() -> None:
    recording, parent = Recording(transfer=False, inside=True), FileFuture(File("far://h/a"))
    made: list[Any] = []

    def file_future(future: Future[Any], file: File, tid: int | None) -> Future[Any]:
        made.append((future, file.local_path, tid))
        return FileFuture(file, future)

    staged = DataManager(file_future=file_future).stage({}, (parent,), nothing, threads(recording))
    assert made == [(parent, "/inside/a", 7)]
    assert staged.args[0].parent is parent
    with pytest.raises(StagingError, match="makes no futures of files"):
        DataManager().stage({}, (parent,), nothing, threads(recording))


def test_a_transfer_after_the_task_is_what_the_outputs_future_waits_for() -> None:
    recording, app = Recording(), Future[Any]()
    given = File("far://h/c")
    staged = DataManager().stage({"outputs": [given, File("x")]}, (), nothing, threads(recording))
    assert recording.asked == []
    futures = staged.output_futures(app, lambda future, file: (future, file))
    assert recording.asked == [("out", "threads", "far://h/c", app)]
    assert futures == [(recording.transfers[0], given), (app, File("x"))]
    assert staged.kwargs["outputs"][0].local_path == "/there/c"


def test_streams_may_be_files_that_are_taken_away() -> None:
    recording, app = Recording(), Future[Any]()
    given = File("far://h/log")
    staged = DataManager().stage({"stdout": given, "stderr": "err.txt"}, (), nothing, threads(recording))
    assert staged.stream_future("stdout", app, lambda future, file: (future, file)) == (recording.transfers[0], given)
    assert staged.stream_future("stderr", app, lambda *parts: parts) is None
    assert staged.kwargs["stdout"].local_path == "/there/log"
    assert staged.output_futures(app, lambda *parts: parts) == []


@pytest.mark.parametrize("word", ["_parsl_staging_inhibit", "_parsl_like_staging_inhibit"])
def test_the_tasks_of_a_staging_provider_are_left_alone(word: str) -> None:
    recording, app, given = Recording(), Future[Any](), File("far://h/c")
    staged = DataManager().stage({"outputs": [given], word: True}, (given,), nothing, threads(recording))
    assert staged.args[0] is given
    assert staged.kwargs["outputs"][0] is given
    assert staged.output_futures(app, lambda *parts: parts) == [(app, given)]
    assert recording.asked == []


# --- one file, by an executor's label


def test_parsls_methods_take_the_label_of_an_executor() -> None:
    recording, app = Recording(inside=True), Future[Any]()
    description = threads(recording)
    for known in (description, SimpleNamespace(description=description)):
        recording.asked.clear()
        manager = DataManager(SimpleNamespace(executors={"threads": known}))
        brought, func = manager.optionally_stage_in(File("far://h/a"), nothing, "threads")
        assert brought is recording.transfers[-1]
        assert func() == ("brought", "a", "ran")
        brought.set_result(None)
        assert manager.stage_out(File("far://h/a"), "threads", app) is recording.transfers[-1]
        assert manager.replace_task_stage_out(File("x"), nothing, "threads") is nothing
        assert manager.stage_in(File("x"), File("x"), "threads") == File("x")
        assert manager.optionally_stage_in(5, nothing, "threads") == (5, nothing)
        assert [what for what, *_ in recording.asked] == ["in", "out"]


def test_the_base_of_providers_takes_nothing_and_does_nothing() -> None:
    base, file, manager = Staging(), File("x"), DataManager()
    assert (base.can_stage_in(file), base.can_stage_out(file)) == (False, False)
    assert base.stage_in(manager, "x", file, None) is None
    assert base.stage_out(manager, "x", file, Future()) is None
    assert base.replace_task(manager, "x", file, nothing) is None
    assert base.replace_task_stage_out(manager, "x", file, nothing) is None
    assert NoOpFileStaging() == NoOpFileStaging()


def test_the_end_of_a_transfer_from_before_a_change_is_not_that_of_the_file_as_it_is_now() -> None:
    recording, manager = Recording(), DataManager()

    def bring() -> Any:
        return manager.stage({}, (File("far://h/a"),), nothing, threads(recording)).args[0]

    first = bring()
    manager.forget(File("far://h/a"))
    second = bring()
    assert second is not first
    brought = File("far://h/a")
    brought.local_path = "/old"
    first.set_result(brought)
    assert bring() is second


# --- where files are put


def test_files_of_one_name_do_not_meet() -> None:
    manager, executor = DataManager(), ThreadPoolExecutor(working_dir="place")
    manager.dfk = SimpleNamespace(executors={"threads": executor})
    one, other = File("far://h/a/x"), File("far://h/b/x")
    assert manager.local_path(one, "threads") == os.path.join("place", "x")
    assert manager.local_path(one, "threads") == os.path.join("place", "x")
    apart = manager.local_path(other, "threads")
    assert apart == manager.local_path(other, "threads")
    assert apart.startswith("place" + os.sep)
    assert os.path.basename(apart) == "x"
    assert apart != os.path.join("place", "x")


@pytest.mark.parametrize("url", ["far://h/..", "far://h/a/", "far://h", "far://h/.", "far://h/a\\b"])
def test_a_name_that_leads_out_of_the_place_is_refused(url: str) -> None:
    manager = DataManager(SimpleNamespace(executors={"threads": ThreadPoolExecutor()}))
    with pytest.raises(StagingError, match="no name of a file"):
        manager.local_path(File(url), "threads")


def test_a_file_that_is_made_anew_has_another_token() -> None:
    manager, file = DataManager(), File("far://user:word@h/a")
    first = manager.token(file)
    assert first == manager.token(file.cleancopy())
    assert manager.token(File("far://h/a")) != first
    assert manager.next_token(file) != first
    assert "word" not in first
    assert DataManager(SimpleNamespace(run_id="another")).token(file) != first
