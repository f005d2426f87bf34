"""What went wrong, from a status to sentences."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.dataflow.troubles import (
    CALLBACK_S,
    MOST_CHARACTERS,
    MOST_SENTENCES,
    STALLED_S,
    clock,
    lasting,
    present,
    sentences,
    summed,
    trouble,
)

NOW = 1_000_000.0


def status(**parts: dict[str, Any]) -> dict[str, Any]:
    """A status of a run in which all is well, but for the parts given."""
    whole: dict[str, Any] = {
        "run": {"open": True},
        "tasks": {"losses": 0},
        "executors": {"htex": {"outstanding": 3, "error": None, "stalled": None, "troubles": []}},
        "blocks": {"htex": {"hanging_calls": 0, "troubles": []}},
        "threads": {
            "kernel": {"alive": True},
            "completion": {"busy": False, "since": None, "with": None, "backlog": 0},
        },
        "records": {"dropped": 0, "sinks": [{"name": "JsonlSink", "lost": 0}]},
        "logs": [{"path": "run/parsl_like.log", "dropped": 0, "trouble": ""}],
    }
    return {
        name: {**value, **parts.get(name, {})} if isinstance(value, dict) else value for name, value in whole.items()
    }


def entry(kind: str, text: str, since: float, last: float, count: int = 1) -> dict[str, Any]:
    return {"kind": kind, "text": text, "since": since, "last": last, "count": count}


def said(found: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(each["where"], each["kind"], each["count"]) for each in found]


def test_where_all_is_well_nothing_is_said() -> None:
    assert present(status(), NOW) == lasting(status()) == []
    assert sentences([]) == []


def test_entries_of_a_kind_are_one_with_the_last_text() -> None:
    entries = [entry("lost", "b", 5, 9, 2), entry("lost", "a", 3, 7), entry("dropped", "c", 1, 1)]
    assert summed("here", entries) == [
        trouble("here", "lost", "b", count=3, since=3, last=9),
        trouble("here", "dropped", "c", since=1, last=1),
    ]


def test_what_happened_stays() -> None:
    found = lasting(
        status(
            tasks={"losses": 2},
            executors={"htex": {"troubles": [entry("restarted", "it died", 1, 1)]}},
            blocks={"htex": {"troubles": [entry("failed", "block 0", 1, 2, 2)]}},
            records={"dropped": 7, "sinks": [{"name": "JsonlSink", "lost": 5}]},
        )
        | {"logs": [{"path": "x.log", "dropped": 4, "trouble": "No space left"}]}
    )
    assert said(found) == [
        ("tasks", "losses", 2),
        ("executor htex", "restarted", 1),
        ("blocks of htex", "failed", 2),
        ("records", "missing", 7),
        ("records", "missing", 5),
        ("log", "missing", 4),
    ]
    assert sentences(found) == [
        "tasks: 2 losses: so often a task was lost together with the place where it ran",
        f"executor htex: 1 restart of its interchange at {clock(1)}: it died",
        f"blocks of htex: 2 blocks failed since {clock(1)}, the last at {clock(2)}: block 0",
        "records: 7 record(s) were dropped: no sink got on",
        "records: 5 record(s) are missing in JsonlSink",
        "log: 4 line(s) are missing in x.log: No space left",
    ]


def test_one_cause_is_told_once() -> None:
    """By the executor that is broken of it; of its blocks only what else there is to say."""
    error = "Executor htex failed due to: 3 submissions were refused; the last: no such partition"
    entries = [
        entry("failed", "block 2 (no job) is FAILED: no such partition", 1, 2, 3),
        entry("warning", error, 2, 2),
        entry("warning", "the queue is silent", 2, 2),
    ]
    now = status(executors={"htex": {"error": error, "troubles": []}}, blocks={"htex": {"troubles": entries}})
    assert sentences([*present(now, NOW), *lasting(now)]) == [
        "executor htex: it is broken: 3 submissions were refused; the last: no such partition",
        f"blocks of htex: 3 blocks failed since {clock(1)}, the last at {clock(2)}: block 2 (no job) is FAILED, of "
        "which its executor's error tells",
        f"blocks of htex: 1 warning at {clock(2)}: the queue is silent",
    ]


@pytest.mark.parametrize(("waited", "count"), [(STALLED_S - 1, 0), (STALLED_S, 1)])
def test_tasks_that_wait_for_long(waited: float, count: int) -> None:
    facts = {"htex": {"outstanding": 3, "error": None, "stalled": NOW - waited}}
    found = present(status(executors=facts), NOW)
    assert said(found) == [("executor htex", "stalled", 3)] * count
    if count:
        assert found[0]["since"] == NOW - waited
        assert sentences(found) == [
            f"executor htex: 3 task(s) wait since {clock(NOW - waited)} and no worker is connected"
        ]


def test_a_broken_executor_and_what_is_stuck() -> None:
    found = present(
        status(
            executors={
                "htex": {"outstanding": 0, "error": "no blocks", "stalled": 0.0},
                "threads": {"outstanding": 1, "stuck": 2},
                "others": {"outstanding": 1, "stuck": ["a thread"]},
            },
            blocks={"htex": {"hanging_calls": 1}},
            threads={
                "kernel": {"alive": False},
                "completion": {"busy": True, "since": NOW - CALLBACK_S, "with": "task 3 (f)", "backlog": 4},
            },
        ),
        NOW,
    )
    assert said(found) == [
        ("executor htex", "broken", 1),
        ("executor threads", "stuck", 2),
        ("executor others", "stuck", 1),
        ("blocks of htex", "hanging", 1),
        ("callbacks", "stuck", 5),
        ("kernel", "crashed", 1),
    ]
    assert sentences(found)[4] == (
        f"callbacks: a callback of task 3 (f) has not returned since {clock(NOW - CALLBACK_S)}"
    )


def test_sinks_that_do_not_get_on() -> None:
    found = present(status(records={"stalled": True, "waiting": 20_000}), NOW)
    assert said(found) == [("records", "stalled", 20_000)]


def test_a_callback_may_take_its_time_and_a_closed_kernel_has_no_thread() -> None:
    busy = {"busy": True, "since": NOW - CALLBACK_S + 1, "with": "task 3 (f)", "backlog": 4}
    assert present(status(threads={"completion": busy}), NOW) == []
    assert present(status(run={"open": False}, threads={"kernel": {"alive": False}}), NOW) == []


def test_sentences_are_short_and_few() -> None:
    long = trouble("here", "warning", "x\n y" * 1000, since=0, last=0)
    (line,) = sentences([long])
    assert len(line) == MOST_CHARACTERS
    assert "\n" not in line
    many = sentences([long] * (MOST_SENTENCES + 5))
    assert len(many) == MOST_SENTENCES
    assert many[-1] == "and 6 kinds of trouble more, in the log"
    assert len(sentences([long] * MOST_SENTENCES)) == MOST_SENTENCES


def test_a_moment_that_is_not_known() -> None:
    assert clock(None) == "?"
