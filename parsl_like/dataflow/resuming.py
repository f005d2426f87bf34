"""Which run another one goes on with, and what checkpoints that brings."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from parsl_like.dataflow.rundirs import RUN_FILE
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.config import Config

LAST: Final = "last"
RESUME: Final = "PARSL_LIKE_RESUME"
"""The environment variable by which ``parsl-like resume`` says which run a program is to go on with."""

CHECKPOINT: Final = "checkpoint"


def run_to_resume(config: Config, run_dir: str) -> str | None:
    """The directory of the run that a new one goes on with; None if it begins afresh.

    Args:
        config: Of the new run. ``resume`` counts more than the variable, which counts only for runs in the folder of
            the run that it names.
        run_dir: The directory of the new run.

    Raises:
        ConfigurationError: there is no such run.
    """
    folder = os.path.dirname(run_dir)
    wanted = config.resume
    if wanted is None:
        told = os.environ.get(RESUME, "")
        return told if os.path.isabs(told) and os.path.isdir(told) and _is_beside(told, folder, run_dir) else None
    if wanted == LAST:
        earlier = [run for run in runs_in(folder) if run != run_dir]
        return earlier[-1] if earlier else None
    return named_run(os.fspath(wanted), folder)


def _is_beside(run: str, folder: str, run_dir: str) -> bool:
    """Whether a run is another one of a folder."""
    real = os.path.realpath(run)
    return os.path.dirname(real) == os.path.realpath(folder) and real != os.path.realpath(run_dir)


def runs_in(folder: str) -> list[str]:
    """Directories of the runs in a folder, the oldest first."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    numbered = sorted((name for name in names if name.isascii() and name.isdigit()), key=int)
    return [os.path.join(os.path.abspath(folder), name) for name in numbered]


def named_run(name: str, folder: str) -> str:
    """The directory of a run, by its name in the folder of all runs, by its number, or by its path.

    Raises:
        ConfigurationError: there is none.
    """
    for path in (os.path.join(folder, name), os.path.join(folder, name.zfill(3)), name):
        if os.path.isfile(os.path.join(path, RUN_FILE)) or os.path.isdir(os.path.join(path, CHECKPOINT)):
            return os.path.realpath(path)
    raise ConfigurationError(
        f"There is no run {name!r} in {folder}, and no directory of a run at that path.",
        hint=f"there are {', '.join(map(os.path.basename, runs_in(folder))) or 'none'}; 'last' is the newest.",
    )


def checkpoints_of(run: str) -> list[str]:
    """Folders of the checkpoints that a run had, the oldest first: those it began with, of its program, and its own.

    A program may load several configurations, one after the other: a run of the same process counts as a part of it.
    """
    facts = run_facts(run)
    found = [folder for folder in facts.get("checkpoints") or () if isinstance(folder, str)]
    for other in runs_in(os.path.dirname(run)):
        if other == run:
            break
        told = run_facts(other)
        if told and all(told.get(name) == facts.get(name) for name in ("pid", "host", "command")):
            found += [*(folder for folder in told.get("checkpoints") or ()), os.path.join(other, CHECKPOINT)]
    found.append(os.path.join(run, CHECKPOINT))
    return [folder for folder in dict.fromkeys(found) if os.path.isdir(folder)]


def run_facts(run: str) -> Mapping[str, Any]:
    """What ``run.json`` of a run says; nothing if it cannot be read."""
    import msgspec

    with suppress(OSError, ValueError, RecursionError), open(os.path.join(run, RUN_FILE), "rb") as file:
        facts: dict[str, Any] = msgspec.json.decode(file.read(), type=dict[str, Any])
        return facts
    return {}
