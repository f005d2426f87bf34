"""Tasks that blocks have no time for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from parsl_like.core.ids import AttemptId, attempt_id
from parsl_like.errors import ExecutorError, ManagerLost
from parsl_like.executors.high_throughput.protocol import LONG, TIME_IS_UP, Lost
from parsl_like.executors.high_throughput.walltimes import Walltimes


@dataclass
class Try:
    """An attempt, as far as its time goes."""

    attempt_id: AttemptId
    walltime: float | None = None
    body: bytes = b"body"
    args: tuple[Any, ...] = ()
    resources: None = None
    refused: list[BaseException] = field(default_factory=list)


def tries(*walltimes: float | None) -> list[Try]:
    return [Try(AttemptId(attempt_id(task, 0)), walltime) for task, walltime in enumerate(walltimes)]


def sifted(walltimes: Walltimes, attempts: list[Try]) -> list[Any]:
    def refuse(refused: Any, error: BaseException) -> None:
        for attempt in refused:
            attempt.refused.append(error)

    return list(walltimes.sift(attempts, refuse))  # type: ignore[arg-type]


def lost(*started: int, reason: str = TIME_IS_UP, ran: tuple[float, ...] = (), life: float = 54.0) -> Lost:
    return Lost(b"m", "node7", reason, list(started), [99 << 16], list(ran), life)


def test_without_a_limit_nothing_matters() -> None:
    assert not Walltimes("htex").matter
    assert Walltimes("htex", 60.0).matter


def test_a_task_that_no_block_lives_long_enough_for_is_refused() -> None:
    walltimes, attempts = Walltimes("htex", 60.0), tries(None, 61.0, 60.0, math.inf, 0.0)
    assert [one.attempt_id >> 16 for one in sifted(walltimes, attempts)] == [0, 2, 4]
    (error,) = attempts[1].refused
    assert isinstance(error, ExecutorError)
    for words in ("htex", "61 s", "60 s", "shorter walltime"):
        assert words in str(error)
    assert len(attempts[3].refused) == 1


def test_a_task_that_was_cut_short_needs_a_fresh_block_once() -> None:
    walltimes, attempts = Walltimes("htex"), tries(None, None, 9.0)
    causes = list(walltimes.causes(lost(0, 2 << 16, ran=(20.0, 8.0))))
    assert [(attempt >> 16, started) for attempt, started, _ in causes] == [(0, True), (2, True), (99, False)]
    assert walltimes.matter
    first, *others = sifted(walltimes, attempts)
    assert (first.walltime, first.attempt_id, first.body, first.args) == (LONG, 0, b"body", ())
    assert others == attempts[1:]
    assert sifted(walltimes, attempts) == attempts


def test_what_had_not_begun_was_not_cut_short() -> None:
    walltimes = Walltimes("htex")
    assert [started for _, started, _ in walltimes.causes(lost())] == [False]
    assert not walltimes.matter


def test_the_cause_says_how_long_blocks_live_and_the_task_had_run() -> None:
    (_, _, cause), *_ = Walltimes("htex", 60.0).causes(lost(0, ran=(47.2,)))
    assert isinstance(cause, ManagerLost)
    for words in ("m on host node7", "walltime was over", "end after 60 s", "run for 47 s", "give the task a walltime"):
        assert words in str(cause)


def test_where_the_provider_sets_no_limit_it_says_how_long_the_block_could_be_used() -> None:
    (_, _, cause), *_ = Walltimes("htex").causes(lost(0, reason="its process has ended"))
    assert "walltime was over (its process has ended); such a block can be used for 54 s." in str(cause)
    assert "had run" not in str(cause)


def test_what_the_batch_system_says_counts_too() -> None:
    walltimes = Walltimes("htex", 60.0)
    (_, _, cause), *_ = walltimes.causes(lost(0, reason="its job 7 is TIMEOUT; nothing was heard", life=0.0))
    assert "walltime was over (its job 7 is TIMEOUT; nothing was heard); blocks" in str(cause)
    assert sifted(walltimes, tries(None))[0].walltime == LONG


@pytest.mark.parametrize("reason", ["its process has ended", "nothing was heard of it for 30 s"])
def test_another_loss_is_another_loss(reason: str) -> None:
    walltimes = Walltimes("htex")
    (_, _, cause), *_ = walltimes.causes(lost(0, reason=reason, life=0.0))
    assert (str(cause), walltimes.matter) == (str(ManagerLost(b"m", "node7", reason)), False)
