"""A strategy of a user's own that fails leaves no task waiting, and no block behind."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.core.ids import BlockId, ExecutorLabel, JobId
from parsl_like.core.limits import BlockLimits, Decision, ExecutorLoad
from parsl_like.jobs.effects import Cancel, Drain, Submit
from parsl_like.jobs.fallback import Fallback
from tests.jobs.driver import RUNNING, Driver

A = BlockId("0")
FACTS: dict[str, Any] = {"live_blocks": ["0"], "now": 5.0, "max_idle": 120.0, "idle_since": {}}
BUSY = ExecutorLoad(ExecutorLabel("x"), 9, 2, 2)


class Scripted:
    """Does what a test says, and then decides for nothing."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, *_args: Any, **_facts: Any) -> Any:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else Decision(reason="enough")
        if isinstance(answer, Exception):
            raise answer
        return answer


def broken(*_args: Any, **_facts: Any) -> Decision:
    raise KeyError("bug of the user")


def deaf() -> Decision:
    return Decision()


def test_a_policy_that_works_decides() -> None:
    wanted = Decision(2, (A,), {A: 1.0}, "because")
    fallback = Fallback(Scripted(wanted))
    assert fallback(BlockLimits(0, 0, 9), BUSY, **FACTS) == wanted
    assert fallback.trouble is None


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (broken, "KeyError: 'bug of the user' ("),
        (deaf, "TypeError: deaf() got an unexpected keyword argument 'live_blocks'"),
        (Scripted(None), "TypeError: it gave None instead of a Decision"),
        (Scripted(Decision(scale_in=None)), "TypeError: 'NoneType' object is not iterable"),  # type: ignore[arg-type]
        (Scripted(Decision(idle_since={A: "long"})), "ValueError: could not convert"),  # type: ignore[dict-item]
    ],
)
def test_simple_decides_for_one_that_does_not(policy: Any, words: str) -> None:
    fallback = Fallback(policy)
    assert fallback(BlockLimits(0, 0, 9), BUSY, **FACTS).scale_out == 4
    assert fallback.trouble is not None
    assert fallback.trouble.startswith(words)
    assert (__file__ in fallback.trouble) is (policy is broken)


def test_tasks_get_their_blocks_and_one_warning_says_who_decides() -> None:
    driver = Driver(policy=broken, init=0, high=4)
    driver.start()
    assert len(driver.decide(outstanding=4)) == 2
    for _ in range(80):
        driver.wait(5).decide()
    (warning,) = driver.notes("warning")
    assert warning.fields["text"].startswith(
        "the strategy broken fails, and blocks are scaled by strategy='simple' as long as it does: KeyError: 'bug of"
    )


def test_idle_blocks_are_given_back() -> None:
    driver = Driver(policy=broken)
    driver.start()
    driver.running("0").decide(idle_blocks=(A,))
    assert driver.wait(120).decide() == [Drain((A,))]


def test_it_is_asked_each_time_and_may_decide_again() -> None:
    policy = Scripted(KeyError("a"), KeyError("a"), Decision(scale_out=1, reason="now"), KeyError("b"))
    driver = Driver(policy=policy, init=0)
    assert driver.decide() == []
    assert driver.decide() == []
    assert len(driver.notes("warning")) == 1
    assert driver.decide() == [Submit(A)]
    assert driver.decide() == []
    assert [("KeyError: 'a'" in note.fields["text"]) for note in driver.notes("warning")] == [True, False]
    assert policy.asked == 4
    assert "the strategy Scripted fails" in driver.notes("warning")[0].fields["text"]


def test_what_was_to_be_done_besides_is_done() -> None:
    driver = Driver(policy=broken, high=1)
    driver.start()
    driver.running("0").decide(outstanding=5)
    driver.wait(10).decide(connected=())
    driver.answered(job0=RUNNING)
    assert driver.wait(60).decide() == [Cancel((JobId("job0"),))]
