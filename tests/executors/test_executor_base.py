from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from parsl_like.errors import ConfigurationError, ExecutorError
from parsl_like.executors.answers import CallableDict, CallableInt, CallableList
from parsl_like.executors.base import DescribedSession, ParslExecutor, is_foreign, native
from parsl_like.executors.threads import ThreadPoolExecutor


class Mine(ParslExecutor):
    """A user's executor, as Parsl's documents show one."""

    def __init__(self) -> None:
        super().__init__()
        self.label = "mine"
        self._lock = threading.Lock()

    def start(self) -> None:
        self.started = True

    def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(func(*args, **kwargs))
        return future

    def shutdown(self, *args: Any, **kwargs: Any) -> bool:
        return True


class Noted(ThreadPoolExecutor):
    """Overrides one method of an executor of the package."""

    def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Future[Any]:
        self.seen = [*getattr(self, "seen", []), func]
        return super().submit(func, resource_specification, *args, **kwargs)


class Named(ThreadPoolExecutor):
    """Overrides nothing that a run calls."""

    def __init__(self, *, site: str) -> None:
        super().__init__(label=f"at-{site}")
        self.site = site


@pytest.mark.parametrize(
    ("executor", "foreign"),
    [
        (Mine(), True),
        (Noted(), True),
        (Named(site="x"), False),
        (ThreadPoolExecutor(), False),
        (ParslExecutor(), False),
    ],
)
def test_foreign_is_what_has_methods_of_its_own(executor: ParslExecutor, foreign: bool) -> None:
    assert is_foreign(executor) is foreign


# --- as a description


def test_a_foreign_executor_is_shared_and_everything_else_is_copied() -> None:
    mine, named = Mine(), Named(site="x")
    assert mine.sealed() is mine
    sealed = named.sealed()
    assert sealed is not named
    assert (type(sealed), sealed.site, sealed.label) == (Named, "x", "at-x")
    with pytest.raises(ConfigurationError, match="the run has started"):
        sealed.site = "y"


def test_a_foreign_executor_is_checked() -> None:
    mine = Mine()
    mine.label = ""
    with pytest.raises(ConfigurationError, match=r"Mine\.label"):
        mine.sealed()


def test_plain_executors_of_a_user_are_equal_only_to_themselves() -> None:
    first, second = Mine(), Mine()
    assert first == first  # noqa: PLR0124 - equality is what is tested
    assert first != second
    assert len({first, second}) == 2
    assert repr(first) == "<Mine 'mine'>"


def test_a_foreign_executor_keeps_its_own_attributes_when_copied_but_not_those_of_a_run() -> None:
    class Kept(Mine):
        def __init__(self) -> None:
            super().__init__()
            self._lock = None  # type: ignore[assignment]
            self._secret = 5

    kept = Kept()
    kept.attach(session := Session())
    twin = copy.copy(kept)
    assert twin._secret == 5
    assert kept.live_session() is session
    with pytest.raises(ConfigurationError, match="no run"):
        twin.live_session()


def test_parsls_constructor_arguments_are_kept() -> None:
    executor = ParslExecutor(monitoring_messages="queue", run_dir="there", run_id="7")
    assert (executor.monitoring_messages, executor.run_dir, executor.run_id) == ("queue", "there", "7")
    assert ParslExecutor().run_dir == "."
    assert ParslExecutor().run_id is None


def test_facts_of_a_run_can_be_assigned_to_a_description_and_do_not_travel() -> None:
    executor = ThreadPoolExecutor()
    executor.run_dir, executor.run_id, executor.monitoring_messages = "there", "7", None
    assert (executor.run_dir, executor.run_id) == ("there", "7")
    twin = pickle.loads(pickle.dumps(executor))
    assert twin == executor
    assert twin.run_dir == "."


class Session:
    run_dir = "of-the-run"


def test_the_run_directory_is_the_one_of_the_run_that_uses_it() -> None:
    executor, session = ThreadPoolExecutor(), Session()
    executor.sealed().attach(session)
    assert executor.run_dir == "of-the-run"
    executor.detach(session)
    assert executor.run_dir == "."


def test_measuring_makes_sense_unless_said_otherwise() -> None:
    assert ParslExecutor().monitor_resources()


# --- native


def test_the_native_form_has_the_fields_and_not_the_methods() -> None:
    noted = Noted(label="x", max_threads=7)
    twin = native(noted)
    assert type(twin) is ThreadPoolExecutor
    assert twin == ThreadPoolExecutor(label="x", max_threads=7)
    assert native(twin) is twin


def test_what_has_no_native_form_says_so() -> None:
    with pytest.raises(ExecutorError, match="nothing to start but its own"):
        native(Mine())


def test_a_dataclass_of_a_users_own_is_not_native() -> None:
    @dataclass
    class Own(ParslExecutor):
        label: str = "own"

        def start(self) -> None:
            """Nothing."""

    with pytest.raises(ExecutorError, match="Own has nothing to start"):
        native(Own())


def test_calling_up_to_the_base_does_nothing_where_there_is_nothing_to_do() -> None:
    class Polite(Mine):
        def start(self) -> None:
            ParslExecutor.start(self)

        def shutdown(self, *args: Any, **kwargs: Any) -> bool:
            return ParslExecutor.shutdown(self)

    polite = Polite()
    polite.start()
    assert polite.shutdown()
    with pytest.raises(ExecutorError, match="does not run"):
        ParslExecutor.submit(polite, len, None, "a")


# --- sessions and answers


def test_a_session_reads_the_fields_of_a_foreign_description_too() -> None:
    session: Any = DescribedSession(Mine(), run_dir="d", run_id="r")
    assert (session.storage_access, session.working_dir, session.run_dir, session.run_id) == (None, None, "d", "r")
    with pytest.raises(AttributeError):
        _ = session.started
    with pytest.raises(AttributeError):
        _ = DescribedSession.__new__(DescribedSession).description


def test_answers_are_values_and_can_be_called() -> None:
    assert CallableInt(3) == CallableInt(3)() == 3
    assert CallableList([1]) == CallableList([1])() == [1]
    assert CallableDict({1: 2}) == CallableDict({1: 2})() == {1: 2}
    assert [type(x()) for x in (CallableInt(3), CallableList([1]), CallableDict())] == [int, list, dict]
