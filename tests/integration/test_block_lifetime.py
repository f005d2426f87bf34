"""Real blocks that end: a stream of tasks outlives them, and nothing is lost that could have been known."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.config import Config
from parsl_like.errors import ExecutorError, ManagerLost, TaskLost
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel

WAIT = 180


@python_app
def note(path: str, seconds: float, walltime: float | None = None) -> str:
    """Leaves the number of its block in a file each time it runs, then takes its time."""
    import os
    import time

    with open(path, "a", encoding="ascii") as file:
        file.write(os.environ["PARSL_WORKER_BLOCK_ID"] + "\n")
    time.sleep(seconds)
    return path


@python_app
def second_time_lucky(path: str, walltime: float | None = None) -> int:
    """Never ends the first time that it runs."""
    import os
    import time

    first = not os.path.exists(path)
    with open(path, "a", encoding="ascii") as file:
        file.write("begun\n")
    while first:
        time.sleep(1)
    return 42


def config(worker_init: str, *, workers: int = 2, prefetch: int | None = None, **options: Any) -> Config:
    provider = LocalProvider(worker_init=worker_init, init_blocks=1, min_blocks=0, max_blocks=1)
    htex = HighThroughputExecutor(
        label="htex",
        max_workers_per_node=workers,
        cores_per_worker=0.01,
        prefetch_capacity=prefetch,
        provider=provider,
    )
    return Config(executors=[htex], run_dir="runs", retries=0, **options)


def ends_after(seconds: int) -> str:
    return f"export PARSL_LIKE_BLOCK_ENDS=$(( $(date +%s) + {seconds} ))"


def killed_after(seconds: int) -> str:
    """A block that is killed with everything in it, without a warning."""
    return f"( sleep {seconds}; kill -KILL -- -$$ ) > /dev/null 2>&1 &"


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def states(kernel: DataFlowKernel, *final: str) -> list[str]:
    """The final states of all blocks that are over, once there are as many as asked for."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        kernel.recorder.flush(WAIT)
        found = [str(record.fields["state"]) for record in kernel.records.last("block")]
        over = [state for state in found if state not in ("PENDING", "RUNNING", "UNKNOWN")]
        if len(over) >= len(final):
            break
        time.sleep(0.05)  # records are written by another thread
    return over


def test_a_stream_of_tasks_outlives_its_blocks(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(80)]
    with parsl_like.load(config(ends_after(10), prefetch=6)) as kernel:
        futures = [note(str(path), 0.3) for path in paths]
        assert [future.result(WAIT) for future in futures] == list(map(str, paths))
        assert set(states(kernel, "COMPLETED")) == {"COMPLETED"}
        summary = kernel.summary()
    assert [len(lines(path)) for path in paths] == [1] * len(paths), "each has run once"
    assert len({lines(path)[0] for path in paths}) > 1, "in more than one block"
    assert (summary.states, summary.retries, summary.losses) == ({"exec_done": len(paths)}, {}, 0)
    assert summary.notes == ()


def test_tasks_with_a_walltime_begin_where_they_can_end(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(8)]
    with parsl_like.load(config(ends_after(9), workers=1)) as kernel:
        futures = [note(str(path), 3.0, walltime=4.0) for path in paths[:4]]
        futures += [note(str(path), 0.1) for path in paths[4:]]
        assert [future.result(WAIT) for future in futures] == list(map(str, paths))
        assert kernel.summary().losses == 0
    assert [len(lines(path)) for path in paths] == [1] * len(paths)


def test_a_task_that_is_cut_off_runs_again_in_a_fresh_block(tmp_path: Path) -> None:
    path = tmp_path / "path"
    with parsl_like.load(config(ends_after(6))) as kernel:
        assert second_time_lucky(str(path)).result(WAIT) == 42
        assert states(kernel, "COMPLETED") == ["COMPLETED"]
        summary = kernel.summary()
    assert lines(path) == ["begun", "begun"]
    assert (summary.losses, summary.retries, summary.states) == (1, {}, {"exec_done": 1})


def test_the_error_of_one_that_is_cut_off_too_often_says_what_to_do(tmp_path: Path) -> None:
    with parsl_like.load(config(ends_after(6), lost_retries=0)):
        cut = second_time_lucky(str(tmp_path / "path")).exception(WAIT)
    assert isinstance(cut, ManagerLost)
    assert not isinstance(cut, TaskLost)
    for words in (
        "walltime was over",
        "such a block can be used for",
        "the task had run for",
        "give the task a walltime",
    ):
        assert words in str(cut)


def test_a_block_that_is_killed_gives_losses_only(tmp_path: Path) -> None:
    path = tmp_path / "path"
    with parsl_like.load(config(f"{ends_after(4)}; {killed_after(3)}")) as kernel:
        assert second_time_lucky(str(path)).result(WAIT) == 42
        summary = kernel.summary()
    assert len(lines(path)) == 2
    assert (summary.losses, summary.retries, summary.states) == (1, {}, {"exec_done": 1})


@dataclasses.dataclass
class MinuteProvider(LocalProvider):
    """One whose blocks live for a minute."""

    walltime: str = "00:01:00"


@pytest.mark.parametrize("walltime", [61, 1e9])
def test_a_task_that_no_block_lives_long_enough_for_fails_at_once(walltime: float, tmp_path: Path) -> None:
    htex = HighThroughputExecutor(label="htex", max_workers_per_node=1, provider=MinuteProvider(init_blocks=0))
    with parsl_like.load(Config(executors=[htex], run_dir="runs", retries=2)) as kernel:
        error = note(str(tmp_path / "path"), 0.0, walltime=walltime).exception(WAIT)
        assert isinstance(error, ExecutorError)
        assert f"its walltime is {walltime:g} s, that of a block is 60 s" in str(error)
        assert note(str(tmp_path / "other"), 0.0, walltime=30).result(WAIT)
        assert kernel.summary().retries == {}
