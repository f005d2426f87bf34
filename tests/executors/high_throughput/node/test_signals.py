"""Signals wake up whoever polls."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import ExitStack

from parsl_like.executors.high_throughput.node.signals import ENDING, Signals


def test_requests_to_end_are_named_and_do_not_end() -> None:
    with ExitStack() as stack:
        signals = Signals(stack)
        signals.take()
        assert (signals.ending, signals.children) == ("", False)
        for number in ENDING:
            os.kill(os.getpid(), number)
            assert select.select([signals], [], [], 60)[0]
            signals.take()
            assert signals.ending == signal.Signals(number).name
        assert not signals.children


def test_the_end_of_a_child_is_noticed() -> None:
    with ExitStack() as stack:
        signals = Signals(stack)
        process = subprocess.Popen([sys.executable, "-S", "-c", ""])
        assert select.select([signals], [], [], 60)[0]
        signals.take()
        assert (signals.ending, signals.children) == ("", True)
        assert process.wait(timeout=60) == 0


def test_everything_is_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGCHLD, *ENDING)]
    with ExitStack() as stack:
        Signals(stack)
    assert [signal.getsignal(number) for number in (signal.SIGCHLD, *ENDING)] == before
    assert signal.set_wakeup_fd(-1) == -1
