"""Tasks that wait in vain are noticed once, with a cause, and without looking all the time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from parsl_like.core.limits import ExecutorLoad
from parsl_like.dataflow.stalls import AGAIN_S, LOOK_S, STALL_S, StallWatch, explain

WALL = 1_000_000.0


class Sleepy:
    """An executor whose load the test says; counts how often it is asked."""

    label = "htex"

    def __init__(self) -> None:
        self.outstanding = self.slots = self.asked = 0
        self.broken = False

    def load(self) -> ExecutorLoad:
        self.asked += 1
        if self.broken:
            raise RuntimeError("out of order")
        return ExecutorLoad("htex", self.outstanding, self.slots)  # type: ignore[arg-type]


class Scene:
    def __init__(self) -> None:
        self.now = 50.0
        self.blocks: dict[str, dict[str, Any]] = {"htex": {"blocks": {}, "limits": (0, 1), "decision": "none"}}
        self.said: list[tuple[str, str, str]] = []
        self.session = Sleepy()
        self.watch = StallWatch(
            lambda: self.blocks,
            lambda *words: self.said.append(words),
            monotonic=lambda: self.now,
            wall=lambda: WALL + self.now,
        )
        self.watch.add(self.session)  # type: ignore[arg-type]

    def rest(self) -> float:
        """A pass that finds nothing to do, and when the loop is to wake."""
        assert list(self.watch.pump()) == []
        return self.watch.deadline()

    def sleep_until(self, now: float) -> float:
        """As the loop does: pump, ask when to wake, go there; gives how often that was."""
        wakes = 0
        while True:
            due = self.rest()
            if due > now:
                self.now = now
                return wakes
            assert due >= self.now
            self.now, wakes = max(due, self.now), wakes + 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_with_nothing_to_do_it_never_wakes_anybody(scene: Scene) -> None:
    assert scene.rest() == math.inf
    assert list(scene.watch.fds()) == []
    scene.session.slots = 2
    scene.now += 2 * LOOK_S
    scene.session.outstanding = 5
    assert scene.sleep_until(1e9) == 0
    assert scene.watch.since("htex") is None


def test_one_warning_after_a_minute_and_another_after_ten(scene: Scene) -> None:
    scene.session.outstanding = 7
    began = scene.now
    assert scene.sleep_until(began + STALL_S - 1) == 0
    assert scene.watch.since("htex") == WALL + began
    assert scene.said == []
    assert scene.sleep_until(began + STALL_S + AGAIN_S - 1) == 1
    ((label, text, hint),) = scene.said
    assert label == "htex"
    assert text == "7 task(s) have waited for 60 s and no worker is connected; no block is starting: none"
    assert "init_blocks" in hint
    scene.sleep_until(began + STALL_S + AGAIN_S)
    assert len(scene.said) == 2
    assert scene.session.asked <= 5


def test_a_burst_of_passes_asks_once_a_second(scene: Scene) -> None:
    for _ in range(100):
        scene.rest()
        scene.watch.pump()
        scene.now += LOOK_S / 50
    assert scene.session.asked <= 3


def test_work_that_comes_right_after_a_look_is_seen(scene: Scene) -> None:
    assert scene.rest() == math.inf
    scene.session.outstanding = 1
    scene.now += LOOK_S / 2
    assert scene.rest() < math.inf
    scene.sleep_until(scene.now + STALL_S + 2 * LOOK_S)
    assert len(scene.said) == 1


def test_a_worker_that_comes_ends_it_and_it_is_remembered(scene: Scene) -> None:
    scene.session.outstanding = 1
    scene.sleep_until(scene.now + STALL_S + 30)
    scene.session.slots = 1
    scene.now += 2 * LOOK_S
    assert scene.rest() == math.inf
    assert scene.watch.since("htex") is None
    (entry,) = scene.watch.troubles["htex"].described()
    assert (entry["kind"], entry["text"]) == ("stalled", "tasks waited for 92 s without any worker")


def test_a_second_stall_soon_after_is_not_told_again(scene: Scene) -> None:
    scene.session.outstanding = 1
    scene.sleep_until(scene.now + STALL_S + 30)
    scene.session.slots = 1
    scene.now += 2 * LOOK_S
    scene.rest()
    scene.session.slots = 0
    scene.now += 2 * LOOK_S
    scene.sleep_until(scene.now + AGAIN_S / 2)
    assert len(scene.said) == 1
    scene.sleep_until(scene.now + AGAIN_S)
    assert len(scene.said) == 2


def test_a_short_wait_leaves_no_trace(scene: Scene) -> None:
    scene.session.outstanding = 1
    scene.sleep_until(scene.now + STALL_S / 2)
    scene.session.outstanding = 0
    scene.now += 2 * LOOK_S
    scene.rest()
    assert scene.watch.troubles == {}
    assert scene.said == []


def test_as_long_as_a_block_may_come_nothing_is_said(scene: Scene) -> None:
    scene.blocks["htex"]["blocks"] = {"0": {"state": "PENDING", "connected": False, "job": "12"}}
    scene.session.outstanding = 1
    began = scene.now
    assert scene.sleep_until(began + 10 * STALL_S) <= 10
    assert scene.said == []
    scene.blocks["htex"]["blocks"] = {}
    scene.sleep_until(scene.now + STALL_S)
    assert len(scene.said) == 1


def test_an_executor_that_cannot_say_how_it_is_is_left_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.session.outstanding = 1
    scene.rest()
    scene.session.broken = True
    scene.now += 2 * LOOK_S
    assert scene.rest() == math.inf
    assert "executor htex failed while it was asked for its load" in caplog.text
    assert scene.watch.since("htex") is None
    asked = scene.session.asked
    scene.now += 2 * LOOK_S
    scene.rest()
    assert scene.session.asked == asked


BLOCK = {"state": "RUNNING", "connected": False, "job": "12", "since": 0.0}


@pytest.mark.parametrize(
    ("facts", "cause", "hint"),
    [
        (None, "it gets no blocks from a provider", "give it a provider"),
        ({"blocks": {}, "limits": (0, 0), "decision": "fixed"}, "no block is starting: fixed", "max_blocks"),
        ({"blocks": {}, "limits": (0, 1)}, "no block is starting: none was asked for", "strategy"),
        ({"blocks": {}, "trouble": "exit code 1"}, "the last one had trouble: exit code 1", "submit_scripts"),
        ({"blocks": {"0": BLOCK}}, "block 0 (job 12) runs, but no manager of it has connected", "address="),
        ({"blocks": {"0": {**BLOCK, "connected": True}}}, "take no more tasks", "max_blocks"),
    ],
)
def test_causes(facts: dict[str, Any] | None, cause: str, hint: str) -> None:
    found = explain(facts, 1000.0)
    assert found is not None
    assert cause in found[0]
    assert hint in found[1]


@pytest.mark.parametrize(
    "block", [{"state": "PENDING"}, {"state": "UNKNOWN"}, {**BLOCK, "since": 1000.0 - STALL_S + 1}]
)
def test_blocks_that_may_still_bring_workers(block: dict[str, Any]) -> None:
    assert explain({"blocks": {"0": BLOCK, "1": block}}, 1000.0) is None


def test_a_block_whose_beginning_nobody_knows_is_not_new() -> None:
    assert explain({"blocks": {"0": {**BLOCK, "since": None}}}, 1000.0) is not None
