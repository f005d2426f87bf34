"""Ports that somebody else takes."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from parsl_like import python_app
from tests.faults import processes

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def add(x: int, y: int) -> int:
    return x + y


@pytest.mark.fault(
    "interchange", "killed, and another program takes its port", "it listens on another one; no task is lost", bound=10
)
def test_a_port_that_is_taken_before_the_restart(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    request = run.executors["htex"].block_request("9")  # type: ignore[attr-defined]
    (url, *_) = [url for url in request.addresses if url.startswith("tcp:")]
    port = urlsplit(url).port
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def taken() -> bool:
            try:
                thief.bind(("0.0.0.0", port))
            except OSError:
                return False
            thief.listen()
            return True

        os.kill(processes.one("interchange"), signal.SIGKILL)
        with stopwatch:
            processes.until(taken, WAIT, "the port")
            assert [add(number, 1).result(WAIT) for number in range(20)] == list(range(1, 21))
    later = run.executors["htex"].block_request("10")  # type: ignore[attr-defined]
    assert url not in later.addresses
    assert any(each.startswith("tcp:") for each in later.addresses)
