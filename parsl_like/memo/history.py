"""What runs have left on file of remembered calls: checkpoints, and the records of tasks."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from parsl_like.journal.errors import JournalError
from parsl_like.memo.entries import packed_key
from parsl_like.memo.index import checkpoint_paths, described, open_checkpoint
from parsl_like.memo.logfile import ResultLog
from parsl_like.memo.why import BAD_ENDS, Asked, Past

if TYPE_CHECKING:
    from parsl_like.memo.entries import Facts, Parts
    from parsl_like.memo.index import CheckpointFile

RECORDS: Final = "records.jsonl"
CHECKPOINT: Final = "checkpoint"
"""The folder of a run's own checkpoint."""

KINDS: Final = ("task", "state", "memo")
"""Kinds of records that say something about remembered calls."""


def memo_fields(key: str, parts: Sequence[tuple[str, bytes]], ran: str = "") -> dict[str, Any]:
    """The facts of a record of the kind "memo", which is written for a call with a key that runs.

    Args:
        key: The text of its key.
        parts: What that is made of.
        ran: Why it runs whatever is remembered: "forced", "outputs missing", or nothing.
    """
    fields: dict[str, Any] = {"key": key, "parts": [[label, digest.hex()] for label, digest in parts]}
    return {**fields, "ran": ran} if ran else fields


def results_in(place: str, troubles: list[str] | None = None) -> Iterator[tuple[Facts, bool]]:
    """What is known of each result in a checkpoint folder, without its value, and whether it has been forgotten since.

    Args:
        place: The folder.
        troubles: Is given a sentence for each file that cannot be used; what is in them is left out.
    """
    files = _opened(place, [] if troubles is None else troubles)
    try:
        forgotten: dict[bytes, float] = {}
        for file, _ in files:
            if isinstance(file, ResultLog):
                for key, moment in file.forgotten.items():
                    forgotten[key] = max(moment, forgotten.get(key, 0.0))
        of_all = forgotten.get(b"", 0.0)
        for file, offsets in files:
            for offset in offsets:
                with suppress(JournalError, OSError):
                    facts = file.facts(offset)
                    yield facts, facts.time <= max(of_all, forgotten.get(packed_key(facts.key), 0.0))
    finally:
        for file, _ in files:
            file.close()


def _opened(place: str, troubles: list[str]) -> list[tuple[CheckpointFile, list[int]]]:
    """The files of a checkpoint, and where the results in them begin."""
    files: list[tuple[CheckpointFile, list[int]]] = []
    try:
        paths = checkpoint_paths(place)
    except OSError:  # it has none, as a rule
        return files
    for path in paths:
        try:
            file = open_checkpoint(path)
            files.append((file, []))
            files[-1][1].extend(offset for _, offset in file.index())
        except (JournalError, OSError) as error:
            troubles.append(f"the checkpoint {path} is not looked at: {described(error)}")
    return files


def facts_in(place: str) -> Iterator[Facts]:
    """What is known of each result in a checkpoint folder, without its value; what cannot be read is left out."""
    return (facts for facts, is_forgotten in results_in(place) if not is_forgotten)


def past_of(places: Iterable[str], used: Iterable[str], troubles: list[str] | None = None) -> Iterator[Past]:
    """The results in checkpoint folders.

    Args:
        places: The folders.
        used: Those with which the run in question began.
        troubles: Is given a sentence for each file that cannot be used.
    """
    begun_with = {os.path.realpath(place) for place in used}
    for place in dict.fromkeys(os.path.realpath(place) for place in places):
        for facts, is_forgotten in results_in(place, troubles):
            yield Past(facts, place, place in begun_with, is_forgotten)


def tasks_in(run: str, only: Collection[int] | None = None) -> dict[int, Asked]:
    """Tasks of a run, by what its records say; a line that cannot be read is left out.

    Args:
        run: The run's directory.
        only: The numbers of those that are wanted; None for all.
    """
    found: dict[int, dict[str, Any]] = {}
    for line in _lines(run):
        if only is None or _subject(line) in only:
            _note(line, found)
    return {task: _asked(run, task, known) for task, known in found.items()}


def _lines(run: str) -> Iterator[str]:
    with suppress(FileNotFoundError), open(os.path.join(run, RECORDS), encoding="utf-8") as file:
        yield from file


def _subject(line: str) -> int | None:
    """The task that a record is about, without reading all of it: a run may have millions."""
    with suppress(IndexError, ValueError):
        return int(line.split(",", 3)[2])
    return None


def _note(line: str, found: dict[int, dict[str, Any]]) -> None:
    try:
        record = json.loads(line)
    except ValueError:  # the last line of a run that was killed
        return
    if not isinstance(record, list) or len(record) != 4 or record[0] not in KINDS or not isinstance(record[3], dict):
        return
    kind, _, task, fields = record
    if isinstance(task, int):
        known = found.setdefault(task, {})
        known.update(
            {name: fields[name] for name in ("app", "state", "reason", "key", "parts", "ran") if name in fields}
        )
        if kind == "memo":
            known["cached"] = True


def _asked(run: str, task: int, known: Mapping[str, Any]) -> Asked:
    parts: Parts = ()
    with suppress(TypeError, ValueError):  # a record that somebody has written by hand
        parts = tuple((str(label), bytes.fromhex(digest)) for label, digest in known.get("parts") or ())
    return Asked(
        run,
        task,
        str(known.get("app", "")),
        state=str(known.get("state", "")),
        cached=known.get("cached"),
        key=str(known.get("key", "")),
        parts=parts,
        ran=str(known.get("ran", "")),
        reason=str(known.get("reason", "")),
    )


def completed(asked: Asked, started: float) -> Asked:
    """The task with its key, from its run's own checkpoint where no record has it.

    Args:
        asked: The task, as records know it.
        started: When its run began, in seconds since the epoch: older results there are copies of other runs'.
    """
    from dataclasses import replace

    if asked.parts:
        return asked
    there_is_one = False
    for facts in facts_in(os.path.join(asked.run, CHECKPOINT)):
        there_is_one = True
        if facts.task == asked.task and facts.time >= started and facts.name == asked.app:
            return replace(asked, key=facts.key, parts=facts.parts, cached=True)
    return replace(asked, checkpointed=there_is_one)


def failures_in(runs: Iterable[str]) -> Iterator[Asked]:
    """The tasks of runs that have failed."""
    marks = [f'"{end}"' for end in BAD_ENDS]
    for run in runs:
        failing = (line for line in _lines(run) if any(mark in line for mark in marks))
        failed = {task for line in failing if (task := _subject(line)) is not None}
        if failed:
            yield from (task for task in tasks_in(run, failed).values() if task.state in BAD_ENDS)
