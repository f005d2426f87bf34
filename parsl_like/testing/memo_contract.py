"""The contract of remembered results, for whoever brings a memo of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from parsl_like.core.ports import Memo

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemoContract(ABC):
    """Subclass it in a test module, with a name that begins with ``Test``, and say how a memo is made.

    A memo that remembers nothing satisfies it too: what it must never do is give a value that was not remembered.
    """

    remembers: bool = True
    """Whether what is remembered is found again."""

    @abstractmethod
    def make_memo(self) -> Memo:
        """A new memo that remembers nothing yet."""

    def task(self, *args: Any, name: str = "app") -> Mapping[str, Any]:
        """A task as memos see it."""
        return {"id": 0, "func": len, "func_name": name, "args": args, "kwargs": {}, "ignore_for_cache": []}

    def test_is_a_memo(self) -> None:
        """It has every method of the port."""
        memo = self.make_memo()
        assert isinstance(memo, Memo)  # noqa: S101 - a contract is made of assertions
        memo.close()

    def test_equal_calls_have_one_key(self) -> None:
        """The key depends on the call and on nothing else."""
        memo = self.make_memo()
        assert memo.key(self.task([1], "a")) == memo.key(self.task([1], "a"))  # noqa: S101
        if self.remembers:
            assert memo.key(self.task([1])) != memo.key(self.task([2]))  # noqa: S101
        memo.close()

    def test_nothing_is_found_before_it_is_remembered(self) -> None:
        """A look-up of an unknown key finds nothing."""
        memo = self.make_memo()
        assert memo.lookup("no such key") == (False, None)  # noqa: S101
        memo.close()

    def test_remembering_is_acknowledged(self) -> None:
        """``acknowledge`` is called by the time the memo is closed, and the value is found again."""
        memo = self.make_memo()
        acknowledged: list[bool] = []
        key = memo.key(self.task(3)) or "key"
        memo.remember(key, None, lambda: acknowledged.append(True))
        if self.remembers:
            assert memo.lookup(key) == (True, None)  # noqa: S101
        memo.close()
        assert acknowledged == [True]  # noqa: S101

    def test_only_the_first_of_equal_calls_in_flight_runs(self) -> None:
        """The first is told to run; a later one is told whom to wait for, or to run as well."""
        memo = self.make_memo()
        assert memo.attach("key", 1) is None  # noqa: S101
        assert memo.attach("key", 2) in (1, None)  # noqa: S101
        memo.close()
