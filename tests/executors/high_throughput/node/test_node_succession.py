"""What a manager is told when another run takes it over."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import pytest

from parsl_like.executors.high_throughput.node import succession
from parsl_like.executors.high_throughput.node.succession import TakenOver, begin_anew, successor
from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions
from parsl_like.executors.high_throughput.protocol import Adopted

OPTIONS = ManagerOptions(
    run_id="old",
    label="htex",
    logdir="/runs/000/htex/block-3",
    addresses=(Endpoint("ipc:///d", "ipc:///c"),),
    block_id="3",
    key_file="/runs/000/htex/certificates/manager.key",
    python_path=("/old",),
    drain_period=100.0,
    reattach=60.0,
)
ORDER = Adopted("0123456789", "/runs/001/htex", ["/new"])


def test_only_what_belongs_to_the_run_changes() -> None:
    told = successor(OPTIONS, ORDER)
    assert told == dataclasses.replace(
        OPTIONS, run_id="0123456789", logdir="/runs/001/htex/block-3", python_path=("/new",)
    )


def test_a_name_that_was_given_is_not_used_again() -> None:
    assert successor(dataclasses.replace(OPTIONS, uid="mine"), ORDER).uid == "mine-01234567"


@pytest.mark.parametrize(("elapsed", "left"), [(40.0, 60.0), (400.0, succession.LEAST_S)])
def test_time_that_has_passed_counts(monkeypatch: pytest.MonkeyPatch, elapsed: float, left: float) -> None:
    started: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *words: started.append(words))
    begin_anew(TakenOver(OPTIONS, ORDER).options, elapsed)
    ((program, (first, *words)),) = started
    assert program == first == sys.executable
    assert words[:2] == ["-m", succession.MODULE]
    assert ManagerOptions.from_argv(words[2:]) == dataclasses.replace(successor(OPTIONS, ORDER), drain_period=left)


def test_logs_stay_on_a_machine_where_the_new_runs_directory_is_not() -> None:
    away = dataclasses.replace(OPTIONS, logdir="/far/logs/htex/block-3", logs_stay=True)
    assert successor(away, ORDER).logdir == "/far/logs/htex/block-3"
    assert successor(away, ORDER).logs_stay
