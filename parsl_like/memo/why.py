"""Why a task ran though its app is remembered: its key beside the keys of results that there are.

A key is made of parts (:mod:`~parsl_like.memo.keys`). The nearest result of the same app is the one with the most equal
parts; what differs is what has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.memo.entries import Facts, Parts

NOT_OURS = frozenset({"parsl"})
"""Labels of parts that are not of our keys: the key that Parsl would give the call."""


BAD_ENDS = ("failed", "dep_fail")
"""States of tasks without a result."""


class Cause(StrEnum):
    """Why a task ran, or did not."""

    recalled = "recalled"
    not_cached = "not cached"
    forced = "forced"
    function_changed = "function changed"
    argument_changed = "argument changed"
    version_changed = "version changed"
    environment_changed = "environment changed"
    failed_before = "failed before"
    checkpoint_missing = "checkpoint missing"
    forgotten = "forgotten"
    outputs_missing = "outputs missing"
    not_used = "result not used"
    new = "new"


@dataclass(frozen=True, slots=True)
class Asked:
    """The task in question.

    Attributes:
        run: The directory of its run.
        task: Its number.
        app: The name of its app, as keys have it.
        state: The last state that is on file.
        cached: Whether its app is remembered; None if that is not on file.
        key: The text of its key; empty if that is not on file.
        parts: The parts of its key.
        ran: Why it ran whatever is remembered: "forced", "outputs missing"; empty if that is not on file.
        reason: What it failed with, if it did.
        checkpointed: Whether its run has a checkpoint of its own.
    """

    run: str
    task: int
    app: str
    state: str = ""
    cached: bool | None = None
    key: str = ""
    parts: Parts = ()
    ran: str = ""
    reason: str = ""
    checkpointed: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """A result that there is.

    Attributes:
        facts: What is known of it.
        place: The folder of the checkpoint that it is in.
        used: Whether the task's run began with this checkpoint.
        forgotten: Whether it is to be given no more.
    """

    facts: Facts
    place: str
    used: bool = True
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Why.

    Attributes:
        cause: In one word or two.
        text: In a sentence.
        changed: The labels of what differs from the nearest result.
        nearest: That result; None if none is near.
    """

    cause: Cause
    text: str
    changed: tuple[str, ...] = ()
    nearest: Past | None = None


def explain(asked: Asked, past: Iterable[Past], failures: Iterable[Asked] = (), *, former_runs: int = 0) -> Answer:
    """Why a task ran.

    Args:
        asked: The task.
        past: Results that were there before it ran; looked through once, and not kept.
        failures: Tasks of earlier runs that failed, the last one first.
        former_runs: How many earlier runs there are.
    """
    if asked.state == "memo_done":
        return _recalled(asked, past)
    failure = next((each for each in failures if _is_same(asked, each)), None)
    if not asked.parts:
        return _without_key(asked, failure)
    found = _Found(asked, past)
    if found.equal is not None:
        return _known(asked, found.equal)
    if failure is not None:
        return _failed(failure)
    if found.nearest is not None:
        return _changed(asked, found.nearest)
    if former_runs and not found.any:
        text = "no result of an earlier run was found: they had no checkpoint_mode, or their checkpoints are gone."
        return Answer(Cause.checkpoint_missing, text)
    return Answer(Cause.new, f"there is no earlier result of {asked.app}: it had not ended well before.")


class _Found:
    """What there is among earlier results.

    Args:
        asked: The task.
        past: The results.

    Attributes:
        any: Whether there is a result at all.
        equal: One of the same key, the one that the task's run could have used best; None if there is none.
        nearest: The one of the same app whose key has the most equal parts.
    """

    def __init__(self, asked: Asked, past: Iterable[Past]) -> None:
        self.any = False
        self.equal: Past | None = None
        self.nearest: Past | None = None
        best, parts = (-1, False, 0.0), set(asked.parts)
        for each in past:
            self.any = True
            facts = each.facts
            if facts.key == asked.key:
                self.equal = each if self.equal is None or _worth(each) > _worth(self.equal) else self.equal
            elif facts.name == asked.app and facts.parts and not each.forgotten:
                nearness = (len(parts.intersection(facts.parts)), facts.task == asked.task, facts.time)
                if nearness > best:
                    best, self.nearest = nearness, each


def _worth(past: Past) -> tuple[bool, bool]:
    return past.used and not past.forgotten, past.used


def _recalled(asked: Asked, past: Iterable[Past]) -> Answer:
    known = _Found(asked, past).equal if asked.key else None
    whence = "" if known is None else f" of task {known.facts.task}, in {known.place}"
    return Answer(Cause.recalled, f"it did not run: it has the remembered result{whence}.", nearest=known)


def _failed(failure: Asked) -> Answer:
    text = f"its call failed in task {failure.task} of {failure.run}, and failures are never remembered"
    return Answer(Cause.failed_before, text + (f": {failure.reason}" if failure.reason else "."))


def _without_key(asked: Asked, failure: Asked | None) -> Answer:
    if asked.cached is False:
        return Answer(Cause.not_cached, f"the app {asked.app} has no cache=True, or the call said cache='skip'.")
    if asked.state in BAD_ENDS and failure is not None:
        return _failed(failure)
    if asked.state in BAD_ENDS:
        return Answer(Cause.new, f"it failed, and of a failure there is no key on file: {asked.reason}")
    other = "its result is not in the checkpoint of its run" if asked.checkpointed else "its run wrote no checkpoint"
    text = f"no key of it is on file: the app {asked.app} has no cache=True, the call said cache='skip', or {other}."
    return Answer(Cause.not_cached, text)


def _known(asked: Asked, equal: Past) -> Answer:
    """A result of the same key was there."""
    if asked.ran in _RAN:
        return Answer(*_RAN[asked.ran], nearest=equal)
    if not equal.used:
        text = (
            f"its result is in {equal.place}, with which its run did not begin: name it in checkpoint_files, or start "
            "the program with parsl-like resume."
        )
        return Answer(Cause.checkpoint_missing, text, nearest=equal)
    if equal.forgotten:
        text = f"its result in {equal.place} is to be given no more, since somebody called parsl-like cache forget."
        return Answer(Cause.forgotten, text, nearest=equal)
    return Answer(Cause.not_used, _NOT_USED, nearest=equal)


_RAN = {
    "forced": (Cause.forced, "the call said cache='force'."),
    "outputs missing": (Cause.outputs_missing, "its result is remembered, but a file of its outputs was not there."),
}
_NOT_USED = (
    "its result is remembered, and was not used: the call said cache='force', a file of its outputs was not there any "
    "more, or the result could not be read, of which the log of the run says more."
)


def _is_same(asked: Asked, failed: Asked) -> bool:
    """Whether a failure is of the same call: by its key, or, where there is none on file, by its number."""
    if failed.key:
        return failed.key == asked.key
    return (failed.app, failed.task) == (asked.app, asked.task)


# --- what differs


def _changed(asked: Asked, nearest: Past) -> Answer:
    changed = differences(asked.parts, nearest.facts.parts)
    cause = _cause(changed)
    texts = [_told(label, dict(asked.parts), dict(nearest.facts.parts)) for label in changed]
    where = f"task {nearest.facts.task} ({nearest.place})" if nearest.facts.task >= 0 else nearest.place
    text = f"the nearest result is the one of {where}. Since then: {'; '.join(texts)}."
    return Answer(cause, text, changed, nearest)


def differences(new: Parts, old: Parts) -> tuple[str, ...]:
    """The labels of parts that differ, or that only one of two keys has, in the order of the new one."""
    before, after = dict(old), dict(new)
    labels = dict.fromkeys([label for label, _ in new] + [label for label, _ in old])
    return tuple(label for label in labels if label not in NOT_OURS and before.get(label) != after.get(label))


def _cause(changed: Sequence[str]) -> Cause:
    """The weightiest of what has changed."""
    kinds = {label.split(" ")[0] for label in changed}
    for cause, labels in (
        (Cause.version_changed, {"version"}),
        (Cause.function_changed, {"function", "variable", "global", "globals"}),
        (Cause.environment_changed, {"environment"}),
    ):
        if kinds & labels:
            return cause
    return Cause.argument_changed


_SENTENCES = {
    "function": "the code of the function has changed",
    "variable": "{}, from around the function, has changed",
    "global": "{}, which the function uses, has changed",
    "globals": "something that the function uses of its module has changed",
    "version": "the version has changed",
    "environment": "the environment has changed",
    "argument": "argument {} has changed",
}


def _told(label: str, after: dict[str, bytes], before: dict[str, bytes]) -> str:
    kind, _, name = label.partition(" ")
    shown = name if kind in ("variable", "global") else label
    if label not in before:
        return f"{shown} is new"
    if label not in after:
        return f"{shown} is there no more"
    return _SENTENCES.get(kind, "{} has changed").format(name)
