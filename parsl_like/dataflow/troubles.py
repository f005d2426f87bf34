"""What went wrong in a run, gathered from its status, as data and in sentences. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

CALLBACK_S = 10.0
"""A callback that has not returned for so long, while others wait for it, is trouble."""

STALLED_S = 10.0
"""Tasks that wait so long for a worker are; before that, workers may be about to come."""

MOST_SENTENCES = 12
MOST_CHARACTERS = 400

_NAMES = {
    "lost": ("manager lost", "managers lost"),
    "refused": ("manager refused", "managers refused"),
    "restarted": ("restart of its interchange", "restarts of its interchange"),
    "dropped": ("message dropped", "messages dropped"),
    "stranger": ("connection of a stranger refused", "connections of strangers refused"),
    "failed": ("block failed", "blocks failed"),
    "warning": ("warning", "warnings"),
}
"""How counts of a kind are said."""


def trouble(
    where: str, kind: str, text: str, *, count: int = 1, since: float | None = None, last: float | None = None
) -> dict[str, Any]:
    """One entry; times in seconds since the epoch, None where they are not known."""
    return {"where": where, "kind": kind, "count": count, "text": text, "since": since, "last": last}


def lasting(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What has happened in a run so far and stays true whatever comes."""
    found = _losses(status["tasks"])
    for label, facts in status["executors"].items():
        found += summed(f"executor {label}", facts.get("troubles", ()))
    for label, facts in status["blocks"].items():
        error = status["executors"].get(label, {}).get("error")
        found += summed(f"blocks of {label}", _said_once(facts.get("troubles", ()), error))
    return found + _of_files(status["records"], status["logs"])


def _said_once(entries: Iterable[Mapping[str, Any]], error: Any) -> Iterator[Mapping[str, Any]]:
    """What went wrong with blocks, without what their executor's error says anyway."""
    known = str(error or "")
    for entry in entries:
        what, _, reason = entry["text"].partition(": ")
        if entry["kind"] == "failed" and reason and reason in known:
            yield {**entry, "text": f"{what}, of which its executor's error tells"}
        elif entry["text"] != known:
            yield entry


def _losses(tasks: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not tasks["losses"]:
        return []
    count = tasks["losses"]
    text = f"{count} loss{'es' if count > 1 else ''}: so often a task was lost together with the place where it ran"
    return [trouble("tasks", "losses", text, count=count)]


def _of_files(records: Mapping[str, Any], logs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    if dropped := records.get("dropped"):
        found.append(trouble("records", "missing", f"{dropped} record(s) were dropped: no sink got on", count=dropped))
    for sink in records["sinks"]:
        if lost := sink["lost"]:
            found.append(trouble("records", "missing", f"{lost} record(s) are missing in {sink['name']}", count=lost))
    for log in logs:
        if dropped := log["dropped"]:
            text = f"{dropped} line(s) are missing in {log['path']}: {log['trouble'] or 'it was too slow'}"
            found.append(trouble("log", "missing", text, count=dropped))
    return found


def summed(where: str, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each kind of those that a part has noted, with the text of the last one."""
    kinds: dict[str, dict[str, Any]] = {}
    for entry in entries:
        kind, known = entry["kind"], kinds.get(entry["kind"])
        if known is None:
            kinds[kind] = trouble(
                where, kind, entry["text"], count=entry["count"], since=entry["since"], last=entry["last"]
            )
            continue
        known["count"] += entry["count"]
        known["since"] = min(known["since"], entry["since"])
        if entry["last"] >= known["last"]:
            known["text"], known["last"] = entry["text"], entry["last"]
    return list(kinds.values())


def present(status: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
    """What is wrong at the moment of the status, which is ``now``, in seconds since the epoch."""
    found: list[dict[str, Any]] = []
    for label, facts in status["executors"].items():
        found += _of_executor(f"executor {label}", facts, now)
    for label, facts in status["blocks"].items():
        if hanging := facts.get("hanging_calls"):
            text = f"{hanging} call(s) of the provider have not come back"
            found.append(trouble(f"blocks of {label}", "hanging", text, count=hanging))
    if status["records"].get("stalled"):
        text = f"{status['records']['waiting']} record(s) wait to be written, and no sink gets on"
        found.append(trouble("records", "stalled", text, count=status["records"]["waiting"]))
    return found + _of_threads(status["threads"], now, is_open=status["run"]["open"])


def _of_executor(where: str, facts: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
    found = []
    if error := facts.get("error"):
        said = str(error).removeprefix(f"Executor {where.removeprefix('executor ')} failed due to: ")
        found.append(trouble(where, "broken", f"it is broken: {said}"))
    elif (since := facts.get("stalled")) is not None and now - since >= STALLED_S:
        text = f"{facts['outstanding']} task(s) wait since {clock(since)} and no worker is connected"
        found.append(trouble(where, "stalled", text, count=facts["outstanding"], since=since))
    if stuck := facts.get("stuck"):
        count = stuck if isinstance(stuck, int) else len(stuck)
        text = f"{count} thread(s) are stuck in a task that was given up"
        found.append(trouble(where, "stuck", text, count=count))
    return found


def _of_threads(threads: Mapping[str, Any], now: float, *, is_open: bool) -> list[dict[str, Any]]:
    found = []
    completion = threads["completion"]
    if completion["busy"] and completion["since"] is not None and now - completion["since"] >= CALLBACK_S:
        text = f"a callback of {completion['with']} has not returned since {clock(completion['since'])}"
        found.append(trouble("callbacks", "stuck", text, count=completion["backlog"] + 1, since=completion["since"]))
    if is_open and not threads["kernel"]["alive"]:
        found.append(trouble("kernel", "crashed", "its owner thread has ended; every task has failed"))
    return found


def sentences(troubles: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each, the gravest first as they are given; the rest is counted."""
    lines = [_sentence(each) for each in troubles]
    if len(lines) > MOST_SENTENCES:
        more = len(lines) - MOST_SENTENCES + 1
        lines[MOST_SENTENCES - 1 :] = [f"and {more} kinds of trouble more, in the log"]
    return lines


def _sentence(entry: Mapping[str, Any]) -> str:
    """Where, how often, since when, and the last of it."""
    text = " ".join(str(entry["text"]).split())
    names = _NAMES.get(entry["kind"])
    if names is not None:
        count, since, last = entry["count"], entry["since"], entry["last"]
        when = f" at {clock(since)}" if count == 1 else f" since {clock(since)}, the last at {clock(last)}"
        text = f"{count} {names[count != 1]}{when}: {text}"
    line = f"{entry['where']}: {text}"
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 3]}..."


def clock(moment: float | None) -> str:
    """A moment as people read it off a clock."""
    return "?" if moment is None else time.strftime("%H:%M:%S", time.localtime(moment))
