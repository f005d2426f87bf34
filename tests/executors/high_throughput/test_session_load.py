"""What a session says of its load, from what its interchange tells it. Nothing is started."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from parsl_like.core.events import EventType
from parsl_like.core.ids import AttemptId, BlockId
from parsl_like.errors import ExecutorError, ManagerLost
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.high_throughput.session import HighThroughputSession
from parsl_like.testing.executor_contract import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    with Owner(tmp_path) as made:
        yield made


def session_of(owner: Owner, walltime: str | None = None) -> HighThroughputSession:
    """A session that is not opened, with a provider of blocks that live for so long."""
    description = HighThroughputExecutor(label="contract").sealed()
    if walltime is not None:
        object.__setattr__(description.provider, "walltime", walltime)
    return HighThroughputSession(description, owner.context)


@pytest.fixture
def session(owner: Owner) -> HighThroughputSession:
    return session_of(owner)


def news(name: bytes, what: str, block: str) -> protocol.ManagerNews:
    return protocol.ManagerNews(name, what, block, "node1", 2, 0)


def hear(session: HighThroughputSession, *messages: Any) -> None:
    for message in messages:
        session._take(message, [b"frame"])


def test_blocks_that_drain_have_no_slots_and_stranded_tasks_are_told(session: HighThroughputSession) -> None:
    nudges: list[int] = []
    session.when_crowded(lambda: nudges.append(1))
    hear(session, news(b"a", "connected", "0"), news(b"b", "connected", "1"))
    assert (session.load().draining, session.load().stranded, session.load().worked) == ((), 0, ())
    hear(session, news(b"a", "draining", "0"), protocol.Stranded(7))
    load = session.load()
    assert (load.slots, load.slots_per_block, load.connected) == (2, 2, ("0", "1"))
    assert (load.draining, load.stranded) == ((BlockId("0"),), 7)
    assert len(nudges) == 4, "each may be a reason for another block"
    hear(session, protocol.Stranded(0), protocol.BlockIdle({"1": True}))
    assert (session.load().stranded, session.load().idle_blocks) == (0, ("1",))


def test_blocks_that_have_sent_results_have_worked(session: HighThroughputSession) -> None:
    hear(session, news(b"a", "connected", "0"), news(b"b", "connected", "1"))
    hear(session, protocol.Results(b"b", 1, 2, [], msgspec.Raw(b"\x90")))
    assert session.load().worked == ("1",)
    hear(session, news(b"b", "ended", "1"))
    assert session.load().worked == ()


def test_a_task_that_was_cut_short_is_an_event_with_its_cause(session: HighThroughputSession) -> None:
    attempt = AttemptId(5 << 16)
    session.held[attempt] = object()  # type: ignore[assignment]
    hear(session, protocol.Lost(b"a", "node1", protocol.TIME_IS_UP, [attempt, 6 << 16], [], [20.0, 1.0], 54.0))
    ((kind, subject, (cause, started)),) = session._events
    assert (kind, subject, started) == (EventType.ATTEMPT_LOST, attempt, True)
    assert isinstance(cause, ManagerLost)
    assert "had run for 20 s" in str(cause)
    assert session.held == {}


def test_what_no_block_has_time_for_is_never_sent(owner: Owner) -> None:
    session = session_of(owner, "00:01:00")
    owner.serve(session)
    attempt = owner.attempt(len, "abc")
    attempt.walltime = 61.0
    session.submit([attempt])
    ((kind, subject, (error, cost, _)),) = session._events
    assert (kind, subject, cost) == (EventType.ATTEMPT_FAILED, attempt.attempt_id, float("inf"))
    assert isinstance(error, ExecutorError)
    assert session.held == {}


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [("00:01:00", 60), ("1-00:00:00", 86400), ("soon", math.inf), ("00:00:00", math.inf), ("", math.inf)],
)
def test_how_long_blocks_live_is_what_the_provider_says(walltime: str, seconds: float) -> None:
    description = HighThroughputExecutor(label="contract").sealed()
    assert description.block_walltime == math.inf
    object.__setattr__(description.provider, "walltime", walltime)
    assert description.block_walltime == seconds


def test_news_come_once_however_often_their_batch_is_sent(owner: Owner, session: HighThroughputSession) -> None:
    attempt = AttemptId(5 << 16)
    session.held[attempt] = object()  # type: ignore[assignment]
    told = protocol.ResultItem(attempt, protocol.OUTCOME_NEWS, b'["transfer", "http://h/x", {"bytes": 3}]')
    items = msgspec.Raw(msgspec.msgpack.encode([told]))
    hear(session, protocol.Results(b"b", 1, 2, [], items), protocol.Results(b"b", 1, 2, [], items))
    assert [(record.kind, record.fields["task"]) for record in owner.records] == [("transfer", 5)]
    assert session.held
    assert session._events == []
