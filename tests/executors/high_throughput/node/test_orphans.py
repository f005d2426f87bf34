"""What a process has started is found below the one that adopts it, and ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PREPARE = """
import os, signal, subprocess, sys, time
from parsl_like.executors.high_throughput.node import orphans

orphans.adopt()
SLEEP = [sys.executable, "-c", "print(flush=True); import time; time.sleep(10000)"]


def worker(count, code):
    name, value = orphans.mark(os.getpid(), count)
    start = "import os, subprocess, sys; "
    process = subprocess.Popen(
        [sys.executable, "-c", start + code, *SLEEP],
        env={**os.environ, name: value},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    return process, (name, value)


def started(process, count):
    for _ in range(count):
        process.stdout.readline()


def left(*workers):
    found = orphans.left_by({process.pid: mark for process, mark in workers})
    return [len(found[process.pid]) for process, _ in workers]
"""


def run(code: str) -> str:
    """In a process of its own, which may adopt."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def test_each_worker_has_its_own() -> None:
    code = """
first = worker(1, "[subprocess.Popen(sys.argv[1:], start_new_session=n) for n in (0, 1)]; input()")
second = worker(2, "subprocess.Popen(sys.argv[1:])")
bare = worker(3, "subprocess.Popen(sys.argv[1:], env={}, start_new_session=True); subprocess.os.wait()")
started(first[0], 2), started(second[0], 1), started(bare[0], 1)
os.waitid(os.P_PID, second[0].pid, os.WEXITED | os.WNOWAIT)
print(left(first, second, bare))
orphans.end_all()
print(left(first, second, bare))
"""
    # The first worker's input ends at once, so it dies as the second one does: their children have to be adopted.
    assert run(code) == "[2, 1, 1]\n[0, 0, 0]\n"


def test_ends_of_the_adopted_are_taken_note_of_but_not_those_of_ones_own() -> None:
    code = """
first = worker(1, "subprocess.Popen(['sleep', '0.1'], start_new_session=True)")
os.waitid(os.P_PID, first[0].pid, os.WEXITED | os.WNOWAIT)
orphans.reap({first[0].pid})
print(first[0].wait())
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    orphans.reap(())
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        print("nobody is left")
        break
"""
    assert run(code) == "0\nnobody is left\n"
