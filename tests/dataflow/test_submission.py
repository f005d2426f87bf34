from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from parsl_like.core.events import EventType
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.data_provider.files import File
from parsl_like.data_provider.staging import Staging
from parsl_like.dataflow.datafutures import DataFuture
from parsl_like.dataflow.dependency_resolvers import (
    DEEP_DEPENDENCY_RESOLVER,
    SHALLOW_DEPENDENCY_RESOLVER,
    DependencyResolver,
)
from parsl_like.dataflow.futures import CANCELLED, FAILED, SUCCEEDED, AppFuture, LazyFuture
from parsl_like.dataflow.joins import JoinBody
from parsl_like.dataflow.memoization import NoMemo
from parsl_like.dataflow.preparation import NO_KWARGS, Preparation, Refused
from parsl_like.dataflow.services import mark_service_thread
from parsl_like.dataflow.submission import AUTO_LOGNAME, INTERNAL, Submission, default_std_autopath
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError
from parsl_like.serialize.functions import FunctionBlob

PATIENCE = 30.0
SUBMITTED, DEPENDENCY_DONE = EventType.SUBMITTED, EventType.DEPENDENCY_DONE


def work(*args: Any, **kwargs: Any) -> None:
    """An app's function."""


APP = AppSpec("work", work)
APP_HERE = AppSpec("work", work, "threads")


class Kernel:
    """As much of a kernel as a submission asks for."""

    def __init__(self) -> None:
        self.is_open = True
        self.asked = False

    def cancel(self, future: AppFuture[Any]) -> bool:
        return False

    def end_late_tasks(self) -> None:
        self.asked = True


class Desk:
    """A submission to two executors, and the events that it posts."""

    def __init__(
        self,
        session_of: Any,
        *,
        labels: tuple[str, ...] = ("threads", "htex"),
        resolver: DependencyResolver = SHALLOW_DEPENDENCY_RESOLVER,
        limit: int | None = None,
        memo: Any = None,
        autopath: Callable[[Any, str], Any] = lambda task, name: f"auto/{task['id']}.{name}",
    ) -> None:
        self.kernel: Any = Kernel()
        self.posted: list[tuple[int, int, Any]] = []
        wants = {"htex": "bytes"}
        self.sessions = {label: session_of(label, wants=wants.get(label, "objects")) for label in (*labels, INTERNAL)}
        for label, session in self.sessions.items():
            session.description = SimpleNamespace(label=label, storage_access=None, working_dir=None)
        preparation = Preparation(self.sessions, resolver, memo or NoMemo(), lambda events: None)
        self.submission = Submission(self.kernel, self.sessions, preparation, self.posted.append, autopath, limit)

    def submit(self, *args: Any, app: AppSpec = APP, executors: Any = "threads", **kwargs: Any) -> TaskRow:
        """The row that was posted for a call."""
        if app is APP:
            app = AppSpec("work", work, executors)
        before = len(self.posted)
        future = self.submission.submit(app, args, kwargs)
        code, task, row = self.posted[before]
        assert (code, task, row.future) == (SUBMITTED, future.tid, future)
        return row

    def settled(self, how: int, value: Any = None) -> AppFuture[Any]:
        """The future of an earlier task of the same kernel that has ended."""
        future = self.submit().future
        future.settle(how, value)
        return future


@pytest.fixture
def desk(session_of: Any) -> Desk:
    return Desk(session_of)


@pytest.fixture
def desk_of(session_of: Any) -> Callable[..., Desk]:
    """Makes submissions with other options."""
    return lambda **options: Desk(session_of, **options)


# --- calls without dependencies


def test_tasks_are_numbered_in_the_order_of_the_calls(desk: Desk) -> None:
    rows = [desk.submit() for _ in range(3)]
    assert [row.id for row in rows] == [row.future.tid for row in rows] == [0, 1, 2]
    assert desk.submission.outstanding == 3


def test_a_call_without_futures_is_packed_by_its_caller(desk: Desk) -> None:
    row = desk.submit(1, [2], k="v")
    assert (row.ready, row.depends, row.function, row.args, row.kwargs) == (True, (), work, (1, [2]), {"k": "v"})
    assert (row.executor, row.future._row, row.body) == ("threads", row, None)


def test_a_call_for_other_processes_is_packed_as_bytes(desk: Desk) -> None:
    row = desk.submit(1, executors="htex")
    assert (row.ready, type(row.function), type(row.body)) == (True, FunctionBlob, bytes)


def test_calls_without_keyword_arguments_share_an_empty_dictionary(desk: Desk) -> None:
    assert desk.submit().kwargs is NO_KWARGS
    assert NO_KWARGS == {}


@pytest.mark.parametrize("given", [{"executors": "htex", "bad": threading.Lock()}], ids=["lock"])
def test_what_cannot_be_packed_is_left_for_the_prepare_thread(desk: Desk, given: Any) -> None:
    row = desk.submit(**given)
    assert (row.ready, row.depends, row.args) == (False, (), ())


def test_a_call_whose_result_may_be_remembered_is_left_for_the_prepare_thread(desk: Desk) -> None:
    row = desk.submit(1, app=AppSpec("work", work, "threads", cache=True))
    assert (row.ready, row.depends) == (False, ())


class Claiming(NoMemo):
    """Knows a call's key at once, and whether an equal one runs."""

    def __init__(self) -> None:
        self.claimed: list[str] = []

    def claim(self, row: TaskRow) -> bool:
        row.key = f"key {row.args}"
        first = row.key not in self.claimed
        self.claimed.append(row.key)
        return first


def test_a_call_that_is_the_first_of_its_kind_is_packed_at_once(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(memo=Claiming())
    app = AppSpec("work", work, "htex", cache=True)
    rows = [desk.submit(1, app=app), desk.submit(1, app=app), desk.submit("two", app=app)]
    assert [row.ready for row in rows] == [True, False, True]
    assert [row.key for row in rows] == ["key (1,)", "key (1,)", "key ('two',)"]


@pytest.mark.parametrize(
    ("args", "kwargs", "cache"), [((1,), {"x": 1}, True), (([],), {}, True), ((1,), {}, "force")], ids=str
)
def test_what_else_may_be_remembered_is_asked_about_on_the_prepare_thread(
    desk_of: Callable[..., Desk], args: tuple[Any, ...], kwargs: dict[str, Any], cache: Any
) -> None:
    memo = Claiming()
    row = desk_of(memo=memo).submit(*args, app=AppSpec("work", work, "threads", cache=cache), **kwargs)
    assert (row.ready, row.key, memo.claimed) == (False, None, [])


def test_an_equal_call_is_not_told_of_whom_it_follows_before_that_one_is_submitted(
    desk_of: Callable[..., Desk],
) -> None:
    """Another thread is between noting its key and handing its task over."""
    desk = desk_of(memo=Claiming())
    preparation = desk.submission._preparation
    seen: list[bool] = []

    def look() -> None:
        with preparation.claiming:
            seen.append(True)

    other = threading.Thread(target=look)
    post, app = desk.submission._post, AppSpec("work", work, "threads", cache=True)

    def slowly(event: Any) -> None:
        other.start()
        other.join(0.05)
        assert seen == []
        post(event)

    desk.submission._post = slowly
    desk.submit(1, app=app)
    other.join(PATIENCE)
    assert seen == [True]


def test_a_join_runs_beside_the_kernel(desk: Desk) -> None:
    row = desk.submit(1, app=AppSpec("gather", work, join=True))
    assert (row.executor, type(row.function), row.ready) == (INTERNAL, JoinBody, True)
    assert row.function.__name__ == "work"


# --- dependencies


def test_tasks_of_the_same_kernel_are_named_by_their_ids(desk: Desk) -> None:
    first, second = desk.submit().future, desk.submit().future
    row = desk.submit(first, k=second, inputs=[first])
    assert (row.depends, row.ready) == ((0, 1, 0), False)
    assert len(desk.posted) == 3


def test_values_that_are_there_are_put_in_place_at_once(desk: Desk) -> None:
    first = desk.settled(SUCCEEDED, 5)
    row = desk.submit(first, [1], k=first, inputs=(first,))
    assert (row.ready, row.depends) == (True, ())
    assert (row.args, row.kwargs) == ((5, [1]), {"k": 5, "inputs": [5]})


@pytest.mark.parametrize("how", [FAILED, CANCELLED])
def test_a_task_that_has_failed_is_still_named(desk: Desk, how: int) -> None:
    """So that the prepare thread says why."""
    row = desk.submit(desk.settled(how, ValueError("no")))
    assert (row.ready, row.depends) == (False, (0,))


def test_futures_of_other_kinds_have_a_number_for_each_place(desk: Desk) -> None:
    foreign: Future[Any] = Future()
    rows = [desk.submit(foreign, foreign), desk.submit(foreign)]
    assert [row.depends for row in rows] == [(-1, -2), (-3,)]
    assert len(desk.posted) == 2
    foreign.set_result(1)
    assert desk.posted[2:] == [(DEPENDENCY_DONE, number, None) for number in (-1, -2, -3)]


def test_a_foreign_future_that_fails_says_why(desk: Desk) -> None:
    foreign, cancelled = Future[Any](), LazyFuture[Any]()
    desk.submit(foreign, cancelled)
    error = ValueError("no")
    foreign.set_exception(error)
    cancelled.cancel()
    assert desk.posted[1] == (DEPENDENCY_DONE, -1, ("a future of another kind", error))
    assert (desk.posted[2][:2], "cancelled" in str(desk.posted[2][2])) == ((DEPENDENCY_DONE, -2), True)


def test_a_file_that_was_not_made_is_named_after_its_task(desk: Desk) -> None:
    task: AppFuture[Any] = AppFuture(40, "write")
    desk.submit(DataFuture(task, "out.csv", tid=40))
    task.set_exception(ValueError("no"))
    assert desk.posted[1][2][0] == "task 40 (write)"


def test_a_file_that_was_not_brought_is_no_failure_of_its_task(desk: Desk) -> None:
    transfer = Future[Any]()
    desk.submit(DataFuture(transfer, "out.csv", tid=40))
    transfer.set_exception(ValueError("no"))
    assert desk.posted[1][2][0] == "a file of task 40"


def test_ends_of_tasks_reach_their_dependents_before_callbacks_of_users_have_run(desk: Desk) -> None:
    task: AppFuture[Any] = AppFuture(40, "write")
    task.add_done_callback(lambda _: pytest.fail("run"))
    desk.submit(task)
    desk.submit(DataFuture(task, "out.csv", tid=40))
    task.settle(SUCCEEDED, 1)
    task.tell()
    assert [(code, number) for code, number, _ in desk.posted[2:]] == [(DEPENDENCY_DONE, -1), (DEPENDENCY_DONE, -2)]


def test_a_task_that_is_not_handed_over_yet_is_waited_for_all_the_same(desk: Desk) -> None:
    """A transfer that waits for the task whose files are being staged is submitted before it."""
    transfers: list[AppFuture[Any]] = []

    class Taking(Staging):
        def can_stage_out(self, file: File) -> bool:
            return True

        def stage_out(self, dm: Any, executor: str, file: File, app_fu: Future[Any]) -> Future[Any]:
            transfers.append(desk.submission.submit(APP_HERE, (app_fu,), {}))
            return transfers[-1]

    desk.sessions["threads"].description.storage_access = [Taking()]
    future = desk.submission.submit(APP_HERE, (), {"outputs": [File("out.csv")]})
    (_, second, transfer), (_, first, row) = desk.posted
    assert (first, second, transfer.depends, row.depends) == (0, 1, (-1,), ())
    future.settle(SUCCEEDED, None)
    future.tell()
    assert desk.posted[2] == (DEPENDENCY_DONE, -1, None)
    assert desk.submit(future).depends == ()


def test_a_foreign_future_that_has_ended_is_told_after_the_task(desk: Desk) -> None:
    foreign: Future[Any] = Future()
    foreign.set_result(1)
    desk.submit(foreign)
    assert [(code, number) for code, number, _ in desk.posted] == [(SUBMITTED, 0), (DEPENDENCY_DONE, -1)]


def test_a_lazy_future_that_has_ended_well_is_its_value(desk: Desk) -> None:
    future: LazyFuture[Any] = LazyFuture()
    future.settle(SUCCEEDED, 7)
    assert (desk.submit(future).args, len(desk.posted)) == ((7,), 1)


def test_a_task_of_another_kernel_is_a_future_of_another_kind(desk: Desk) -> None:
    other: AppFuture[Any] = AppFuture(0, "f", Kernel())  # type: ignore[arg-type]
    assert desk.submit(other).depends == (-1,)


def test_one_open_dependency_leaves_the_others_in_place(desk: Desk) -> None:
    done, open_ = desk.settled(SUCCEEDED, 5), desk.submit().future
    row = desk.submit(done, open_)
    assert (row.depends, row.args) == ((1,), (done, open_))


def test_a_resolver_that_raises_is_left_for_the_prepare_thread(desk_of: Callable[..., Desk]) -> None:
    def broken(argument: object) -> Any:
        raise ValueError("no")

    row = desk_of(resolver=DependencyResolver(broken, broken)).submit([1])
    assert (row.ready, row.depends) == (False, ())


def test_files_to_be_made_are_futures(desk: Desk) -> None:
    row = desk.submit(outputs=[File("a.csv"), File("b.csv")])
    outputs = row.future.outputs
    assert [type(output) for output in outputs] == [DataFuture] * 2
    assert [os.path.basename(output.filepath) for output in outputs] == ["a.csv", "b.csv"]
    assert [output.tid for output in outputs] == [0, 0]
    assert desk.submit(inputs=outputs).depends == (-1, -2)


# --- executors


def test_all_means_every_executor_but_the_kernels_own(desk: Desk) -> None:
    used = {desk.submit(executors="all").executor for _ in range(200)}
    assert used == {"threads", "htex"}


@pytest.mark.parametrize("executors", ["htex", ("htex",), ["htex"]], ids=["text", "tuple", "list"])
def test_an_app_may_name_its_executor(desk: Desk, executors: Any) -> None:
    assert {desk.submit(executors=executors).executor for _ in range(20)} == {"htex"}


def test_an_app_may_name_several(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(labels=("a", "b", "c"))
    assert {desk.submit(executors=("a", "c")).executor for _ in range(200)} == {"a", "c"}


@pytest.mark.parametrize("executors", ["gone", ("threads", "gone"), ()], ids=["one", "one of two", "none"])
def test_an_executor_that_is_not_there_is_an_error_of_the_call(desk: Desk, executors: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"executors of app work.*labels out of \['threads', 'htex'\]"):
        desk.submission.submit(AppSpec("work", work, executors), (), {})
    assert desk.posted == []


def test_a_kernel_without_executors_says_so(desk_of: Callable[..., Desk]) -> None:
    with pytest.raises(ConfigurationError, match=r"This kernel has no executor.*Config\(executors="):
        desk_of(labels=()).submission.submit(APP, (), {})


def test_an_executor_that_is_added_is_used_from_then_on(desk_of: Callable[..., Desk], session_of: Any) -> None:
    desk = desk_of(labels=("a",))
    assert desk.submit(executors="all").executor == "a"
    desk.sessions["b"] = session_of("b")
    desk.submission.forget_choices()
    assert {desk.submit(executors="all").executor for _ in range(100)} == {"a", "b"}


# --- what keyword arguments say to the kernel


@pytest.mark.parametrize("keyword", ["parsl_resource_specification", "parsl_like_resource_specification"])
def test_resources_are_known_by_both_names(desk: Desk, keyword: str) -> None:
    row = desk.submit(**{keyword: {"cores": 2, "priority": "-5"}})
    assert (row.resources, row.priority) == ({"cores": 2, "priority": "-5"}, -5.0)


def test_an_empty_specification_is_none(desk: Desk) -> None:
    row = desk.submit(parsl_resource_specification={})
    assert (row.resources, row.priority) == (None, 0)


def test_a_walltime_is_seconds(desk: Desk) -> None:
    assert (desk.submit(walltime=5).walltime, desk.submit(walltime=None).walltime) == (5.0, None)


def test_streams_are_passed_on_and_known_to_the_future(desk: Desk) -> None:
    row = desk.submit(stdout="a.out", stderr=("a.err", "w"))
    assert (row.future.stdout, row.future.stderr) == ("a.out", ("a.err", "w"))
    assert row.kwargs == {"stdout": "a.out", "stderr": ("a.err", "w")}


def test_streams_are_named_after_the_task_on_demand(desk: Desk) -> None:
    desk.submit()
    row = desk.submit(stdout=AUTO_LOGNAME, stderr=AUTO_LOGNAME)
    assert (row.future.stdout, row.future.stderr) == ("auto/1.stdout", "auto/1.stderr")
    assert row.kwargs == {"stdout": "auto/1.stdout", "stderr": "auto/1.stderr"}


def test_what_the_function_does_not_take_is_not_passed_on(desk: Desk) -> None:
    app = AppSpec("work", work, "threads", undeclared=("walltime", "stdout"))
    row = desk.submit(app=app, walltime=5, stdout="a.out", k=1)
    assert (row.kwargs, row.walltime, row.future.stdout) == ({"k": 1}, 5.0, "a.out")


@pytest.mark.parametrize(
    ("task", "kwargs", "path"),
    [
        (7, {}, "task_logs/0000/task_0007_work.stdout"),
        (7, None, "task_logs/0000/task_0007_work.stdout"),
        (12345, {"label": "big"}, "task_logs/0001/task_12345_work_big.stdout"),
        (1, {"label": None}, "task_logs/0000/task_0001_work.stdout"),
        (1, {"label": ""}, "task_logs/0000/task_0001_work.stdout"),
        (1, {"label": 0}, "task_logs/0000/task_0001_work_0.stdout"),
    ],
)
def test_where_streams_go_by_themselves(task: int, kwargs: Any, path: str) -> None:
    record = {"id": task, "func_name": "work", "kwargs": kwargs}
    assert default_std_autopath("/run", record, "stdout") == f"/run/{path}"


# --- back-pressure


def test_a_caller_waits_while_enough_is_outstanding(desk_of: Callable[..., Desk], on_a_thread: Any) -> None:
    desk = desk_of(limit=2)
    for _ in range(2):
        desk.submit()
    waiting = on_a_thread(desk.submit)
    while not desk.submission._waiting:
        threading.Event().wait(0.001)
    assert (waiting.done(), desk.submission.outstanding) == (False, 2)
    desk.submission.settled(1)
    assert waiting.result(PATIENCE).id == 2
    assert desk.submission.outstanding == 2


def test_the_kernels_own_threads_are_never_made_to_wait(desk_of: Callable[..., Desk], on_a_thread: Any) -> None:
    desk = desk_of(limit=1)
    desk.submit()

    def from_a_callback() -> int:
        mark_service_thread()
        return desk.submit().id

    assert on_a_thread(from_a_callback).result(PATIENCE) == 1


def waiting_when_closed(desk: Desk, on_a_thread: Any) -> Any:
    """A call that waited for room until the kernel was closed."""
    desk.submit()
    waiting = on_a_thread(desk.submit)
    while not desk.submission._waiting:
        threading.Event().wait(0.001)
    desk.kernel.is_open = False
    desk.submission.settled(0)
    return waiting


def test_nobody_waits_for_room_in_a_closed_kernel(desk_of: Callable[..., Desk], on_a_thread: Any) -> None:
    waiting_when_closed(desk_of(limit=1), on_a_thread).exception(PATIENCE)


def test_who_waited_for_room_is_told_that_the_kernel_was_closed(desk_of: Callable[..., Desk], on_a_thread: Any) -> None:
    assert isinstance(waiting_when_closed(desk_of(limit=1), on_a_thread).exception(PATIENCE), NoDataFlowKernelError)


def test_the_number_of_tasks_never_goes_back(desk_of: Callable[..., Desk], on_a_thread: Any) -> None:
    slow, begun = threading.Event(), threading.Event()

    def autopath(task: Any, name: str) -> str:
        begun.set()
        assert slow.wait(PATIENCE)
        return "path"

    desk = desk_of(autopath=autopath)
    first = on_a_thread(lambda: desk.submission.submit(APP, (), {"stdout": AUTO_LOGNAME}))
    assert begun.wait(PATIENCE)
    desk.submission.submit(APP, (), {})
    slow.set()
    first.result(PATIENCE)
    assert desk.submission.outstanding == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"walltime": "a while"},
        {"parsl_resource_specification": {"priority": "high"}},
        {"stdout": AUTO_LOGNAME},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_call_that_is_refused_takes_up_no_room(desk_of: Callable[..., Desk], wrong: dict[str, Any]) -> None:
    desk = desk_of(limit=1, autopath=lambda task, name: 1 // 0)
    for _ in range(2):
        with pytest.raises((ValueError, ConfigurationError, ZeroDivisionError)):
            desk.submission.submit(APP_HERE, (), dict(wrong))
    assert (desk.submission.outstanding, desk.posted) == (0, [])
    desk.submit()


def test_a_call_for_an_executor_that_is_not_there_takes_up_no_room(desk: Desk) -> None:
    with pytest.raises(ConfigurationError):
        desk.submission.submit(AppSpec("work", work, "nowhere"), (), {})
    assert (desk.submission.outstanding, desk.submission.submitted) == (0, 0)


def test_a_value_that_cannot_be_put_in_place_is_left_for_the_prepare_thread(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(resolver=DEEP_DEPENDENCY_RESOLVER)
    unhashable = desk.settled(SUCCEEDED, ["unhashable"])
    unhashable.tell()
    row = desk.submit({unhashable})
    assert (row.ready, row.depends, desk.submission.outstanding) == (False, (), 2)


@pytest.mark.parametrize("word", ["_parsl_staging_inhibit", "_parsl_like_staging_inhibit"])
def test_a_call_may_say_that_its_files_are_to_be_left_alone(desk: Desk, word: str) -> None:
    """Also one whose function does not declare the word, and so is not given it."""
    app = AppSpec("work", work, "threads", undeclared=(word,))
    file = File("http://host/file")  # nobody takes it
    desk.submission.submit(app, (), {"inputs": [file], word: True})
    (_, _, row) = desk.posted[0]
    assert (len(desk.posted), row.ready, row.kwargs) == (1, True, {"inputs": [file]})


def test_a_task_handed_over_to_a_closing_kernel_is_ended(desk: Desk) -> None:
    desk.submit()
    assert not desk.kernel.asked
    desk.kernel.is_open = False
    desk.submit()
    assert desk.kernel.asked


def test_tasks_are_counted_right_however_many_threads_submit(desk: Desk, on_a_thread: Any) -> None:
    def submit() -> None:
        for _ in range(500):
            desk.submission.submit(APP_HERE, (), {})

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in [on_a_thread(submit) for _ in range(4)]:
            thread.result(PATIENCE)
    finally:
        sys.setswitchinterval(before)
    assert desk.submission.submitted == len({task for _, task, _ in desk.posted}) == 2000


def test_a_call_whose_files_cannot_be_staged_is_refused_by_the_prepare_thread(desk: Desk) -> None:
    """Its failure is news of one kind, from one place: two threads would tell two stories."""
    row = desk.submit(outputs=[File("file:///a"), File("unknown://b"), 7], stdout=File("unknown://c"))
    assert isinstance(row.function, Refused)
    assert len(desk.posted) == 1
    first, second, third = row.future.outputs
    assert (type(first), type(second), third) == (DataFuture, DataFuture, 7)
    assert isinstance(row.future.stdout, DataFuture)
    row.future.settle(FAILED, row.function.error)
    row.future.publish()
    for made in (first, second, row.future.stdout):
        assert made.exception(PATIENCE) is row.function.error


@pytest.mark.parametrize("outputs", [7, "text"])
def test_outputs_that_are_no_list_are_an_error_of_the_task(desk: Desk, outputs: Any) -> None:
    row = desk.submit(outputs=outputs, inputs=[File("unknown://a")])
    assert isinstance(row.function, Refused)
    assert row.future.outputs == []
