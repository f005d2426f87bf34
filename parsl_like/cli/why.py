"""``parsl-like why``: why a task ran though its app is remembered, or did not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.memo.why import Answer, Asked


@click.command("why")
@click.argument("task", type=click.IntRange(min=0))
@click.option("--run", default="last", show_default=True, help="The run: its name, such as 003, or its directory.")
@click.option(
    "--run-dir",
    default="runinfo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder of all runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(task: int, run: str, run_dir: Path, as_json: bool) -> None:
    """Say why a task ran again, or why it did not run.

    TASK is the number of the task, future.tid. The task's key is compared with those of the results in the checkpoints
    of all runs in the folder: not cached, function changed (and what), argument changed (and which), failed before,
    checkpoint missing.
    """
    folder = _directory_of(run, run_dir)
    troubles: list[str] = []
    asked, answer = answer_of(task, folder, run_dir, troubles)
    for trouble in dict.fromkeys(troubles):
        click.echo(f"parsl-like: {trouble}", err=True)
    if as_json:
        click.echo(json.dumps(_as_data(asked, answer)))
    else:
        click.echo(f"Task {task} ({asked.app}) of {folder}: {answer.cause}")
        click.echo(f"  {answer.text}")


def answer_of(task: int, folder: str, run_dir: Path, troubles: list[str]) -> tuple[Asked, Answer]:
    """The task, and why it ran.

    Args:
        task: Its number.
        folder: The directory of its run.
        run_dir: The folder of all runs.
        troubles: Is given a sentence for each checkpoint that cannot be looked at.

    Raises:
        ClickException: the run has no such task.
    """
    from parsl_like.dataflow.resuming import run_facts
    from parsl_like.memo.history import CHECKPOINT, completed, failures_in, past_of, tasks_in
    from parsl_like.memo.why import explain

    tasks = tasks_in(folder, {task})
    if task not in tasks:
        raise click.ClickException(f"run {folder} has no task {task} in its records.")
    facts = run_facts(folder)
    started = float(facts.get("started") or 0.0)
    asked = completed(tasks[task], started)
    former = former_runs(folder, run_dir, started)
    used = [str(each) for each in facts.get("checkpoints") or ()]
    places = [*used, *(os.path.join(each, CHECKPOINT) for each in former)]
    past, failures = past_of(places, used, troubles), failures_in(reversed(former))
    return asked, explain(asked, past, failures, former_runs=len(former))


def former_runs(folder: str, run_dir: Path, started: float) -> Sequence[str]:
    """The runs in a folder that began before another one, the oldest first."""
    from parsl_like.dataflow.resuming import run_facts, runs_in

    own = os.path.realpath(folder)
    others = [each for each in runs_in(str(run_dir)) if os.path.realpath(each) != own]
    times = {each: float(run_facts(each).get("started") or 0.0) for each in others}
    return sorted((each for each in others if times[each] <= started), key=times.__getitem__)


def _as_data(asked: Asked, answer: Answer) -> dict[str, Any]:
    nearest = answer.nearest
    return {
        "run": asked.run,
        "task": asked.task,
        "app": asked.app,
        "state": asked.state,
        "cause": str(answer.cause),
        "text": answer.text,
        "changed": list(answer.changed),
        "nearest": None if nearest is None else {"task": nearest.facts.task, "checkpoint": nearest.place},
    }


def _directory_of(run: str, run_dir: Path) -> str:
    from parsl_like.dataflow.resuming import LAST, named_run, runs_in
    from parsl_like.errors import ConfigurationError

    try:
        if run != LAST:
            return named_run(run, str(run_dir))
        runs = runs_in(str(run_dir))
    except (ConfigurationError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if not runs:
        raise click.ClickException(f"there is no run in {run_dir}; --run-dir says where to look.")
    return runs[-1]
