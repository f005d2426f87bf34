"""The program under test: loads a configuration, keeps a stream of tasks going, and reports on standard output.

Commands come as lines on standard input: ``hog local``, ``finish``. Started by the soak; by hand it is of no use.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import zmq

import parsl_like
from parsl_like import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import WrappedLauncher
from parsl_like.providers import LocalProvider
from tests.soak.stream import Stream

MOST_UNDER_WAY = 60
REPORT_S = 1.0
PAGE = os.sysconf("SC_PAGE_SIZE")


def configuration(options: dict[str, Any]) -> Config:
    """Two executors on this machine: one on unix sockets, one that is reached over a network."""
    common: dict[str, Any] = {
        "heartbeat_period": 1,
        "heartbeat_threshold": 5,
        "max_workers_per_node": 2,
        "cores_per_worker": 0.01,
        "interchange_launch_cmd": [*options["interchange_prefix"], sys.executable, "-m", INTERCHANGE],
    }
    init = options["worker_init"]
    local = HighThroughputExecutor(
        label="local", provider=LocalProvider(init_blocks=2, min_blocks=1, max_blocks=2, worker_init=init), **common
    )
    behind = LocalProvider(init_blocks=2, min_blocks=1, max_blocks=2, worker_init=init)
    if options["node_prefix"]:
        behind.launcher = WrappedLauncher(prepend=options["node_prefix"])
    remote = HighThroughputExecutor(
        label="remote", provider=behind, transport="tcp", address=options["address"], **common
    )
    return Config(executors=[local, remote], run_dir=options["run_dir"], retries=50, lost_retries=50)


INTERCHANGE = "parsl_like.executors.high_throughput.interchange"


class Driver:
    """The stream, its pace, and the commands.

    Args:
        options: What the soak wants.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._stream = Stream(options["seed"], options["marks"], MOST_UNDER_WAY)
        self._finish = threading.Event()
        self._stop = threading.Event()

    def run(self) -> None:
        """Load, run until told to finish, clean up."""
        send_without_copying()
        before = descriptors()
        kernel = parsl_like.load(configuration(self._options))
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._listen, self._feed, self._check, self._report)
        ]
        for thread in self._threads[1:]:
            thread.start()
        self._threads[0].start()
        say(what="running", pid=os.getpid(), run_dir=kernel.run_dir)
        self._finish.wait()
        self._threads[1].join()
        give_up = time.monotonic() + self._options["patience"]
        while self._stream.under_way and time.monotonic() < give_up:
            self._stop.wait(0.1)
        self._stop.set()
        for thread in self._threads[2:]:
            thread.join()
        say(what="finished", **self._facts(), status=kernel.status(), stories=self._stories(kernel))
        began = time.monotonic()
        kernel.cleanup()
        parsl_like.clear()
        summary = kernel.summary()
        gc.collect()
        say(
            what="closed",
            seconds=round(time.monotonic() - began, 2),
            late_runs=self._stream.late_runs(),
            states=dict(summary.states),
            retries=dict(summary.retries),
            losses=summary.losses,
            notes=list(summary.notes),
            left_open={fd: to for fd, to in descriptors().items() if fd not in before},
            threads=[t.name for t in threading.enumerate() if t.name.startswith("parsl-like")],
        )

    def _listen(self) -> None:
        for line in sys.stdin:
            command, _, rest = line.strip().partition(" ")
            if command == "hog":
                threading.Thread(target=self._stream.submit, args=("hog", rest), daemon=True).start()
            elif command == "finish":
                break
        self._finish.set()

    def _feed(self) -> None:
        pause = 1.0 / self._options["rate"]
        while not self._finish.is_set():
            self._stream.submit()
            self._finish.wait(pause)

    def _check(self) -> None:
        while self._stream.check(0.2) or not self._stop.is_set():
            pass

    def _report(self) -> None:
        while not self._stop.wait(REPORT_S):
            say(what="report", **self._facts())

    def _facts(self) -> dict[str, Any]:
        account = self._stream.account
        return {
            "submitted": account.submitted,
            "settled": account.settled,
            "right": account.right,
            "tasks": account.tasks,
            "runs": account.runs,
            "twice": account.twice,
            "wrong": list(account.wrong),
            "hogs": account.hogs,
            "oldest": self._stream.oldest(),
            "rss": resident(),
        }

    def _stories(self, kernel: Any) -> dict[str, list[str]]:
        """What happened to the tasks that have not ended, for whoever has to find out why."""
        return {str(task): kernel.machine.story(task) for task in list(kernel.machine.rows)[:20]}


def send_without_copying() -> None:
    """Send something large through ZeroMQ: its Python binding keeps a few descriptors from then on."""
    with zmq.Context() as context, context.socket(zmq.PAIR) as here, context.socket(zmq.PAIR) as there:
        here.bind("inproc://large")
        there.connect("inproc://large")
        there.send(bytes(1 << 20), copy=False)
        here.recv()


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def descriptors() -> dict[str, str]:
    """This process's open descriptors and what they lead to."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
    return found


_out = threading.Lock()


def say(**facts: Any) -> None:
    """Write one line for the soak."""
    with _out:
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Driver(json.loads(sys.argv[1])).run()
