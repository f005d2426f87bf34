"""What programs see of remembered results: equal calls, failures, options of a call, modes, dialects, the next run."""

from __future__ import annotations

import json
import os
import pickle
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parsl_like.app.app import bash_app, join_app, python_app
from parsl_like.config import Config
from parsl_like.core.states import Phase
from parsl_like.data_provider.files import File
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.errors import BadCheckpoint
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.dataflow.submission import AUTO_LOGNAME
from parsl_like.errors import ConfigurationError
from parsl_like.executors.threads import ThreadPoolExecutor
from parsl_like.utils import get_all_checkpoints

PATIENCE = 30.0
Load = Callable[..., DataFlowKernel]


@pytest.fixture
def load() -> Iterator[Load]:
    """Starts kernels in ``runs``, on four threads; they are cleaned up after the test."""
    made: list[DataFlowKernel] = []

    def kernel(**options: Any) -> DataFlowKernel:
        options.setdefault("executors", [ThreadPoolExecutor(max_threads=4)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the options of Parsl 1.2
            made.append(DataFlowKernel(Config(run_dir="runs", initialize_logging=False, **options)))
        return made[-1]

    yield kernel
    for each in made:
        each.cleanup()


class Counted:
    """An app that counts its calls, and waits at a gate."""

    def __init__(self, kernel: DataFlowKernel, **options: Any) -> None:
        self.ran: list[Any] = []
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()

        def work(x: Any, y: int = 0) -> Any:
            self.ran.append(x)
            self.begun.set()
            assert self.gate.wait(PATIENCE)
            if x == "bad":
                raise ValueError(x)
            return [x]

        self.app: Any = python_app(work, data_flow_kernel=kernel, cache=True, **options).options(version="1")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.app(*args, **kwargs)


def files_of(kernel: DataFlowKernel) -> list[str]:
    folder = Path(kernel.run_dir, "checkpoint")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def stored(kernel: DataFlowKernel) -> list[Any]:
    """The results in a run's checkpoint, as the documents read them."""
    found = []
    with open(os.path.join(kernel.run_dir, "checkpoint", "tasks.pkl"), "rb") as file:
        while file.peek(1):
            found.append(pickle.load(file)["result"])
    return found


def phase_of(kernel: DataFlowKernel, future: Any) -> str:
    """Where a task is, once it has been prepared and the owner thread has heard of it."""
    kernel.remembering.catch_up()
    phase: int = kernel._loop.call(lambda: kernel.machine.rows[future.tid].phase)
    return Phase(phase).name


# --- equal calls


def test_an_equal_call_does_not_run_again(load: Load) -> None:
    work = Counted(load())
    first, second = work(1), work(1)
    assert first.result(PATIENCE) == second.result(PATIENCE) == work(1).result(PATIENCE) == [1]
    assert work(1, y=0).task_status() in ("memo_done", "pending", "launched")
    assert work(1, y=1).result(PATIENCE) == [1]
    assert work.ran == [1, 1]


def test_equal_calls_in_flight_run_once(load: Load) -> None:
    kernel = load()
    work = Counted(kernel)
    work.gate.clear()
    futures = [work(1) for _ in range(50)]
    assert work.begun.wait(PATIENCE)
    assert phase_of(kernel, futures[-1]) == "attached"
    shown = kernel.status()["tasks"]["oldest"]["pending"][0]
    assert shown["waits_for"] == ["task 0 (work)"]
    work.gate.set()
    assert [future.result(PATIENCE) for future in futures] == [[1]] * 50
    assert work.ran == [1]
    assert [future.task_status() for future in futures] == ["exec_done", *["memo_done"] * 49]


def test_of_equal_calls_that_many_threads_make_one_runs(load: Load) -> None:
    kernel = load(executors=[ThreadPoolExecutor(max_threads=2)])
    work = Counted(kernel)
    go = threading.Barrier(4)
    futures: list[Any] = []

    def call() -> None:
        go.wait(PATIENCE)
        futures.extend([work(x) for x in range(300)])

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(future.result(PATIENCE) for future in futures) == sorted([x] for x in [*range(300)] * 4)
    assert sorted(work.ran) == list(range(300))


def test_calls_in_flight_share_a_failure_and_nobody_remembers_it(load: Load) -> None:
    kernel = load()
    work = Counted(kernel)
    work.gate.clear()
    first, second = work("bad"), work("bad")
    assert work.begun.wait(PATIENCE)
    assert phase_of(kernel, second) == "attached"
    work.gate.set()
    assert first.exception(PATIENCE) is second.exception(PATIENCE)
    assert isinstance(work("bad").exception(PATIENCE), ValueError)
    assert work.ran == ["bad", "bad"]


def test_who_follows_a_task_that_is_cancelled_runs_itself(load: Load) -> None:
    kernel = load()
    work = Counted(kernel)
    work.gate.clear()
    first, second, third = work(1), work(1), work(1)
    assert work.begun.wait(PATIENCE)
    assert phase_of(kernel, third) == "attached"
    assert first.cancel()
    work.gate.set()
    assert second.result(PATIENCE) == third.result(PATIENCE) == [1]
    assert work.ran == [1, 1]


def test_who_follows_may_leave(load: Load) -> None:
    kernel = load()
    work = Counted(kernel)
    work.gate.clear()
    first, second = work(1), work(1)
    assert work.begun.wait(PATIENCE)
    assert phase_of(kernel, second) == "attached"
    assert second.cancel()
    work.gate.set()
    assert first.result(PATIENCE) == [1]
    assert kernel.machine.followers == {}


def test_at_the_end_whoever_follows_is_cancelled_too(load: Load) -> None:
    kernel = load()
    work = Counted(kernel)
    work.gate.clear()
    futures = [work(1) for _ in range(3)]
    assert work.begun.wait(PATIENCE)
    assert phase_of(kernel, futures[-1]) == "attached"
    futures[0].add_done_callback(lambda _: work.gate.set())
    kernel.cleanup()
    assert all(future.cancelled() for future in futures)


def test_a_cancelled_call_that_was_being_prepared_is_in_nobodys_way(load: Load) -> None:
    kernel = load()
    work = Counted(kernel)
    held = threading.Event()
    kernel._prepare.put(lambda: held.wait(PATIENCE) and ())
    first = work([1])  # which is no plain argument: only that thread makes its key
    assert first.cancel()
    held.set()
    assert work([1]).result(PATIENCE) == [[1]]


def test_a_call_waits_for_its_dependencies_before_it_is_compared(load: Load) -> None:
    work = Counted(load())
    assert work(work(work(1))).result(PATIENCE) == [[[1]]]
    assert work(work([1])).result(PATIENCE) == [[[1]]]
    assert work.ran == [1, [1], [[1]]]


def test_calls_that_differ_in_an_ignored_argument_are_equal(load: Load) -> None:
    work = Counted(load(), ignore_for_cache=["y"])
    assert work(1, y=1).result(PATIENCE) == work(1, y=2).result(PATIENCE)
    assert work.ran == [1]


def test_an_argument_that_nobody_can_tell_apart_fails_its_task(load: Load) -> None:
    class Strange:
        """Of no type that is known."""

        __slots__ = ()

    work = Counted(load())
    error = work(threading.Lock()).exception(PATIENCE)
    assert "argument x" in str(error)
    assert "register" in str(error)
    assert work.ran == []


def test_apps_that_are_not_to_be_remembered_run_each_time(load: Load) -> None:
    kernel = load()
    ran: list[int] = []
    app = python_app(ran.append, data_flow_kernel=kernel)
    assert [app(1).result(PATIENCE) for _ in range(2)] == [None, None]
    assert ran == [1, 1]


@pytest.mark.parametrize("options", [{"app_cache": False}, {"memoizer": BasicMemoizer(memoize=False)}])
def test_nothing_is_remembered_if_that_is_not_wanted(load: Load, options: dict[str, Any]) -> None:
    work = Counted(load(**options))
    assert work(1).result(PATIENCE) == work(1).result(PATIENCE)
    assert work.ran == [1, 1]


# --- options of a call


def test_a_forced_call_runs_and_its_result_takes_the_place_of_the_old_one(load: Load) -> None:
    work = Counted(load())
    old = work(1).result(PATIENCE)
    new = work.app.options(cache="force")(1).result(PATIENCE)
    assert new is not old
    assert work(1).result(PATIENCE) is new
    assert work.ran == [1, 1]


def test_a_call_that_skips_the_memory_leaves_nothing_in_it(load: Load) -> None:
    work = Counted(load())
    skipping = work.app.options(cache="skip")
    skipping(1).result(PATIENCE)
    old = work(1).result(PATIENCE)
    skipping(1).result(PATIENCE)
    assert work(1).result(PATIENCE) is old
    assert work.ran == [1, 1, 1]


def test_a_version_stands_for_the_code(load: Load) -> None:
    kernel = load()
    first = python_app(lambda x: ("first", x), data_flow_kernel=kernel, cache=True)
    second = python_app(lambda x: ("second", x), data_flow_kernel=kernel, cache=True)
    assert first(1).result(PATIENCE) == ("first", 1)
    assert second(1).result(PATIENCE) == ("second", 1)
    assert first.options(version="a")(1).result(PATIENCE) == ("first", 1)
    assert second.options(version="a")(1).result(PATIENCE) == ("first", 1)
    assert second.options(version="b")(1).result(PATIENCE) == ("second", 1)


def test_decorators_take_a_version_too(load: Load) -> None:
    kernel = load()
    first = python_app(lambda x: ("first", x), data_flow_kernel=kernel, cache=True, version="a")
    second = python_app(data_flow_kernel=kernel, cache=True, version="a")(lambda x: ("second", x))
    assert first(1).result(PATIENCE) == second(1).result(PATIENCE) == ("first", 1)
    assert second.options(version="b")(1).result(PATIENCE) == ("second", 1)
    for body in (lambda: first(1), lambda: first(2)):
        assert join_app(body, data_flow_kernel=kernel, cache=True, version="1")().result(PATIENCE) == ("first", 1)
    for command in (lambda path: f"echo one >> {path}", lambda path: f"echo two >> {path}"):
        assert bash_app(command, data_flow_kernel=kernel, cache=True, version="1")("said").result(PATIENCE) == 0
    assert Path("said").read_text() == "one\n"
    assert pickle.loads(pickle.dumps(python_app(len, version="7")))._options == {"version": "7"}


@pytest.mark.parametrize("decorator", [python_app, join_app, bash_app])
def test_a_version_is_a_text(decorator: Any) -> None:
    with pytest.raises(ConfigurationError, match="version"):
        decorator(version=1)(len)


@pytest.mark.parametrize("option", [{"cache": "often"}, {"version": 1}])
def test_options_that_cannot_be_meant(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(option))):
        python_app(len).options(**option)


# --- kinds of apps


def test_a_command_is_not_the_function_that_gives_its_text(load: Load) -> None:
    def say(x: str) -> Any:
        return f"echo {x}"

    options: Any = {"data_flow_kernel": load(), "cache": True}
    assert python_app(say, **options)("a").result(PATIENCE) == "echo a"
    assert bash_app(say, **options)("a").result(PATIENCE) == 0


def test_a_join_is_remembered_by_its_result(load: Load) -> None:
    kernel = load()
    work, bodies = Counted(kernel), []

    def both(x: int) -> Any:
        bodies.append(x)
        return [work(x), work(x + 1)]

    app = join_app(both, data_flow_kernel=kernel, cache=True).options(version="1")
    assert app(1).result(PATIENCE) == app(1).result(PATIENCE) == [[1], [2]]
    assert bodies == [1]


def test_a_stream_without_a_name_does_not_count(load: Load) -> None:
    app: Any = bash_app(lambda stdout=None: "echo ran >> ran", data_flow_kernel=load(), cache=True)
    for _ in range(2):
        assert app(stdout=AUTO_LOGNAME).result(PATIENCE) == 0
    assert Path("ran").read_text().split() == ["ran"]
    assert app(stdout="named").result(PATIENCE) == 0
    assert Path("ran").read_text().split() == ["ran", "ran"]


def test_a_file_that_is_gone_is_made_again(load: Load) -> None:
    app: Any = bash_app(lambda outputs=(): f"echo ran >> ran; touch {outputs[0]}", data_flow_kernel=load(), cache=True)
    made = File(os.path.abspath("made"))
    for _ in range(2):
        assert app(outputs=[made]).result(PATIENCE) == 0
    assert Path("ran").read_text().split() == ["ran"]
    os.unlink("made")
    future = app(outputs=[made])
    assert future.outputs[0].result(PATIENCE).filepath == made.filepath
    assert Path("made").exists()
    assert Path("ran").read_text().split() == ["ran", "ran"]


# --- checkpoints, in both dialects

DIALECTS: dict[str, Callable[..., dict[str, Any]]] = {
    "today": lambda **said: {"memoizer": BasicMemoizer(**said)},
    "1.2": lambda **said: said,
}


@pytest.fixture(params=DIALECTS)
def say(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Options of a Config that say what is to be remembered, in one dialect or the other."""
    return DIALECTS[request.param]


@pytest.mark.parametrize("mode", ["task_exit", "periodic", "dfk_exit"])
def test_the_next_run_begins_with_what_this_one_has_written(load: Load, say: Any, mode: str) -> None:
    kernel = load(**say(checkpoint_mode=mode))
    first = Counted(kernel)
    assert [first(x).result(PATIENCE) for x in range(3)] == [[0], [1], [2]]
    kernel.cleanup()
    assert sorted(stored(kernel)) == [[0], [1], [2]]
    second = Counted(load(**say(checkpoint_files=get_all_checkpoints("runs"))))
    assert [second(x).result(PATIENCE) for x in range(4)] == [[0], [1], [2], [3]]
    assert second.ran == [3]


@pytest.mark.parametrize("mode", [None, "manual"])
def test_a_checkpoint_when_the_program_says_so(load: Load, say: Any, mode: str | None) -> None:
    kernel = load(**say(checkpoint_mode=mode))
    work = Counted(kernel)
    future = work(1)
    future.result(PATIENCE)
    work(2).result(PATIENCE)
    assert files_of(kernel) == []
    assert kernel.checkpoint([future.tid]) == os.path.join(kernel.run_dir, "checkpoint")
    assert stored(kernel) == [[1]]
    kernel.memoizer.checkpoint()
    assert stored(kernel) == [[1], [2]]
    work(3).result(PATIENCE)
    kernel.cleanup()
    assert stored(kernel) == [[1], [2]]


def test_a_program_may_say_so_after_the_run(load: Load) -> None:
    memoizer = BasicMemoizer(checkpoint_mode="manual")
    memoizer.checkpoint()
    kernel = load(memoizer=memoizer)
    kernel.cleanup()
    memoizer.checkpoint()
    assert memoizer == BasicMemoizer(checkpoint_mode="manual")
    assert pickle.loads(pickle.dumps(memoizer)) == memoizer


def test_today_a_mode_brings_the_checkpoints_of_earlier_runs_and_in_1_2_it_does_not(load: Load) -> None:
    kernel = load(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))
    Counted(kernel)(1).result(PATIENCE)
    kernel.cleanup()
    expected = {
        "no mode": (BasicMemoizer(), [1]),
        "a mode": (BasicMemoizer(checkpoint_mode="manual"), []),
        "none of them": (BasicMemoizer(checkpoint_mode="manual", checkpoint_files=[]), [1]),
    }
    found = {}
    for name, (memoizer, _) in expected.items():
        work = Counted(load(memoizer=memoizer))
        work(1).result(PATIENCE)
        found[name] = (memoizer, work.ran)
    assert found == expected
    work = Counted(load(checkpoint_mode="manual"))
    work(1).result(PATIENCE)
    assert work.ran == [1]


def test_a_checkpoint_that_is_not_there(load: Load) -> None:
    with pytest.raises(BadCheckpoint, match="'nowhere' was given as a checkpoint"):
        load(checkpoint_files=["nowhere"])


@pytest.mark.parametrize("form", ["runs/000", "runs/000/checkpoint", "runs/000/checkpoint/tasks.pkl"])
def test_a_checkpoint_may_be_given_as_a_run_a_folder_or_a_file(load: Load, form: str) -> None:
    kernel = load(checkpoint_mode="task_exit")
    Counted(kernel)(1).result(PATIENCE)
    kernel.cleanup()
    work = Counted(load(checkpoint_files=[form]))
    work(1).result(PATIENCE)
    assert work.ran == []


def test_a_failure_is_in_no_checkpoint(load: Load) -> None:
    kernel = load(checkpoint_mode="task_exit")
    work = Counted(kernel)
    assert isinstance(work("bad").exception(PATIENCE), ValueError)
    work(1).result(PATIENCE)
    kernel.cleanup()
    assert stored(kernel) == [[1]]


def test_run_json_says_with_what_a_run_began(load: Load) -> None:
    first = load(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))
    Counted(first)(1).result(PATIENCE)
    first.cleanup()
    second = load(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))
    facts = json.loads(Path(second.run_dir, "run.json").read_bytes())
    assert facts["checkpoints"] == [os.path.join(first.run_dir, "checkpoint")]
    assert facts["resumed"] is None
    assert facts["command"]


# --- results that are safe before they are seen


def test_a_result_is_on_disk_before_anybody_has_it(load: Load, say: Any) -> None:
    kernel = load(checkpoint_sync=True, **say(checkpoint_mode="task_exit"))
    work = Counted(kernel)
    for x in range(20):
        work(x).result(PATIENCE)
        assert stored(kernel)[-1] == [x]


def test_sync_alone_means_at_the_end_of_each_task(load: Load) -> None:
    kernel = load(checkpoint_sync=True)
    Counted(kernel)(1).result(PATIENCE)
    assert stored(kernel) == [[1]]


def test_what_the_program_does_to_a_result_is_not_in_the_checkpoint(load: Load) -> None:
    kernel = load(checkpoint_mode="task_exit")
    work = Counted(kernel)
    for x in range(50):
        work(x).result(PATIENCE).append("changed")
    kernel.cleanup()
    assert stored(kernel) == [[x] for x in range(50)]


def disk_that_is_never_heard_of_again(kernel: DataFlowKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel._memo, "_add", lambda _keys, _values, _settled: None)


def test_a_task_whose_result_is_being_remembered_cannot_be_cancelled(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = load(checkpoint_sync=True)
    disk_that_is_never_heard_of_again(kernel, monkeypatch)
    future = Counted(kernel)(1)
    while not kernel.machine.counts[Phase.remembering]:
        kernel._loop.call(lambda: None)
    assert not future.done()
    assert not future.cancel()
    assert future.result(PATIENCE) == [1]


def test_a_disk_that_hangs_does_not_keep_a_kernel_from_ending(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = load(checkpoint_sync=True)
    disk_that_is_never_heard_of_again(kernel, monkeypatch)
    future = Counted(kernel)(1)
    while not kernel.machine.counts[Phase.remembering]:
        kernel._loop.call(lambda: None)
    kernel.cleanup()
    assert future.result(PATIENCE) == [1]


@pytest.mark.parametrize("mode", ["task_exit", "periodic", "dfk_exit"])
def test_results_that_come_while_a_kernel_is_closed_are_remembered_too(load: Load, mode: str) -> None:
    kernel = load(checkpoint_mode=mode)
    work = Counted(kernel)
    work.gate.clear()
    future = work(1)
    assert work.begun.wait(PATIENCE)
    closing = threading.Thread(target=kernel.cleanup)
    closing.start()
    while kernel.is_open:
        assert closing.is_alive()
    work.gate.set()
    closing.join(PATIENCE)
    assert future.result(0) == [1]
    assert stored(kernel) == [[1]]


@pytest.mark.parametrize("mode", ["manual", "periodic", "dfk_exit"])
def test_only_one_mode_can_be_in_time(mode: str) -> None:
    with pytest.raises(ConfigurationError, match="checkpoint_sync"):
        Config(memoizer=BasicMemoizer(checkpoint_mode=mode), checkpoint_sync=True)


# --- memoizers derived from the package's own


class Watched(BasicMemoizer):
    """Extends what there is."""

    asked = 0

    def check_memo(self, task: Any) -> Any:
        self.__class__.asked += 1
        return super().check_memo(task)


def test_a_memoizer_of_the_programs_own_may_extend_the_packages(load: Load) -> None:
    kernel = load(memoizer=Watched(checkpoint_mode="task_exit"))
    work = Counted(kernel)
    assert work(1).result(PATIENCE) == [1]
    kernel.remembering.catch_up()
    assert work(1).result(PATIENCE) == [1]
    assert work.ran == [1]
    assert Watched.asked == 2
    kernel.cleanup()
    assert stored(kernel) == [[1]]


def test_a_memoizer_that_extends_the_packages_has_all_that_the_run_gives(load: Load) -> None:
    path = Path("input")
    path.write_text("first")

    def run(**options: Any) -> list[Any]:
        kernel = load(memoizer=Watched(checkpoint_mode="task_exit", checkpoint_files=[]), **options)
        work = Counted(kernel)
        work(File(str(path))).result(PATIENCE)
        kernel.cleanup()
        return work.ran

    assert len(run(cache_files="name")) == 1
    path.write_text("second")
    assert run(cache_files="name", resume="last") == [], "it is told by its name"
    assert len(run(cache_files="content", resume="last")) == 1
    assert len(run(cache_files="name", resume="last", cache_environment="other")) == 1


# --- what is on file


def memo_records(kernel: DataFlowKernel) -> list[tuple[int, str, list[str]]]:
    """Tasks whose keys are among the records, why they ran, and the labels of the keys' parts."""
    kernel.cleanup()
    lines = [json.loads(line) for line in Path(kernel.run_dir, "records.jsonl").read_text().splitlines()]
    return [
        (task, fields.get("ran", ""), [label for label, _ in fields["parts"]])
        for kind, _, task, fields in (line for line in lines if len(line) == 4)
        if kind == "memo"
    ]


def test_the_keys_of_calls_that_failed_or_were_forced_are_on_file(load: Load) -> None:
    kernel = load(checkpoint_mode="task_exit")
    work = Counted(kernel)
    bad, good = work("bad"), work(1)
    bad.exception(PATIENCE)
    good.result(PATIENCE)
    forced = work.app.options(cache="force")(1)
    forced.result(PATIENCE)
    labels = ["name", "version", "argument x", "argument y"]
    assert sorted(memo_records(kernel)) == [(bad.tid, "", labels), (forced.tid, "forced", labels)]


def test_a_run_that_only_reads_checkpoints_keeps_the_keys_of_what_it_runs(load: Load) -> None:
    first = load(checkpoint_mode="task_exit")
    Counted(first)(1).result(PATIENCE)
    first.cleanup()
    kernel = load(checkpoint_files=get_all_checkpoints("runs"))
    work = Counted(kernel)
    work(1).result(PATIENCE)
    other = work(2)
    other.result(PATIENCE)
    assert [(task, why) for task, why, _ in memo_records(kernel)] == [(other.tid, "")]


@pytest.mark.parametrize("mode", ["task_exit", "dfk_exit"])
def test_a_checkpoint_that_cannot_be_written_is_told_once_and_costs_nothing_else(
    load: Load, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    kernel = load(checkpoint_mode=mode)
    Path(kernel.run_dir, "checkpoint").write_text("in the way")
    work = Counted(kernel)
    assert [work(x).result(PATIENCE) for x in range(20)] == [[x] for x in range(20)]
    assert work(3).result(PATIENCE) == [3]
    assert work.ran == list(range(20))
    kernel.cleanup()
    notes = [note for note in kernel.summary().notes if "checkpoint" in note]
    assert any("cannot be written" in note for note in notes)
    said = re.findall(r"^parsl_like: Checkpoint .* cannot be written", capsys.readouterr().err, re.MULTILINE)
    assert len(said) == 1, "when it is found out; the summary has it once more"


# --- going on with a run


def test_a_run_goes_on_with_the_last_one(load: Load) -> None:
    first = load(resume="last")
    work = Counted(first)
    work(1).result(PATIENCE)
    first.cleanup()
    assert stored(first) == [[1]], "it can be gone on with without saying more"
    again = Counted(load(resume="last"))
    assert [again(x).result(PATIENCE) for x in (1, 2)] == [[1], [2]]
    assert again.ran == [2]
    third = Counted(load(resume="000"))
    assert [third(x).result(PATIENCE) for x in (1, 2)] == [[1], [2]]
    assert third.ran == [2], "the second run belongs to another one"


def test_a_run_that_is_not_there_cannot_be_gone_on_with(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="There is no run '17'"):
        load(resume="17")
