"""Whether the driver still lives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from parsl_like.executors.high_throughput.exchange.liveness import (
    PATIENCE,
    DriverWatch,
    process_started,
    wake_up_by_signals,
)

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 2**22 + 1
"""No process has this number: the kernel's largest is one less."""


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def watch(pid: int, started: float, pipe: int = -1) -> DriverWatch:
    return DriverWatch(pid, started, 30.0, pipe)


def test_the_start_of_a_process_is_its_own(other: subprocess.Popen[bytes]) -> None:
    mine, theirs = process_started(os.getpid()), process_started(other.pid)
    assert mine is not None
    assert theirs is not None
    assert mine == process_started(os.getpid())
    assert process_started(NOBODY) is None


def test_a_process_that_ended_is_gone_even_before_it_is_buried(other: subprocess.Popen[bytes]) -> None:
    driver = watch(other.pid, process_started(other.pid) or 0.0)
    assert driver.gone(1e9) is None
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    reason = driver.gone(0.0)
    assert reason is not None
    assert str(other.pid) in reason


def test_a_later_process_of_the_same_number_is_not_the_driver() -> None:
    started = process_started(os.getpid())
    assert started is not None
    driver = watch(os.getpid(), started)
    driver._started -= 1
    assert driver.gone(0.0) is not None


@pytest.mark.parametrize("started", [0.0, 12345.0])
def test_silence_counts_only_where_the_process_cannot_be_seen(started: float) -> None:
    driver = watch(NOBODY, started)
    assert driver.gone(1e9) is None, "never heard of, so there is nothing to miss"
    driver.heard(50.0, beat=False)
    assert driver.gone(1e9) is None, "it never promised to say anything again"
    driver.heard(60.0, beat=True)
    driver.heard(100.0, beat=False)
    assert driver.gone(100.0 + 30.0 + PATIENCE) is None
    assert driver.gone(100.1 + 30.0 + PATIENCE) == "nothing was heard of the driver for 35 s"
    here = watch(os.getpid(), process_started(os.getpid()) or 0.0)
    here.heard(100.0, beat=True)
    assert here.gone(1e9) is None


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_the_end_of_the_pipe_is_the_end_of_the_driver(kind: str) -> None:
    with ExitStack() as stack:
        if kind == "pipe":
            ours, theirs = os.pipe()
        else:
            ours, theirs = (end.detach() for end in socket.socketpair())
        stack.callback(os.close, ours)
        driver = watch(NOBODY, 0.0, ours)
        assert driver.pipe == ours
        os.write(theirs, b"words")
        assert driver.pipe_ended() is None
        os.set_blocking(ours, False)
        assert driver.pipe_ended() is None
        os.close(theirs)
        assert driver.pipe_ended() == "the driver closed its end of the pipe"


def test_what_is_no_pipe_is_not_watched(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, open(os.devnull) as nothing:
        for descriptor in (file.fileno(), nothing.fileno(), -1):
            assert watch(NOBODY, 0.0, descriptor).pipe is None
    assert watch(NOBODY, 0.0).pipe_ended() is None


SIGNALS = """
import os, select, signal, sys
from contextlib import ExitStack
from parsl_like.executors.high_throughput.exchange.liveness import wake_up_by_signals
with ExitStack() as stack:
    pipe = wake_up_by_signals(stack)
    for number in (signal.SIGINT, signal.{name}):
        os.kill(os.getpid(), number)
    select.select([pipe], [], [])
    print(list(os.read(pipe, 10)))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_wake_up_and_ctrl_c_does_not(name: str) -> None:
    command = [sys.executable, "-c", SIGNALS.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (f"[{int(getattr(signal, name))}]", "")


def test_the_pipe_of_signals_is_closed_in_the_end() -> None:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with ExitStack() as stack:
            pipe = wake_up_by_signals(stack)
            os.kill(os.getpid(), signal.SIGTERM)
            assert os.read(pipe, 10) == bytes([signal.SIGTERM])
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(pipe)
    finally:
        for number, action in kept.items():
            signal.signal(number, action)


@pytest.mark.skipif(sys.platform != "linux", reason="F_SETSIG is Linux's")
def test_the_end_of_the_pipe_continues_a_process_that_was_stopped() -> None:
    program = (
        "import sys\n"
        "from parsl_like.executors.high_throughput.exchange.liveness import DriverWatch\n"
        "watch = DriverWatch(1, 0.0, 30.0)\n"
        "print('ready', flush=True)\n"
        "print(watch.pipe_ended())\n"
    )
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        process.stdin.close()
        assert process.stdout.read() == "the driver closed its end of the pipe\n"
