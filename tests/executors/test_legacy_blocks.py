"""Executors of a user's own that live in blocks: the run's strategy asks for them and lets them go."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.core.ids import BlockId, ExecutorLabel, TaskId
from parsl_like.core.job_states import JobState
from parsl_like.errors import BadStateException
from parsl_like.executors.attempts import AttemptMaker
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.legacy import parsl_like_open_executor
from parsl_like.executors.legacy_blocks import LegacyBlockSession
from parsl_like.executors.status_handling import BlockProviderExecutor
from parsl_like.providers.local import LocalProvider
from parsl_like.testing.executor_contract import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT = 60

WORKER = """
import pathlib, sys, time
folder, block = pathlib.Path(sys.argv[1]), sys.argv[2]
while True:
    for task in sorted(folder.glob("*.task")):
        taken = task.with_suffix(".taken")
        try:
            task.rename(taken)
        except FileNotFoundError:
            continue
        new = task.with_suffix(".new")
        new.write_text(repr((eval(taken.read_text()), block)))
        new.rename(task.with_suffix(".done"))
    time.sleep(0.01)
"""


class FolderExecutor(BlockProviderExecutor):
    """Hands calls to workers in blocks through files in a folder, as a user of Parsl may have written it."""

    def __init__(self, folder: Path, provider: Any, label: str = "folder") -> None:
        super().__init__(provider=provider, block_error_handler=True)
        self.label = label
        self.folder = folder
        self.asked: list[str] = []
        self._ended = threading.Event()

    @property
    def workers_per_node(self) -> int:
        return 1

    def outstanding(self) -> int:
        return len(self.tasks)

    def _get_launch_command(self, block_id: str) -> str:
        self.asked.append(block_id)
        return shlex.join([sys.executable, "-c", WORKER, str(self.folder), block_id])

    def start(self) -> None:
        self._watch = threading.Thread(target=self._collect)
        self._watch.start()

    def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Any:
        future: Future[Any] = Future()
        number = len(list(self.folder.iterdir())) + 1000
        self.tasks[number] = future
        new = self.folder / f"{number}.writing"
        new.write_text(f"{func.__name__}(*{args!r})")
        new.rename(new.with_suffix(".task"))
        return future

    def _collect(self) -> None:
        while not self._ended.wait(0.01):
            for number, future in list(self.tasks.items()):
                done = self.folder / f"{number}.done"
                if done.exists():
                    del self.tasks[number]
                    future.set_result(eval(done.read_text()))

    def shutdown(self) -> None:  # type: ignore[override]  # written for Parsl
        self._ended.set()
        self._watch.join()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # blocks come and go without announcing it to anybody


@pytest.mark.integration
def test_the_strategy_looks_after_the_blocks_of_a_users_executor(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    provider = LocalProvider(init_blocks=0, min_blocks=0, max_blocks=2)
    executor = FolderExecutor(folder, provider)
    config = Config(
        executors=[executor], run_dir=str(tmp_path / "runs"), max_idletime=0.5, strategy="simple", strategy_period=0.2
    )
    with parsl_like.load(config) as kernel:
        session = kernel.executors["folder"]
        assert isinstance(session, LegacyBlockSession)
        assert executor.asked == []  # no task, no block
        calls = [kernel.submit(abs, [-n]) for n in range(4)]
        values = [call.result(WAIT) for call in calls]
        assert [value for value, _ in values] == [0, 1, 2, 3]
        assert {block for _, block in values} <= {"0", "1"}
        assert executor.asked[0] == "0"
        until(lambda: not executor.status())  # idle, so given back
        assert kernel.submit(abs, [-9]).result(WAIT)[0] == 9  # and asked for again
        assert len(executor.asked) >= 2
        assert (executor.outstanding(), executor.bad_state_is_set) == (0, False)
        assert session.folder == folder  # what Parsl's programs find at dfk.executors[label] is their own object


@pytest.mark.integration
def test_blocks_that_cannot_start_fail_the_executor(tmp_path: Path) -> None:
    class Broken(FolderExecutor):
        def _get_launch_command(self, block_id: str) -> str:
            return "echo no licence >&2; exit 3"

    (tmp_path / "folder").mkdir()
    executor = Broken(tmp_path / "folder", LocalProvider(init_blocks=1, max_blocks=1))
    with parsl_like.load(Config(executors=[executor], run_dir=str(tmp_path / "runs"))) as kernel:
        with pytest.raises(BadStateException, match="no licence"):
            kernel.submit(abs, [-1]).result(WAIT)
        assert executor.bad_state_is_set
        with pytest.raises(BadStateException):
            kernel.submit(abs, [-1]).result(WAIT)


@pytest.mark.integration
def test_an_executor_of_this_package_with_a_changed_method_is_scaled_too(tmp_path: Path) -> None:
    class Noting(HighThroughputExecutor):
        def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Any:
            self.__dict__.setdefault("seen", []).append(func)
            return super().submit(func, resource_specification, *args, **kwargs)

    provider = LocalProvider(init_blocks=0, min_blocks=0, max_blocks=2)
    executor = Noting(label="noting", max_workers_per_node=1, cores_per_worker=0.1, provider=provider)
    config = Config(
        executors=[executor],
        run_dir=str(tmp_path / "runs"),
        max_idletime=0.5,
        strategy="htex_auto_scale",
        strategy_period=0.2,
    )
    with parsl_like.load(config) as kernel:
        assert executor.connected_blocks() == []
        assert kernel.submit(os.getpid).result(WAIT) != os.getpid()
        assert executor.connected_blocks() == ["0"]
        assert executor.outstanding == executor.outstanding() == 0
        assert [manager["block_id"] for manager in kernel.executors["noting"].connected_managers()] == ["0"]
        until(lambda: not executor.connected_blocks())
        assert kernel.submit(os.getpid).result(WAIT) != os.getpid()
        assert executor.__dict__["seen"] == [os.getpid, os.getpid]


# --- what it says of itself, without processes


class Keeper:
    """Knows of blocks, in the place of the jobs thread."""

    def __init__(self, **states: str) -> None:
        self.states = states
        self.orders: list[Any] = []

    def scale_out(self, label: str, count: int) -> None:
        self.orders.append(("out", label, count))

    def scale_in(self, label: str, blocks: Any) -> None:
        self.orders.append(("in", label, list(blocks)))

    def status(self) -> dict[str, Any]:
        return {"folder": {"blocks": {name: {"state": state} for name, state in self.states.items()}}}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[FolderExecutor, LegacyBlockSession]]:
    executor = FolderExecutor(tmp_path, LocalProvider(nodes_per_block=3))
    with Owner(tmp_path, "folder") as owner:
        session = parsl_like_open_executor(executor, owner.context)
        assert isinstance(session, LegacyBlockSession)
        executor.attach(session)
        owner.serve(session)
        yield executor, session
        executor._ended.set()
        session.close(deadline=time.monotonic() + 10)


def test_blocks_whose_jobs_run_count_as_connected(opened: tuple[FolderExecutor, LegacyBlockSession]) -> None:
    executor, session = opened
    assert session.load().connected == ()
    session.keeper = Keeper(a="RUNNING", b="PENDING", c="RUNNING")
    load = session.load()
    assert (load.label, load.outstanding, load.slots, load.slots_per_block) == (ExecutorLabel("folder"), 0, 6, 3)
    assert load.connected == load.idle_blocks == ("a", "c")
    executor.tasks[1] = Future()
    assert (session.load().outstanding, session.load().idle_blocks) == (1, ())
    session.drain([BlockId("a")])
    assert session.load().connected == ("c",)
    session.block_ended(BlockId("a"), "over")
    assert session.load().connected == ("a", "c")


def test_questions_and_orders(opened: tuple[FolderExecutor, LegacyBlockSession]) -> None:
    executor, session = opened
    session.keeper = keeper = Keeper(a="RUNNING", b="PENDING")
    assert {block: status.state for block, status in executor.status_facade.items()} == {
        "a": JobState.RUNNING,
        "b": JobState.PENDING,
    }
    assert executor.scale_out_facade(2) == []
    assert executor.scale_in_facade(1) == ["a"]
    assert keeper.orders == [("out", "folder", 2), ("in", "folder", ["a"])]


def test_crowds_ask_for_blocks(opened: tuple[FolderExecutor, LegacyBlockSession]) -> None:
    _, session = opened
    asked = []
    session.when_crowded(lambda: asked.append(1))
    session.submit([AttemptMaker(session).make(TaskId(0), len, ("abc",))])
    assert asked == [1]


def test_a_command_that_is_none_is_refused(opened: tuple[FolderExecutor, LegacyBlockSession]) -> None:
    executor, session = opened
    assert session.block_request(BlockId("5")).command.endswith(" 5")
    executor._get_launch_command = lambda block_id: None  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(BadStateException, match="gave None"):
        session.block_request(BlockId("6"))


def test_without_a_provider_there_are_no_blocks(tmp_path: Path) -> None:
    executor = FolderExecutor(tmp_path, None)
    with Owner(tmp_path, "folder") as owner:
        session: Any = parsl_like_open_executor(executor, owner.context)
        assert not isinstance(session, LegacyBlockSession)
        executor._ended.set()
        session.close(deadline=time.monotonic() + 10)
