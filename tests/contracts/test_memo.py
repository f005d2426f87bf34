"""The memo that remembers nothing, and a small one that remembers, under the shared contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.dataflow.memoization import NoMemo
from parsl_like.testing.memo_contract import MemoContract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class DictMemo(NoMemo):
    """Remembers in a dictionary; keys are what the arguments look like."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.in_flight: dict[str, int] = {}

    def key(self, task: Mapping[str, Any]) -> str | None:
        return f"{task['func_name']}{task['args']!r}{sorted(task['kwargs'].items())!r}"

    def lookup(self, key: str) -> tuple[bool, Any]:
        return (True, self.values[key]) if key in self.values else (False, None)

    def attach(self, key: str, task: int) -> int | None:
        first = self.in_flight.setdefault(key, task)
        return None if first == task else first

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        self.values[key] = value
        acknowledge()


class TestNoMemo(MemoContract):
    remembers = False

    def make_memo(self) -> NoMemo:
        return NoMemo()


class TestDictMemo(MemoContract):
    def make_memo(self) -> DictMemo:
        return DictMemo()


def test_kernel_asks_looks_up_and_remembers() -> None:
    import parsl_like
    from parsl_like.config import Config

    calls = []

    def measure(x: Any) -> Any:
        calls.append(x)
        return -x

    with parsl_like.load(Config(run_dir="runs")) as kernel:
        memo = DictMemo()
        kernel.memoizer = kernel._memo = kernel._preparation._memo = memo
        app = parsl_like.python_app(measure, cache=True)
        assert app(3).result(30) == -3
        while not memo.values:
            kernel.wait_for_current_tasks()
        again = app(3)
        assert again.result(30) == -3
        assert again.task_status() == "memo_done"
        assert app(4).result(30) == -4
    assert calls == [3, 4]
