"""The history of blocks, from the records of the jobs thread."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.core.records import Record
from parsl_like.dataflow.blockhistory import BlockHistory


class Scene:
    def __init__(self) -> None:
        self.passed: list[Record] = []
        self.history = BlockHistory(self.passed.append)

    def block(self, time: float, state: str, block: str = "0", **fields: Any) -> None:
        self.history.record(Record("block", time, block, {"executor": "htex", "job": "12", "state": state, **fields}))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_every_record_goes_on(scene: Scene) -> None:
    scene.block(1.0, "PENDING")
    decision = Record("decision", 2.0, "htex", {"reason": "x"})
    scene.history.record(decision)
    assert scene.passed[1] is decision
    assert len(scene.passed) == 2


def test_since_when_a_block_is_as_it_is(scene: Scene) -> None:
    for time, state in ((1.0, "PENDING"), (2.0, "RUNNING"), (3.0, "RUNNING")):
        scene.block(time, state)
    assert scene.history.since("htex", "0") == 2.0
    assert scene.history.since("htex", "1") is None
    scene.block(4.0, "COMPLETED")
    assert scene.history.since("htex", "0") is None


def test_ends_are_counted_and_those_nobody_asked_for_are_trouble(scene: Scene) -> None:
    scene.block(1.0, "FAILED", "0", reason="exit code 1")
    scene.block(2.0, "MISSING", "1")
    scene.block(3.0, "SCALED_IN", "2")
    scene.block(4.0, "COMPLETED", "3")
    scene.history.record(Record("block", 5.0, "4", {"executor": "htex", "job": None, "state": "FAILED"}))
    described = scene.history.described("htex")
    assert described["ended"] == {"FAILED": 2, "MISSING": 1, "SCALED_IN": 1, "COMPLETED": 1}
    assert described["failures"] == 3
    assert [(t["kind"], t["text"], t["since"]) for t in described["troubles"]] == [
        ("failed", "block 0 (job 12) is FAILED: exit code 1", 1.0),
        ("failed", "block 1 (job 12) is MISSING", 2.0),
        ("failed", "block 4 (no job) is FAILED", 5.0),
    ]


def test_warnings_are_trouble(scene: Scene) -> None:
    for time in (1.0, 5.0):
        scene.history.record(Record("warning", time, "htex", {"text": "the queue is silent"}))
    (entry,) = scene.history.described("htex")["troubles"]
    assert entry == {"kind": "warning", "text": "the queue is silent", "since": 1.0, "last": 5.0, "count": 2}


def test_it_is_added_to_what_the_jobs_thread_says(scene: Scene) -> None:
    scene.block(7.0, "RUNNING")
    supplies = {"htex": {"limits": (0, 1), "blocks": {"0": {"state": "RUNNING"}}}, "new": {}}
    assert scene.history.joined(supplies) == {
        "htex": {
            "limits": (0, 1),
            "blocks": {"0": {"state": "RUNNING", "since": 7.0}},
            "ended": {},
            "failures": 0,
            "troubles": [],
        },
        "new": {"blocks": {}, "ended": {}, "failures": 0, "troubles": []},
    }
