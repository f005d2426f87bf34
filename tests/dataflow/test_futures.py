"""A LazyFuture does what the documents of ``concurrent.futures.Future`` say, and so may stand wherever one may.

Tests that take ``make`` run over both classes: what they assert of one, they assert of the other.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import copy
import gc
import logging
import pickle
import random
import sys
import threading
import traceback
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError, as_completed, wait
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from parsl_like.core.ids import TaskId
from parsl_like.core.states import Phase
from parsl_like.core.task import AppSpec, TaskRow, remains_of
from parsl_like.dataflow import futures
from parsl_like.dataflow.futures import CANCELLED, FAILED, SUCCEEDED, AppFuture, LazyFuture, run_owed

Make = Callable[[], Future[Any]]
PATIENCE = 30.0

both = pytest.mark.parametrize("make", [Future, LazyFuture])


def cancelled(future: Future[Any]) -> Future[Any]:
    """A future that is cancelled, and whose owner has said so: until then a plain Future tells nobody."""
    assert future.cancel()
    assert not future.set_running_or_notify_cancel()
    return future


def finished(future: Future[Any], value: Any = "value") -> Future[Any]:
    future.set_result(value)
    return future


def failed(future: Future[Any], error: BaseException | None = None) -> Future[Any]:
    future.set_exception(error if error is not None else ValueError("no"))
    return future


def in_thread(work: Callable[[], Any]) -> Future[Any]:
    """What a function gives on a thread of its own."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            outcome.set_exception(error)

    threading.Thread(target=run).start()
    return outcome


def waits_in(future: Future[Any]) -> None:
    """Return once some thread waits for the future."""
    pause = threading.Event()
    while not future._condition._waiters:  # type: ignore[attr-defined]
        pause.wait(0.001)


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns far more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


# --- how a future ends


@both
def test_a_new_future_has_not_ended(make: Make) -> None:
    future = make()
    assert (future.done(), future.cancelled(), future.running()) == (False, False, False)


@both
def test_a_future_with_a_result(make: Make) -> None:
    future = finished(make(), 7)
    assert (future.done(), future.cancelled(), future.result(), future.exception()) == (True, False, 7, None)


@both
def test_a_future_with_an_exception(make: Make) -> None:
    error = ValueError("no")
    future = failed(make(), error)
    assert (future.done(), future.cancelled(), future.exception()) == (True, False, error)
    with pytest.raises(ValueError, match="no") as caught:
        future.result()
    assert caught.value is error


@both
def test_a_result_may_be_an_exception_or_none(make: Make) -> None:
    error = ValueError("returned, not raised")
    assert finished(make(), error).result() is error
    assert finished(make(), None).result() is None


@both
@pytest.mark.parametrize("first", [finished, failed, cancelled], ids=lambda f: f.__name__)
@pytest.mark.parametrize("second", [finished, failed], ids=lambda f: f.__name__)
def test_a_future_ends_once(make: Make, first: Callable[..., Any], second: Callable[..., Any]) -> None:
    future = first(make())
    with pytest.raises(InvalidStateError):
        second(future)


@both
def test_a_cancelled_future(make: Make) -> None:
    future = make()
    assert future.cancel() is True
    assert (future.done(), future.cancelled()) == (True, True)
    for ask in (future.result, future.exception):
        with pytest.raises(CancelledError):
            ask(timeout=0)
    assert future.cancel() is True


@both
@pytest.mark.parametrize("end", [finished, failed], ids=lambda f: f.__name__)
def test_what_has_ended_cannot_be_cancelled(make: Make, end: Callable[..., Any]) -> None:
    future = end(make())
    assert future.cancel() is False
    assert not future.cancelled()


@both
def test_the_owner_learns_whether_it_may_begin(make: Make) -> None:
    future = make()
    assert future.set_running_or_notify_cancel() is True
    future.set_result(1)
    assert cancelled(make()).cancelled()


# --- waiting for one


@both
@pytest.mark.parametrize("seconds", [0, 0.001, -1])
def test_waiting_has_a_limit(make: Make, seconds: float) -> None:
    future = make()
    for ask in (future.result, future.exception):
        with pytest.raises(TimeoutError):
            ask(seconds)
        with pytest.raises(concurrent.futures.TimeoutError):
            ask(timeout=seconds)


@both
def test_several_threads_wait_for_one_result(make: Make) -> None:
    future = make()
    waiting = [in_thread(lambda: future.result(PATIENCE)) for _ in range(4)]
    waits_in(future)
    future.set_result("value")
    assert [w.result(PATIENCE) for w in waiting] == ["value"] * 4


@both
def test_several_threads_wait_for_one_exception(make: Make) -> None:
    future, error = make(), ValueError("no")
    waiting = [in_thread(lambda: future.result(PATIENCE)) for _ in range(4)]
    waits_in(future)
    future.set_exception(error)
    assert [w.exception(PATIENCE) for w in waiting] == [error] * 4


@both
def test_who_waits_hears_of_a_cancellation(make: Make) -> None:
    future = make()
    waiting = in_thread(lambda: future.exception(PATIENCE))
    waits_in(future)
    cancelled(future)
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)


# --- callbacks


@both
@pytest.mark.parametrize("end", [finished, failed, cancelled], ids=lambda f: f.__name__)
def test_callbacks_are_called_in_order_with_the_future_that_has_ended(make: Make, end: Callable[..., Any]) -> None:
    future, calls = make(), []
    for number in range(3):
        future.add_done_callback(lambda f, number=number: calls.append((number, f.done())))
    assert calls == []
    end(future)
    assert calls == [(0, True), (1, True), (2, True)]


@both
@pytest.mark.parametrize("end", [finished, failed, cancelled], ids=lambda f: f.__name__)
def test_a_callback_that_comes_late_is_called_at_once(make: Make, end: Callable[..., Any]) -> None:
    future, calls = end(make()), []
    future.add_done_callback(lambda f: calls.append((f, threading.current_thread())))
    assert calls == [(future, threading.current_thread())]


@both
def test_callbacks_run_on_the_thread_that_ends_the_future(make: Make) -> None:
    future, names = make(), []
    future.add_done_callback(lambda _: names.append(threading.current_thread().name))
    ending = threading.Thread(target=future.set_result, args=(1,), name="ends-it")
    ending.start()
    ending.join()
    assert names == ["ends-it"]


@both
def test_a_callback_that_raises_is_logged_and_the_others_run(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    future, calls = make(), []
    future.add_done_callback(lambda f: calls.append("first"))
    future.add_done_callback(lambda f: 1 / 0)
    future.add_done_callback(lambda f: calls.append("last"))
    with caplog.at_level(logging.ERROR):
        finished(future)
        future.add_done_callback(lambda f: 1 / 0)
    assert calls == ["first", "last"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 2


@both
def test_a_callback_may_add_a_callback_and_read_the_result(make: Make) -> None:
    future, calls = make(), []

    def outer(f: Future[Any]) -> None:
        f.add_done_callback(lambda g: calls.append(("inner", g.result(timeout=0))))
        calls.append(("outer", f.result(timeout=0)))

    future.add_done_callback(outer)
    finished(future, 5)
    assert calls == [("inner", 5), ("outer", 5)]


@both
def test_a_callback_may_end_another_future(make: Make) -> None:
    first, second = make(), make()
    first.add_done_callback(lambda f: second.set_result(f.result() + 1))
    finished(first, 1)
    assert second.result(timeout=0) == 2


# --- waiting for many


@both
def test_wait_until_all_have_ended(make: Make) -> None:
    many = [make() for _ in range(4)]
    finished(many[0])
    waiting = in_thread(lambda: wait(many, PATIENCE))
    for future, end in zip(many[1:], (finished, failed, cancelled), strict=True):
        end(future)
    done, not_done = waiting.result(PATIENCE)
    assert (done, not_done) == (set(many), set())


@both
@pytest.mark.parametrize("end", [finished, failed, cancelled], ids=lambda f: f.__name__)
def test_wait_for_the_first(make: Make, end: Callable[..., Any]) -> None:
    many = [make() for _ in range(3)]
    waiting = in_thread(lambda: wait(many, PATIENCE, concurrent.futures.FIRST_COMPLETED))
    waits_for(many)
    end(many[1])
    assert waiting.result(PATIENCE) == ({many[1]}, {many[0], many[2]})


@both
def test_wait_for_the_first_exception(make: Make) -> None:
    many = [make() for _ in range(3)]
    waiting = in_thread(lambda: wait(many, PATIENCE, concurrent.futures.FIRST_EXCEPTION))
    waits_for(many)
    finished(many[0])
    failed(many[1])
    assert waiting.result(PATIENCE) == ({many[0], many[1]}, {many[2]})


def waits_for(many: list[Future[Any]]) -> None:
    """Return once some thread is told of the ends of all of these."""
    pause = threading.Event()
    while not all(future._condition and future._waiters for future in many):  # type: ignore[attr-defined]
        pause.wait(0.001)


@both
def test_wait_gives_up_in_time(make: Make) -> None:
    many = [finished(make()), make()]
    assert wait(many, timeout=0) == ({many[0]}, {many[1]})
    assert wait(many, timeout=0.001) == ({many[0]}, {many[1]})


@both
def test_as_completed_yields_in_the_order_of_the_ends(make: Make) -> None:
    many = [make() for _ in range(4)]
    cancelled(many[2])
    coming = as_completed([*many, many[0]], timeout=PATIENCE)
    assert next(coming) is many[2]
    for number, end in ((3, finished), (0, failed), (1, cancelled)):
        end(many[number])
        assert next(coming) is many[number]
    with pytest.raises(StopIteration):
        next(coming)


@both
def test_as_completed_gives_up_in_time(make: Make) -> None:
    many = [finished(make()), make()]
    coming = as_completed(many, timeout=0.001)
    assert next(coming) is many[0]
    with pytest.raises(TimeoutError):
        next(coming)


def test_both_kinds_are_waited_for_together() -> None:
    many: list[Future[Any]] = [Future(), LazyFuture(), Future(), LazyFuture()]
    waiting = in_thread(lambda: list(as_completed(many, timeout=PATIENCE)))
    for future in many:
        finished(future)
    assert set(waiting.result(PATIENCE)) == set(many)


# --- asyncio


@both
@pytest.mark.parametrize("before", [True, False])
def test_a_future_is_wrapped_for_asyncio(make: Make, before: bool) -> None:
    async def main() -> Any:
        future = make()
        if before:
            finished(future, 3)
        else:
            asyncio.get_running_loop().call_soon(finished, future, 3)
        return await asyncio.wait_for(asyncio.wrap_future(future), PATIENCE)

    assert asyncio.run(main()) == 3


@both
def test_cancelling_under_asyncio_cancels_the_future(make: Make) -> None:
    async def main() -> Future[Any]:
        future = make()
        wrapped = asyncio.wrap_future(future)
        wrapped.cancel()
        await asyncio.sleep(0)
        return future

    assert asyncio.run(main()).cancelled()


def test_a_lazy_future_is_awaited_as_it_is() -> None:
    async def main() -> Any:
        many: list[LazyFuture[Any]] = [LazyFuture() for _ in range(3)]
        for number, future in enumerate(many):
            in_thread(lambda future=future, number=number: future.set_result(number))
        failing: LazyFuture[Any] = LazyFuture()
        in_thread(lambda: failing.set_exception(ValueError("no")))
        results = await asyncio.gather(*many, failing, return_exceptions=True)
        return results[:3], str(results[3])

    assert asyncio.run(main()) == ([0, 1, 2], "no")


# --- what is a LazyFuture's own


def test_it_is_a_future() -> None:
    assert isinstance(LazyFuture(), Future)
    assert isinstance(AppFuture(0, "f"), LazyFuture)


@pytest.mark.parametrize("use", [finished, failed, cancelled], ids=lambda f: f.__name__)
def test_no_condition_is_made_for_a_future_nobody_waits_for(
    monkeypatch: pytest.MonkeyPatch, use: Callable[..., Any]
) -> None:
    made: list[str] = []
    original = threading.Condition

    def condition() -> threading.Condition:
        made.append("condition")
        return original()

    monkeypatch.setattr(futures.threading, "Condition", condition)
    future: LazyFuture[Any] = LazyFuture()
    future.add_done_callback(lambda f: None)
    use(future)
    assert (future.done(), made) == (True, [])
    assert wait([future], timeout=0).done == {future}
    assert made == ["condition"]


def test_settling_is_seen_by_dependents_publishing_by_all() -> None:
    future, calls = LazyFuture[Any](), []
    future.add_done_callback(calls.append)
    future.settle(SUCCEEDED, 7)
    assert (future.settled, future.done(), calls) == (SUCCEEDED, False, [])
    with pytest.raises(TimeoutError):
        future.result(timeout=0)
    assert future.cancel() is False
    future.publish()
    assert (future.done(), future.result(timeout=0), calls) == (True, 7, [future])


def test_a_cancellation_is_seen_by_all_from_the_start() -> None:
    """Who has cancelled a task is told so before the completion thread has told the others."""
    future, calls = LazyFuture[Any](), []
    future.add_done_callback(calls.append)
    future.settle(CANCELLED, None)
    assert (future.done(), future.cancelled(), future.cancel(), calls) == (True, True, True, [])
    for ask in (future.result, future.exception):
        with pytest.raises(CancelledError):
            ask(timeout=0)
    future.publish()
    assert calls == [future]


@pytest.mark.parametrize(
    "ask",
    [
        lambda future: future.result(PATIENCE),
        lambda future: next(as_completed([future], PATIENCE)).result(),
        lambda future: wait([future], PATIENCE).done.pop().result(),
    ],
    ids=["result", "as_completed", "wait"],
)
def test_a_callback_may_wait_for_another_task_that_has_callbacks(ask: Callable[[Any], Any]) -> None:
    """Those who wait are told by another thread than the one that runs callbacks."""
    first, second = LazyFuture[Any](), LazyFuture[Any]()
    got: list[Any] = []
    first.add_done_callback(lambda _: got.append(ask(second)))
    second.add_done_callback(lambda _: got.append("the callback of the second"))
    first.settle(SUCCEEDED, 1)
    second.settle(SUCCEEDED, 2)
    owed = [due for future in (first, second) for due in future.tell()]
    in_thread(lambda: run_owed(owed)).result(PATIENCE)
    assert got == [2, "the callback of the second"]


def test_watchers_are_told_before_callbacks_and_pass_on_what_is_owed_because_of_them() -> None:
    first, second = LazyFuture[Any](), LazyFuture[Any]()
    calls: list[Any] = []

    def follow(future: LazyFuture[Any]) -> Any:
        calls.append("watcher")
        second.settle(SUCCEEDED, future.result(timeout=0) + 1)
        return second.tell()

    first.add_done_callback(calls.append)
    second.add_done_callback(calls.append)
    first.watch(follow)
    first.settle(SUCCEEDED, 1)
    owed = first.tell()
    assert (calls, second.result(timeout=0)) == (["watcher"], 2)
    run_owed(owed)
    assert calls == ["watcher", first, second]
    assert first.tell() == ()


def test_a_watcher_that_comes_late_is_told_at_once() -> None:
    future, calls = LazyFuture[Any](), []
    future.set_result(1)
    future.watch(lambda f: calls.append(f) or ())
    assert calls == [future]


def test_waiting_until_everybody_is_told() -> None:
    future: LazyFuture[Any] = LazyFuture()
    future.settle(CANCELLED, None)
    waiting = in_thread(future.wait_published)
    waits_in(future)
    future.publish()
    waiting.result(PATIENCE)
    future.wait_published()


def test_a_second_publication_tells_nobody_again() -> None:
    many = [LazyFuture[Any]() for _ in range(2)]
    calls: list[Any] = []
    many[0].add_done_callback(calls.append)
    coming = as_completed(many, timeout=PATIENCE)
    finished(many[0])
    assert next(coming) is many[0]
    for future in many:
        future.settle(SUCCEEDED, 1)
        future.publish()
        future.publish()
    assert list(coming) == [many[1]]
    assert calls == [many[0]]


def test_its_text_says_how_it_stands() -> None:
    for end, word in ((None, "pending"), (finished, "finished"), (failed, "failed"), (cancelled, "cancelled")):
        future: LazyFuture[Any] = LazyFuture()
        if end is not None:
            end(future)
        assert repr(future) == f"<LazyFuture at {id(future):#x} {word}>"


@pytest.mark.parametrize("again", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize(
    "future", [LazyFuture(), AppFuture(0, "f"), finished(LazyFuture())], ids=["lazy", "app", "finished"]
)
def test_it_is_neither_pickled_nor_copied(future: LazyFuture[Any], again: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"(Lazy|App)Future cannot be pickled or copied: give it to an app"):
        again(future)


def test_an_exception_given_as_a_class_is_made() -> None:
    future: LazyFuture[Any] = LazyFuture()
    future.set_exception(ValueError)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^$"):
        future.result()


@both
def test_no_exception_at_all_is_a_result_of_none(make: Make) -> None:
    future = make()
    future.set_exception(None)
    assert (future.result(), future.exception()) == (None, None)


# --- what raising an exception many times costs


def depth(error: BaseException) -> int:
    return len(traceback.extract_tb(error.__traceback__))


def caught_by(future: Future[Any]) -> int:
    try:
        future.result()
    except ValueError as error:
        return depth(error)
    return 0


def raised_somewhere() -> ValueError:
    try:
        raise ValueError("no")
    except ValueError as error:
        return error


@pytest.mark.parametrize("error", [ValueError("never raised"), raised_somewhere()], ids=str)
def test_the_traceback_does_not_grow_with_each_call(error: ValueError) -> None:
    future = failed(LazyFuture(), error)
    first = caught_by(future)
    assert {caught_by(future) for _ in range(50)} == {first}
    assert {in_thread(lambda: caught_by(future)).result(PATIENCE) for _ in range(3)} <= {first, first + 1}


class Held:
    """Something a caller has in a local variable."""


def test_what_callers_held_is_let_go_of() -> None:
    future = failed(LazyFuture())
    held: list[weakref.ref[Held]] = []

    def ask() -> None:
        mine = Held()
        held.append(weakref.ref(mine))
        caught_by(future)

    for _ in range(5):
        ask()
    caught_by(future)
    assert [ref() for ref in held] == [None] * 5


@both
def test_a_future_whose_exception_was_raised_is_no_cycle(make: Make) -> None:
    future = failed(make())
    gone = weakref.ref(future)
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            future.result()
        del future
        assert gone() is None
    finally:
        gc.enable()


def test_exceptions_that_refuse_attributes_are_raised_too() -> None:
    class Frozen(ValueError):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

        def with_traceback(self, tb: Any) -> Any:
            raise RuntimeError("replaced")

    with pytest.raises(Frozen):
        failed(LazyFuture(), Frozen()).result()


# --- callbacks that want to end more than themselves


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=lambda e: type(e).__name__)
def test_a_thread_that_serves_others_survives_any_callback(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    future, calls = LazyFuture[Any](), []

    def end_it_all(_: Any) -> None:
        raise error

    future.add_done_callback(end_it_all)
    future.add_done_callback(calls.append)
    with caplog.at_level(logging.ERROR):
        in_thread(lambda: finished(future)).result(PATIENCE)
    assert calls == [future]
    assert "exception calling callback" in caplog.text


@both
def test_a_wish_to_end_the_program_is_heard_on_the_main_thread(make: Make) -> None:
    future = finished(make())
    with pytest.raises(SystemExit):
        future.add_done_callback(lambda _: sys.exit(3))


def test_a_finaliser_may_use_a_future_while_its_thread_uses_another() -> None:
    """As after a collection or a signal that comes just then."""
    first, second = LazyFuture[Any](), LazyFuture[Any]()
    calls: list[Any] = []

    def nested() -> None:
        with futures._GATE:
            first.add_done_callback(calls.append)
            first.cancel()
            wait([second], timeout=0)

    in_thread(nested).result(PATIENCE)
    assert calls == [first]


# --- many threads at once


@pytest.mark.usefixtures("switching")
def test_one_of_many_threads_ends_a_future() -> None:
    for _ in range(100):
        future, calls = LazyFuture[Any](), []
        future.add_done_callback(calls.append)
        start = threading.Barrier(4)
        won: list[int] = []

        def race(number: int, future: Any = future, start: Any = start, won: Any = won) -> None:
            start.wait(PATIENCE)
            try:
                future.set_result(number)
                won.append(number)
            except InvalidStateError:
                pass

        runs = [in_thread(lambda number=number: race(number)) for number in range(4)]
        [run.result(PATIENCE) for run in runs]
        assert won == [future.result(timeout=0)]
        assert calls == [future]


@pytest.mark.usefixtures("switching")
def test_a_future_cancelled_by_many_threads_is_cancelled_once() -> None:
    for _ in range(100):
        future, calls = LazyFuture[Any](), []
        future.add_done_callback(calls.append)
        coming = in_thread(lambda future=future: list(as_completed([future], timeout=PATIENCE)))
        start = threading.Barrier(3)
        runs = [
            in_thread(lambda future=future, start=start: (start.wait(PATIENCE), future.cancel())[1]) for _ in range(3)
        ]
        assert [run.result(PATIENCE) for run in runs] == [True] * 3
        assert coming.result(PATIENCE) == [future]
        assert calls == [future]


class Crowd:
    """Threads that start together and end, ask for and wait for the same futures in every way."""

    def __init__(self, count: int, threads: int) -> None:
        self.many = [LazyFuture[Any]() for _ in range(count)]
        self.called: Counter[int] = Counter()
        self.lock = threading.Lock()
        self.barrier = threading.Barrier(threads)

    def start(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        return in_thread(lambda: (self.barrier.wait(PATIENCE), work(*args))[1])

    def end(self, first: int) -> None:
        """Every third one: two of ten are cancelled or fail."""
        for number in range(first, len(self.many), 3):
            future = self.many[number]
            if number % 10 == 7:
                future.cancel()
            else:
                error = number % 10 == 3
                future.settle(FAILED if error else SUCCEEDED, ValueError(number) if error else number)
                future.publish()

    def add_callbacks(self, seed: int) -> None:
        order = list(range(len(self.many)))
        random.Random(seed).shuffle(order)
        for number in order:
            self.many[number].add_done_callback(partial(self.count, number))

    def count(self, number: int, _future: Any) -> None:
        with self.lock:
            self.called[number] += 1

    def as_completed(self) -> list[Any]:
        return list(as_completed(self.many, timeout=PATIENCE))

    def wait(self) -> Any:
        return wait(self.many, PATIENCE)

    def ask_each(self) -> Counter[str]:
        return Counter(how_it_ended(future) for future in self.many)


def how_it_ended(future: Future[Any]) -> str:
    try:
        return type(future.exception(PATIENCE)).__name__
    except CancelledError:
        return "cancelled"


@pytest.mark.usefixtures("switching")
def test_many_threads_end_futures_while_others_wait_for_them_in_every_way() -> None:
    crowd = Crowd(1500, threads=8)
    acting = [crowd.start(crowd.end, first) for first in range(3)]
    acting += [crowd.start(crowd.add_callbacks, seed) for seed in range(2)]
    coming, waiting, asking = (crowd.start(ask) for ask in (crowd.as_completed, crowd.wait, crowd.ask_each))
    for act in acting:
        act.result(PATIENCE)
    came = coming.result(PATIENCE)
    assert len(came) == len(set(came)) == 1500
    assert waiting.result(PATIENCE).not_done == set()
    assert asking.result(PATIENCE) == {"NoneType": 1200, "ValueError": 150, "cancelled": 150}
    assert crowd.called == dict.fromkeys(range(1500), 2)


# --- AppFuture


class Kernel:
    """As much of a kernel as a future asks for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.machine = SimpleNamespace(rows={})

    def cancel(self, future: AppFuture[Any]) -> bool:
        self.asked.append(("cancel", future.tid))
        return True

    def lift(self, future: AppFuture[Any], how: str, what: Any) -> AppFuture[Any]:
        self.asked.append((how, future.tid, what))
        return AppFuture(99, how, self)  # type: ignore[arg-type]


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def app_future(kernel: Kernel) -> AppFuture[Any]:
    return AppFuture(7, "analyse", kernel)  # type: ignore[arg-type]


def test_an_app_future_starts_with_nothing_but_its_id(app_future: AppFuture[Any]) -> None:
    assert (app_future.tid, app_future.outputs, app_future.stdout, app_future.stderr) == (7, [], None, None)
    assert app_future.outputs is app_future.outputs


def test_streams_are_those_of_the_call(app_future: AppFuture[Any]) -> None:
    app_future._std = ("a.out", ("a.err", "a"))
    assert (app_future.stdout, app_future.stderr) == ("a.out", ("a.err", "a"))


def test_its_status_is_that_of_its_row_and_later_of_its_last_phase(app_future: AppFuture[Any]) -> None:
    assert app_future.task_status() == "pending"
    app_future._row = row = TaskRow(TaskId(7), AppSpec("analyse", None), "x", app_future)
    row.phase = Phase.launched
    assert app_future.task_status() == "launched"
    assert repr(app_future) == "<AppFuture task 7 (analyse) launched>"
    assert app_future.task_record["func_name"] == "analyse"
    app_future._row, app_future._phase = None, Phase.recalled
    assert app_future.task_status() == "memo_done"
    assert app_future.task_record["status"].name == "memo_done"


def test_what_was_asked_of_its_task_is_known_as_long_as_it_lives(app_future: AppFuture[Any]) -> None:
    row = TaskRow(TaskId(7), AppSpec("analyse", None), "x", app_future)
    row.args, row.phase, row.submitted = (1,), Phase.done, 1000.0
    app_future._remains = remains_of(row)
    record = app_future.task_record
    assert (record["args"], record["kwargs"], record["executor"], record["status"].name) == ([1], {}, "x", "exec_done")
    assert record["app_fu"] is record["exec_fu"] is app_future
    assert dict(record) == dict(app_future.task_def)


def test_large_arguments_are_let_go_with_their_task(app_future: AppFuture[Any]) -> None:
    row = TaskRow(TaskId(7), AppSpec("analyse", None), "x", app_future)
    row.args = (bytearray(5),)
    app_future._remains = remains_of(row)
    record = app_future.task_record
    assert {"args", "kwargs"}.isdisjoint(record)
    assert record["executor"] == "x"
    with pytest.raises(KeyError):
        record["args"]


def test_cancelling_asks_the_kernel_unless_it_has_ended(app_future: AppFuture[Any], kernel: Kernel) -> None:
    assert app_future.cancel() is True
    assert kernel.asked == [("cancel", 7)]
    app_future.settle(CANCELLED, None)
    assert app_future.cancel() is True
    other: AppFuture[Any] = AppFuture(8, "f", kernel)  # type: ignore[arg-type]
    other.settle(SUCCEEDED, 1)
    assert other.cancel() is False
    assert kernel.asked == [("cancel", 7)]


def test_without_a_kernel_there_is_nobody_to_ask() -> None:
    future: AppFuture[Any] = AppFuture(7, "f")
    assert future.cancel() is False
    with pytest.raises(TypeError, match="belongs to no kernel"):
        future["key"]
    assert not hasattr(future, "shape")


def test_items_and_attributes_are_futures(app_future: AppFuture[Any], kernel: Kernel) -> None:
    assert isinstance(app_future["key"], AppFuture)
    assert isinstance(app_future.shape[0], AppFuture)
    assert kernel.asked == [("__getitem__", 7, "key"), ("__getattr__", 7, "shape"), ("__getitem__", 99, 0)]


def test_names_that_begin_with_an_underscore_are_not_lifted(app_future: AppFuture[Any], kernel: Kernel) -> None:
    with pytest.raises(AttributeError, match="'AppFuture' object has no attribute '_repr_html_'"):
        app_future._repr_html_  # noqa: B018
    assert not hasattr(app_future, "__array__")
    assert kernel.asked == []


def test_it_is_not_iterated_over(app_future: AppFuture[Any]) -> None:
    """Or a loop over its items would never end."""
    with pytest.raises(TypeError, match=r"index it, or wait for its result\(\) first"):
        iter(app_future)


def test_a_callback_that_raises_is_logged_with_its_task(
    app_future: AppFuture[Any], caplog: pytest.LogCaptureFixture
) -> None:
    def raises(_: Any) -> None:
        raise RuntimeError("mine")

    app_future.add_done_callback(raises)
    app_future.set_result(1)
    (record,) = caplog.records
    assert vars(record)["task"] == 7
    caplog.clear()
    plain: LazyFuture[int] = LazyFuture()
    plain.add_done_callback(raises)
    plain.set_result(1)
    (record,) = caplog.records
    assert not hasattr(record, "task")
