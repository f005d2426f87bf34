"""The simulated cluster as tests see it: started, broken, looked at, and ended with the proof that nothing is left."""

from __future__ import annotations

import json
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.cluster.runner import JOB_MARK, kill, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(__file__).resolve().parents[1] / "bin"
CLUSTER_MARK = "PARSL_LIKE_FAKE_CLUSTER"
"""Names the cluster's folder to its commands, and marks all processes that know of it."""
START_S, END_S = 30.0, 10.0


@dataclass(frozen=True)
class SeenJob:
    """A job as the cluster has it, whatever its commands say.

    Attributes:
        number: Its number.
        phase: ``held``, ``pending``, ``running``, ``ending``, ``broken`` or ``done``.
        fate: Why it ended: ``exit``, ``cancelled``, ``timeout``, ``node lost``, ``not started``; else ``none``.
        nodes: Where it runs or ran.
        exit_code: Of its script.
        starts: How often it was started.
        stragglers: How many of its processes had to be killed after its script had ended.
        facts: Everything else.
    """

    number: int
    phase: str
    fate: str
    nodes: tuple[str, ...]
    exit_code: int | None
    starts: int
    stragglers: int
    facts: Mapping[str, Any]

    @property
    def over(self) -> bool:
        return self.phase == "done"


class SimulatedCluster:
    """A running simulated cluster. Its commands work for every process with its ``environment``.

    Args:
        folder: A folder of its own, with a short path.
        flavour: One of ``fixtures.FLAVOURS``.
        **settings: See ``model.Settings``.
    """

    def __init__(self, folder: Path, flavour: str, **settings: Any) -> None:
        self.folder = folder
        self.flavour = flavour
        self.environment = {
            CLUSTER_MARK: str(folder),
            "PARSL_LIKE_FAKE_PYTHON": sys.executable,
            "PATH": f"{BIN / flavour}:{os.environ['PATH']}",
        }
        self._faults: list[dict[str, Any]] = []
        self._named = 0
        configuration = {"flavour": flavour, **settings}
        (folder / "cluster.json").write_text(json.dumps(configuration), encoding="utf-8")
        self._server = subprocess.Popen(
            [sys.executable, "-S", "-m", "tests.fakes.cluster", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **self.environment, "PYTHONPATH": str(ROOT)},
        )
        assert self._server.stdout is not None
        ready, _, _ = select.select([self._server.stdout], [], [], START_S)
        if not ready or self._server.stdout.readline() != b"ready\n":
            self._server.kill()
            raise RuntimeError("the simulated cluster did not start")

    # --- what it is told

    def fault(self, command: str, kind: str, *, seconds: float = 0.0, **fields: Any) -> str:
        """Have a command misbehave from now on; see ``faults.KINDS``. Gives the fault's name.

        Args:
            command: Which; ``*`` for all.
            kind: How.
            seconds: How late a slow answer is; for all others, when it passes, 0 for never.
            **fields: More of ``faults.Fault``: ``times``, ``code``, ``stderr``, ``jobs``, ``argument``.
        """
        self._named += 1
        fault = {"id": str(self._named), "command": command, "kind": kind, **fields}
        if kind == "slow":
            fault["seconds"] = seconds
        elif seconds:
            fault["until"] = time.time() + seconds
        self._faults.append(fault)
        self._write_faults()
        return fault["id"]

    def mend(self, name: str | None = None) -> None:
        """End a fault, or all."""
        self._faults = [fault for fault in self._faults if name is not None and fault["id"] != name]
        self._write_faults()

    def restart(self, seconds: float) -> None:
        """All commands fail, in the words of their batch system, for so long; jobs go on."""
        self.fault("*", "away", seconds=seconds)

    def cancel(self, job: int) -> None:
        """Somebody else cancels a job."""
        self._ask("cancel", job=job)

    def kill(self, job: int) -> None:
        """Somebody else kills a job."""
        self._ask("kill", job=job)

    def hold(self, job: int) -> None:
        self._ask("hold", job=job)

    def release(self, job: int) -> None:
        self._ask("release", job=job)

    def requeue(self, job: int) -> None:
        """Put a job that runs back into the queue, under the same id."""
        self._ask("requeue", job=job)

    def lose_node(self, name: str, *, orphans: bool = False) -> None:
        """A node is gone with all that ran there; or only its daemon, with ``orphans``."""
        self._ask("lose_node", node=name, orphans=orphans)

    def restore_node(self, name: str) -> None:
        self._ask("restore_node", node=name)

    def set_queue(self, name: str, *, up: bool = True, longest: float = float("inf")) -> None:
        self._ask("queue", name=name, up=up, longest=longest)

    def use_number(self, number: int) -> None:
        """The next job gets this number, whoever had it before."""
        self._ask("next_number", number=number)

    # --- what it knows

    def jobs(self) -> list[SeenJob]:
        """All jobs there ever were, those that are over first."""
        named = ("number", "phase", "fate", "nodes", "exit_code", "starts", "stragglers")
        return [
            SeenJob(*(facts[name] for name in named), facts={k: v for k, v in facts.items() if k not in named})
            for facts in self._ask("jobs")
        ]

    def job(self, number: int) -> SeenJob:
        (found,) = [job for job in self.jobs() if job.number == number]
        return found

    def live(self) -> list[SeenJob]:
        """Jobs that are not over."""
        return [job for job in self.jobs() if not job.over]

    def log(self) -> list[dict[str, Any]]:
        """Everything that was asked and that happened, in order."""
        path = self.folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def calls(self, *commands: str) -> list[dict[str, Any]]:
        """How often commands were called, with what, and what came of it."""
        return [line for line in self.log() if line.get("command") in commands]

    def submissions(self) -> list[int]:
        """Numbers of all jobs that were ever accepted."""
        return [line["job"] for line in self.log() if line.get("job") is not None]

    def wait(self, condition: Callable[[], object], seconds: float, what: str = "it") -> None:
        """Ask again and again; fails, with what the cluster knows, when the time is over."""
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not condition():
            if time.monotonic() >= deadline:
                raise AssertionError(f"{what} did not happen within {seconds:g} s\n{self.describe()}")
            pause.wait(0.02)

    def describe(self) -> str:
        """All jobs, and the last lines of the log."""
        return "\n".join(map(str, [*self.jobs(), *self.log()[-10:]]))

    def wait_until_empty(self, seconds: float) -> None:
        """Until no job is left."""
        self.wait(lambda: not self.live(), seconds, "the end of all jobs")

    # --- its end

    def left(self) -> list[str]:
        """Command lines of processes that belong to the cluster, but for its server."""
        pids = {*marked(CLUSTER_MARK, str(self.folder)), *marked(JOB_MARK, f"{self.folder}#", prefix=True)}
        return [f"{pid}: {_command_line(pid)}" for pid in sorted(pids - {self._server.pid})]

    def close(self) -> list[str]:
        """End all jobs and the server; gives processes that are left, after they were killed."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        try:
            self._server.wait(END_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server.stdout.close()
        deadline, pause = time.monotonic() + END_S, threading.Event()
        while (left := self.left()) and time.monotonic() < deadline:
            pause.wait(0.02)
        kill([int(line.partition(":")[0]) for line in left], signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        return left

    # --- inside

    def _write_faults(self) -> None:
        partial = self.folder / "faults.json.part"
        partial.write_text(json.dumps(self._faults), encoding="utf-8")
        partial.replace(self.folder / "faults.json")

    def _ask(self, control: str, **arguments: Any) -> Any:
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(START_S)
            server.connect(str(self.folder / "socket"))
            server.sendall(marshal.dumps({"control": control, "arguments": arguments}))
            server.shutdown(socket.SHUT_WR)
            answer = b""
            while part := server.recv(1 << 16):
                answer += part
        return marshal.loads(answer)["answer"]


def _command_line(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "(ended)"


def run(cluster: SimulatedCluster, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Call a command of a cluster, as a user on its login node does."""
    arguments: Sequence[str] = words
    return subprocess.run(
        list(arguments),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=START_S,
        check=False,
        cwd=folder,
        env={**os.environ, **cluster.environment},
    )
