"""An interchange without a driver: how long it waits, and whose managers it takes over."""

from __future__ import annotations

import math

import pytest

from parsl_like.executors.high_throughput.exchange.succession import Succession
from parsl_like.executors.high_throughput.options import Endpoint, InterchangeOptions
from parsl_like.executors.high_throughput.protocol import PROTOCOL_VERSION, Adopted, Register


def succession(seconds: float = 60.0) -> Succession:
    options = InterchangeOptions(
        run_id="new",
        label="htex",
        logdir="/run/htex",
        driver=Endpoint("ipc:///d", "ipc:///c"),
        driver_pid=1,
        driver_started=0.0,
        reattach=seconds,
        former_runs=("old", "older"),
        manager_logdir="/logs",
        python_path=("/code",),
    )
    return Succession(options)


def register(run_id: str, version: int = PROTOCOL_VERSION) -> Register:
    return Register(version, run_id, b"m", "0", "h", 1, 2, 2, 2, 0, [], "3.11.1", "1", {}, "ipc")


def test_a_driver_is_waited_for_as_long_as_was_said() -> None:
    waiting = succession()
    assert not waiting.waits
    assert waiting.until == math.inf
    assert waiting.begin(100.0)
    assert waiting.waits
    assert not waiting.is_over(159.0)
    assert waiting.is_over(160.0)


def test_without_seconds_nobody_is_waited_for() -> None:
    waiting = succession(0.0)
    assert not waiting.begin(100.0)
    assert not waiting.waits


@pytest.mark.parametrize("run_id", ["old", "older"])
def test_managers_of_earlier_runs_become_this_ones(run_id: str) -> None:
    assert succession().order_for(register(run_id)) == Adopted("new", "/logs", ["/code"])


def test_others_are_taken_or_refused_as_they_are() -> None:
    assert succession().order_for(register("new")) is None
    assert succession().order_for(register("strange")) is None
    assert succession().order_for(register("old", PROTOCOL_VERSION + 1)) is None
