from __future__ import annotations

from typing import Any

import pytest

from parsl_like.config import Config
from parsl_like.dataflow.memoization import (
    BasicMemoizer,
    Memoizer,
    NoMemo,
    id_for_memo,
    memo_of,
    memoizer_of,
    seconds_of,
)
from parsl_like.dataflow.recalling import ProgramMemo
from parsl_like.errors import ConfigurationError
from parsl_like.memo.session import MemoSession


def test_nothing_is_remembered_and_everything_acknowledged() -> None:
    memo, acknowledged = NoMemo(), []
    memo.remember("key", "value", lambda: acknowledged.append("yes"))
    assert (memo.key({}), memo.lookup("key"), memo.attach("key", 1)) == (None, (False, None), None)
    assert acknowledged == ["yes"]
    memo.checkpoint()
    memo.close()


# --- memoizers by Parsl's names


def test_a_memoizer_that_does_not_say_what_it_remembers() -> None:
    memoizer = Memoizer()
    memoizer.start(run_dir="a", config_run_dir="b")
    memoizer.update_memo_result({}, 1)
    memoizer.update_memo_exception({}, ValueError())
    memoizer.close()
    with pytest.raises(NotImplementedError, match="check_memo"):
        memoizer.check_memo({})


def test_a_basic_memoizer_is_what_was_said() -> None:
    memoizer = BasicMemoizer(checkpoint_files=["a"], checkpoint_mode="manual")
    assert eval(repr(memoizer)) == memoizer != BasicMemoizer()
    assert memoizer.check_memo({}) is None
    memoizer.checkpoint()
    memoizer.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("checkpoint_mode", "often"), ("checkpoint_period", 5), ("checkpoint_files", "a"), ("memoize", 1)],
)
def test_a_basic_memoizer_refuses_what_cannot_be_meant(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"BasicMemoizer\.{name} is .*; expected "):
        BasicMemoizer(**{name: value})


def test_a_configuration_asks_for_a_memoizer_in_either_dialect() -> None:
    mine = BasicMemoizer(checkpoint_mode="task_exit")
    assert memoizer_of(Config(memoizer=mine)) is mine
    assert memoizer_of(Config()) == BasicMemoizer()
    with pytest.warns(DeprecationWarning, match="BasicMemoizer"):
        config = Config(
            app_cache=False, checkpoint_mode="periodic", checkpoint_period="0:01:00", checkpoint_files=["a"]
        )
    assert memoizer_of(config) == BasicMemoizer(
        memoize=False, checkpoint_mode="periodic", checkpoint_period="0:01:00", checkpoint_files=["a"]
    )


def test_only_a_memoizer_of_the_programs_own_is_asked() -> None:
    class Mine(BasicMemoizer):
        """With methods of its own, perhaps."""

    assert isinstance(memo_of(BasicMemoizer(), Config(), "a"), MemoSession)
    assert isinstance(memo_of(BasicMemoizer(memoize=False), Config(), "a"), NoMemo)
    assert isinstance(memo_of(Mine(), Config(), "a"), ProgramMemo)


@pytest.mark.parametrize(("period", "seconds"), [("0:00:00", 1), ("00:00:30", 30), ("1:02:03", 3723)])
def test_a_period_in_seconds(period: str, seconds: float) -> None:
    assert seconds_of(period) == seconds


# --- what an argument is remembered by


def f(x: int) -> int:
    return x


def g(x: int) -> int:
    return -x


VALUES: list[Any] = [
    1,
    1.0,
    True,
    "1",
    b"1",
    None,
    1j,
    "",
    [],
    (),
    {},
    [1, 2],
    [2, 1],
    (1, 2),
    ["1", "2"],
    ["12"],
    [[1], 2],
    [[1, 2]],
    {"a": 1},
    {"a": 2},
    {"b": 1},
    {"a": 1, "b": 2},
    f,
    g,
    eval("lambda x: x + 1"),
    eval("lambda x: x + 2"),
]


def test_different_values_have_different_ids() -> None:
    ids = [id_for_memo(value) for value in VALUES]
    assert len(set(ids)) == len(VALUES)
    assert all(type(each) is bytes for each in ids)
    assert ids == [id_for_memo(value, output_ref=True) for value in VALUES]


def test_the_order_of_a_dictionary_does_not_matter() -> None:
    assert id_for_memo({"a": 1, "b": 2}) == id_for_memo({"b": 2, "a": 1})


def test_programs_register_their_types() -> None:
    class Mine:
        """A type of a program's own."""

    with pytest.raises(ValueError, match=r"unknown type for memoization: Mine.*ignore_for_cache"):
        id_for_memo([Mine()])

    @id_for_memo.register(Mine)
    def _(obj: Mine, output_ref: bool = False) -> bytes:
        return b"mine"

    assert b"mine" in id_for_memo([Mine()])
