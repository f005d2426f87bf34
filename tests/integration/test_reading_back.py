"""What programs read back from a kernel and give to a Config, under threads and under worker processes."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import parsl_like
from parsl_like import AUTO_LOGNAME, Config, DataFlowKernel, bash_app, join_app, python_app
from parsl_like.dataflow.dependency_resolvers import DEEP_DEPENDENCY_RESOLVER
from parsl_like.dataflow.memoization import BasicMemoizer, Memoizer
from parsl_like.dataflow.states import FINAL_FAILURE_STATES, FINAL_STATES, States
from parsl_like.logconfigs.base import LogConfig

MakeConfig = Callable[..., Config]
WAIT = 60

GATE: list[Future[int]] = []
"""What the inner task of ``joined`` waits for; bodies of join apps run in this process."""


@python_app
def add(a: Any, b: Any = 1) -> Any:
    return a + b


@python_app
def fails(message: str) -> None:
    raise ValueError(message)


@python_app
def prints(text: str, stdout: Any = None) -> None:
    print(text)  # noqa: T201 - its output is what is tested


@python_app(cache=True, ignore_for_cache=["b"])
def kept(a: Any, b: Any = 1) -> Any:
    return a * 10


@bash_app
def command(line: str, label: str = "", stdout: Any = None) -> str:
    return line


@join_app
def joined() -> Any:
    return add(1, GATE[0])


# --- tasks


def test_tasks_are_seen_as_soon_as_they_are_called_and_while_they_wait(make_config: MakeConfig) -> None:
    gate: Future[int] = Future()
    with parsl_like.load(make_config("runs")) as kernel:
        first = add(1, gate)
        after = add(first)
        view = kernel.tasks[first.tid]
        assert (view["id"], view["func_name"], view["status"], view["app_fu"]) == (0, "add", States.pending, first)
        assert kernel.tasks[after.tid]["depends"] == [first.tid]
        assert (len(kernel.tasks), sorted(kernel.tasks), set(dict(kernel.tasks.items()))) == (2, [0, 1], {0, 1})
        assert (kernel.task_count, kernel.task_state_counts[States.pending]) == (2, 2)
        assert 7 not in kernel.tasks
        gate.set_result(2)
        assert after.result(WAIT) == 4
        assert view["status"] == States.exec_done
        parsl_like.wait_for_current_tasks()
        assert not kernel.tasks
        counts = kernel.task_state_counts
    assert (counts[States.exec_done], sum(counts.values()), set(counts)) == (2, 2, set(States))


def test_tasks_that_are_not_collected_are_there_after_the_end(make_config: MakeConfig) -> None:
    with parsl_like.load(make_config("runs", garbage_collect=False)) as kernel:
        good, bad = add(1), fails("no")
        bad.exception(WAIT)
        good.result(WAIT)
    record = kernel.tasks[good.tid]
    assert (record["func"].__name__, record["args"], record["kwargs"]) == ("add", [1], {})
    assert record["executor"] in ("threads", "htex")
    assert record["try_id"] == record["fail_count"] == record["fail_cost"] == 0
    assert good.task_record["executor"] == good.task_def["executor"] == record["executor"]
    moments = [record[key] for key in ("time_invoked", "try_time_launched", "try_time_returned", "time_returned")]
    assert all(isinstance(moment, datetime) and moment.tzinfo is None for moment in moments)
    assert moments == sorted(moments)
    assert kernel.time_began <= moments[0] <= moments[-1] <= kernel.time_completed
    failed = kernel.tasks[bad.tid]
    assert (failed["status"], failed["fail_count"]) == (States.failed, 1)
    assert {failed["status"]} <= FINAL_FAILURE_STATES < FINAL_STATES
    kernel.wipe_task(good.tid)


def test_a_task_that_has_ended_can_be_wiped_by_hand(make_config: MakeConfig) -> None:
    gate: Future[int] = Future()
    with parsl_like.load(make_config("runs", garbage_collect=False)) as kernel:
        ended, waits = add(1), add(gate)
        ended.result(WAIT)
        for task in (ended.tid, waits.tid, 99):
            kernel.wipe_task(task)
        assert list(kernel.tasks) == [waits.tid]
        assert ended.task_record["func_name"] == "add"
        gate.set_result(1)
        assert waits.result(WAIT) == 2


def test_joins_are_seen_while_they_wait(make_config: MakeConfig) -> None:
    GATE[:] = [Future()]
    with parsl_like.load(make_config("runs", garbage_collect=False)) as kernel:
        outer = joined()
        while outer.task_status() != "joining":
            assert not outer.done()
            time.sleep(0.01)
        record = kernel.tasks[outer.tid]
        assert (record["join"], record["joins"].tid, record["status"]) == (True, outer.tid + 1, States.joining)
        GATE[0].set_result(1)
        assert outer.result(WAIT) == 2
        assert record["joins"] is None


def test_a_retry_handler_reads_the_task(make_config: MakeConfig) -> None:
    seen: list[dict[str, Any]] = []

    def judge(error: Exception, task: Any) -> float:
        seen.append(dict(task))
        seen[-1]["error"] = task["exec_fu"].exception()
        return 1.0 if task["args"] == ["again"] and "again" in str(error) else 10.0

    with parsl_like.load(make_config("runs", retries=2, retry_handler=judge)) as kernel:
        again, never = fails("again"), fails("never")
        assert isinstance(again.exception(WAIT), ValueError)
        assert isinstance(never.exception(WAIT), ValueError)
    of_again = [task for task in seen if task["id"] == again.tid]
    assert [task["try_id"] for task in of_again] == [0, 1, 2]
    assert [task["fail_count"] for task in of_again] == [1, 2, 3]
    assert [len(task["fail_history"]) for task in of_again] == [1, 2, 3]
    assert of_again[2]["fail_history"] == ["ValueError('again')"] * 3
    assert len(seen) == 4
    first = of_again[0]
    assert (first["dfk"], first["app_fu"], first["func_name"]) == (kernel, again, "fails")
    assert (first["memoize"], first["join"], first["joins"], first["depends"]) == (False, False, None, [])
    assert isinstance(first["error"], ValueError)


# --- a memoizer of the program's own


class Remembering(Memoizer):
    """Remembers by function and arguments, in memory, what apps with ``cache=True`` gave."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.calls: list[Any] = []

    def start(self, *, run_dir: str, config_run_dir: str) -> None:
        self.calls.append(("start", os.path.isdir(run_dir), os.path.basename(config_run_dir)))

    def check_memo(self, task: Any) -> Future[Any] | None:
        self.calls.append(("check", task["func_name"], *task["args"]))
        if not task["memoize"]:
            return None
        task["hashsum"] = f"{task['func_name']}{task['args'][0]}"
        if task["hashsum"] not in self.known:
            return None
        future: Future[Any] = Future()
        end = self.known[task["hashsum"]]
        if isinstance(end, Exception):
            future.set_exception(end)
        else:
            future.set_result(end)
        return future

    def update_memo_result(self, task: Any, r: Any) -> None:
        self.calls.append(("result", task["func_name"], r))
        if task["hashsum"]:
            self.known[task["hashsum"]] = r

    def update_memo_exception(self, task: Any, e: BaseException) -> None:
        self.calls.append(("exception", task["func_name"], type(e).__name__))

    def checkpoint(self) -> None:
        self.calls.append(("checkpoint",))

    def close(self) -> None:
        self.calls.append(("close",))


def test_a_programs_own_memoizer_is_asked_and_told(make_config: MakeConfig) -> None:
    memoizer = Remembering()
    with parsl_like.load(make_config("runs", memoizer=memoizer)) as kernel:
        assert kernel.memoizer is memoizer
        assert (kept(4).result(WAIT), add(1).result(WAIT)) == (40, 2)
        assert isinstance(fails("no").exception(WAIT), ValueError)
        kernel.checkpoint()
    first, *between, last = memoizer.calls
    assert (first, last) == (("start", True, "runs"), ("close",))
    for call in (("check", "kept", 4), ("check", "add", 1), ("check", "fails", "no"), ("checkpoint",)):
        assert call in between
    for call in (("result", "kept", 40), ("result", "add", 2), ("exception", "fails", "ValueError")):
        assert call in between
    assert memoizer.known == {"kept4": 40}


def test_what_a_memoizer_remembers_is_not_run_again(make_config: MakeConfig) -> None:
    memoizer = Remembering()
    memoizer.known = {"kept1": "one", "kept2": KeyError("two")}
    with parsl_like.load(make_config("runs", memoizer=memoizer)):
        future = kept(1)
        assert (future.result(WAIT), future.task_status()) == ("one", "memo_done")
        assert isinstance(kept(2).exception(WAIT), KeyError)
        assert add(kept(1), "!").result(WAIT) == "one!"
        assert kept(3).result(WAIT) == 30
    assert ("result", "kept", "one") not in memoizer.calls


def test_the_options_of_1_2_are_a_memoizer_too() -> None:
    with pytest.warns(DeprecationWarning, match=r"BasicMemoizer\(memoize="):
        config = Config(app_cache=False)
    with parsl_like.load(config) as kernel:
        assert kernel.memoizer == BasicMemoizer(memoize=False)
        kernel.memoizer.checkpoint()
        kernel.checkpoint()
        assert kept(1).result(WAIT) == 10


# --- executors, as the program named them and as the run has them


def test_the_programs_executor_answers_while_it_runs(make_config: MakeConfig) -> None:
    config = make_config("runs")
    (executor,) = config.executors or ()
    with parsl_like.load(config) as kernel:
        assert add(1).result(WAIT) == 2
        running = kernel.executors[executor.label]  # type: ignore[union-attr]
        assert running.label == executor.label  # type: ignore[union-attr]
        assert executor.run_dir == running.run_dir == kernel.run_dir  # type: ignore[union-attr]
        assert "nowhere" not in kernel.executors
    assert executor.run_dir == "."  # type: ignore[union-attr]


def test_what_is_assigned_before_the_run_counts(make_config: MakeConfig) -> None:
    config = make_config("elsewhere")
    config.run_dir = "runs"
    config.retries = 1
    (executor,) = config.executors or ()
    executor.label = "renamed"  # type: ignore[union-attr]
    for number in range(2):
        with parsl_like.load(config) as kernel:
            config.retries = 5
            assert add.options(executors=["renamed"])(number).result(WAIT) == number + 1
            assert kernel.run_dir == os.path.abspath(f"runs/{number:03}")
            assert kernel.config.retries == (1 if number == 0 else 5)
    assert not os.path.exists("elsewhere")


def test_one_config_serves_two_kernels_with_executors_added(make_config: MakeConfig) -> None:
    config = make_config("runs")
    with DataFlowKernel(config) as first, DataFlowKernel(config) as second:
        futures = [kernel.submit(pow, (2, n)) for n in range(5) for kernel in (first, second)]
        assert sorted({future.result(WAIT) for future in futures}) == [1, 2, 4, 8, 16]
        assert first.run_id != second.run_id


# --- files and logs


@pytest.mark.parametrize("kind", ["str", "tuple", "path"])
def test_a_programs_own_names_for_output(make_config: MakeConfig, tmp_path: Path, kind: str) -> None:
    def named(task: Any, stream: str) -> Any:
        name = f"{tmp_path}/{task['func_name']}-{task['id']}-{task['kwargs'].get('label', '')}.{stream}"
        return {"str": name, "tuple": (name, "w"), "path": Path(name)}[kind]

    with parsl_like.load(make_config("runs", std_autopath=named)):
        future = prints("hello", stdout=AUTO_LOGNAME)
        bash = command("echo bash", label="x", stdout=AUTO_LOGNAME)
        assert (future.result(WAIT), bash.result(WAIT)) == (None, 0)
    name = f"{tmp_path}/prints-0-.stdout"
    assert future.stdout == {"str": name, "tuple": (name, "w"), "path": Path(name)}[kind]
    assert Path(name).read_text() == "hello\n"
    assert (tmp_path / "command-1-x.stdout").read_text() == "bash\n"


class Listed(LogConfig):
    """A program's own way to log."""

    def initialize_logging(self, *, log_dir: str, log_name: str) -> Any:
        self.opened = (os.path.isdir(log_dir), log_name)
        handler = logging.FileHandler(os.path.join(log_dir, "mine.log"))
        logging.getLogger("parsl_like").addHandler(handler)

        def end() -> None:
            logging.getLogger("parsl_like").removeHandler(handler)
            handler.close()

        return end


class Duck:
    """One that derives from nothing, and gives nothing back."""

    calls = 0

    def initialize_logging(self, *, log_dir: str, log_name: str) -> None:
        Duck.calls += 1


def test_a_programs_own_way_to_log(make_config: MakeConfig) -> None:
    with parsl_like.load(make_config("runs", initialize_logging=Listed())) as kernel:
        assert isinstance(fails("in the log").exception(WAIT), ValueError)
    text = (Path(kernel.run_dir) / "mine.log").read_text()
    assert "in the log" in text
    assert not (Path(kernel.run_dir) / "parsl_like.log").exists()
    before = Duck.calls
    with parsl_like.load(make_config("runs", initialize_logging=Duck())) as kernel:
        assert add(1).result(WAIT) == 2
    assert Duck.calls == before + 1
    assert not (Path(kernel.run_dir) / "parsl_like.log").exists()


def test_the_run_directory_is_laid_out_as_parsls(make_config: MakeConfig) -> None:
    with parsl_like.load(make_config("runs")) as kernel:
        command("echo hello", stdout=AUTO_LOGNAME).result(WAIT)
        run_dir = Path(kernel.run_dir)
        blocks = "htex" in kernel.executors
    assert (run_dir.parent.name, run_dir.name) == ("runs", "000")
    assert (run_dir / "parsl.log").is_file()
    assert (run_dir / "task_logs" / "0000" / "task_0000_command.stdout").read_text() == "hello\n"
    assert (run_dir / "submit_scripts").is_dir() == blocks
    assert bool(list(run_dir.glob("htex/block-0/*/manager.log"))) == blocks
    assert bool(list(run_dir.glob("htex/block-0/*/worker_*.log"))) == blocks
    assert (run_dir / "htex" / "interchange.log").exists() == blocks


def test_a_kernel_says_what_it_is_made_of() -> None:
    with parsl_like.load(Config(dependency_resolver=DEEP_DEPENDENCY_RESOLVER)) as kernel:
        assert kernel.dependency_resolver is DEEP_DEPENDENCY_RESOLVER
        assert kernel.data_manager.dfk is kernel
        assert kernel.monitoring is None
        assert kernel.workflow_name == os.path.basename(sys.argv[0])
        assert kernel.workflow_version == str(kernel.time_began)
        assert kernel.time_completed is None
        future = add(1)
        assert kernel.render_future_description(future) == "task 0 (add)"
        assert kernel.check_staging_inhibited({"_parsl_staging_inhibit": True})
        assert not kernel.check_staging_inhibited({"x": 1})
        assert future.result(WAIT) == 2
