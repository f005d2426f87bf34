"""The seams: what satisfies them, and the values that cross them."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any, get_type_hints

import pytest

from parsl_like.clocks import SystemClock
from parsl_like.core import ports
from parsl_like.core.ids import BlockId, ExecutorLabel, TaskId
from parsl_like.core.ports import (
    Attempt,
    BlockContext,
    BlockRequest,
    ChannelSession,
    CommandResult,
    ElasticSession,
    ExecutorSession,
    Memo,
    MonitoringSink,
    ProviderSession,
    RunContext,
    RunInfo,
    RunSummary,
)
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.dataflow.memoization import NoMemo

PROTOCOLS = [ExecutorSession, ElasticSession, ProviderSession, ChannelSession, MonitoringSink, Memo]
RUN = RunInfo("an id", "/runinfo/000", 12.5, ("python", "census.py"))


def members(protocol: type) -> list[str]:
    hints = {name for base in protocol.__mro__ for name in inspect.get_annotations(base)}
    methods = {name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if not name.startswith("_")}
    return sorted(name for name in hints | methods if not name.startswith("_"))


def satisfying(protocol: type, without: str | None = None) -> Any:
    """An object that has the members of a protocol, one of them left out."""
    return type("Made", (), {name: print for name in members(protocol) if name != without})()


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_a_session_is_known_by_having_every_member(protocol: type) -> None:
    assert isinstance(satisfying(protocol), protocol)
    for name in members(protocol):
        assert not isinstance(satisfying(protocol, without=name), protocol), name


def test_an_elastic_session_is_an_executor_session_and_more() -> None:
    assert isinstance(satisfying(ElasticSession), ExecutorSession)
    assert not isinstance(satisfying(ExecutorSession), ElasticSession)


def test_a_row_is_the_attempt_that_executors_read() -> None:
    row = TaskRow(TaskId(1), AppSpec("f", None), "x")
    wanted = [name for name, value in vars(Attempt).items() if isinstance(value, property)]
    assert sorted(wanted) == sorted(name for name in wanted if hasattr(row, name))
    assert "attempt_id" in wanted


def test_the_memo_of_today_is_one() -> None:
    memo = NoMemo()
    assert isinstance(memo, Memo)


def test_the_systems_clock_tells_both_times() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.wall() > 1.7e9


@pytest.mark.parametrize(
    "value",
    [
        BlockRequest(BlockId("0"), "process_worker_pool", 1, "job", {"key": b"secret"}, ("tcp://10.0.0.1:5",), 60.0),
        CommandResult(-9, "out", "err"),
        RUN,
        BlockContext(RUN, ExecutorLabel("htex"), "/runinfo/000/submit_scripts", SystemClock()),
        RunSummary({"exec_done": 3}, {"f": 1}, 0, 2.5, "/runinfo/000", ("a note",)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_crosses_a_seam_is_a_frozen_value(value: Any) -> None:
    assert [getattr(pickle.loads(pickle.dumps(value)), f.name) for f in fields(value) if f.name != "clock"] == [
        getattr(value, f.name) for f in fields(value) if f.name != "clock"
    ]
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)


def test_requests_do_not_share_their_files() -> None:
    assert BlockRequest(BlockId("0"), "x").files is not BlockRequest(BlockId("0"), "x").files


def test_a_run_is_opened_with_functions_that_may_be_called_from_any_thread() -> None:
    said: list[Any] = []
    context = RunContext(
        run=RUN,
        label=ExecutorLabel("htex"),
        directory="/runinfo/000/htex",
        wake=lambda: said.append("awake"),
        defer=said.append,
        record=said.append,
        clock=SystemClock(),
    )
    context.wake()
    assert said == ["awake"]


def test_every_port_has_its_documentation() -> None:
    undocumented = [
        f"{name}.{method}"
        for name, cls in vars(ports).items()
        if inspect.isclass(cls) and cls.__module__ == ports.__name__
        for method, value in vars(cls).items()
        if inspect.isfunction(value) and not method.startswith("_") and not (value.__doc__ or "").strip()
    ]
    assert undocumented == []
    assert get_type_hints(RunInfo)["argv"] == tuple[str, ...]
