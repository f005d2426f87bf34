"""What tests do on a laptop that nothing can connect to."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import processes

if TYPE_CHECKING:
    from tests.site.slurm import Slurm
    from tests.site.system import System

KINDS = ["ssh", "openssh"]
"""The implementations of SSH: paramiko's, the system's."""
WAIT_S = 300.0
NOTHING_LEFT_S = 30.0
"""Within what both sides have nothing to run any more, when a program on the laptop has ended."""


class Program:
    """A program that runs on the laptop; iterating over it gives what it says, until its end, which must be a good one.

    Args:
        command: Starts it.
        errors: A file for what it writes otherwise.
    """

    def __init__(self, command: list[str], errors: Path) -> None:
        self._errors = errors
        with errors.open("w") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._said = 0

    def __iter__(self) -> Program:
        return self

    def __next__(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            self._said += 1
            said: dict[str, Any] = json.loads(line)
            return said
        code = self._process.wait(WAIT_S)
        assert code == 0 and self._said, self._errors.read_text()[-3000:]  # noqa: PT018
        raise StopIteration

    def end(self) -> None:
        """End it if it still runs."""
        with self._process:
            if self._process.poll() is None:
                self._process.kill()


class Laptop:
    """The laptop, and what programs on it are given.

    Args:
        system: What has brought it up.
        slurm: The Slurm at the other end.
        folder: A folder of the test's, that both see.
    """

    def __init__(self, system: System, slurm: Slurm, folder: Path) -> None:
        self.system = system
        self.facts = system.environment()
        self.folder = folder
        self._slurm = slurm.system.environment()
        self._programs: list[Program] = []

    def plan(self, kind: str, work: str, **options: Any) -> dict[str, Any]:
        """What a program is to do; options of its channel, of its work and of :func:`slurm_config` by their names."""
        facts = self.facts
        channel = {
            "hostname": facts["LAPTOP_LOGIN"],
            "username": "root",
            "key_filename": options.pop("key_filename", facts["LAPTOP_KEY"]),
            "host_keys_filename": options.pop("host_keys_filename", facts["LAPTOP_KNOWN"]),
            "config_filename": os.devnull,  # this machine's is nobody's business
            "script_dir": str(self.folder / "cluster"),
            "envs": {**self._slurm, "PYTHONPATH": os.environ["PYTHONPATH"], processes.MARK: os.environ[processes.MARK]},
            "python": sys.executable,
            "tunnel": True,
        }
        work_options = {name: options.pop(name) for name in ("root", "out", "seconds", "tasks") if name in options}
        run_dir = f"{facts['LAPTOP_HOME']}/runinfo-{self.folder.name}-{kind}"
        config = {"worker_init": "export PYTHONWARNINGS=ignore", "heartbeat_period": 2, **options}
        return {"kind": kind, "work": work, "channel": channel, "run_dir": run_dir, "config": config, **work_options}

    def begin(self, plan: dict[str, Any]) -> Program:
        """Run a program on the laptop, beside others."""
        if plan["kind"] == "ssh" and not os.environ.get("CI"):
            pytest.importorskip("paramiko")
        command = [*shlex.split(self.facts["LAPTOP_ENTER"]), sys.executable, "-m", "tests.site.laptop_driver"]
        self._programs.append(Program([*command, json.dumps(plan)], self.folder / f"errors-{len(self._programs)}"))
        return self._programs[-1]

    def run(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Run a program on the laptop; gives the last it says."""
        *_, last = self.begin(plan)
        return last

    def end(self) -> None:
        """End programs that still run."""
        for program in self._programs:
            program.end()

    def sessions(self) -> list[str]:
        """What serves its connections on the login node."""
        return self.system("sessions").split()

    def nothing_is_left(self) -> None:
        """Wait until programs that have ended have left no process on either side, be it a job's or a login's."""
        deadline, pause = time.monotonic() + NOTHING_LEFT_S, threading.Event()
        while left := self._left() - {"(gone)"}:
            assert time.monotonic() < deadline, f"still there: {left}"
            pause.wait(0.1)

    def _left(self) -> set[str]:
        found = [*self.system("inhabitants").split(), *self.system("left").split()]
        return {command_of(process) for process in found}

    def has(self, path: str) -> bool:
        """Whether the laptop has a file."""
        return bool(self.system("run", "sh", "-c", f"[ -e {shlex.quote(path)} ] && echo yes || :").strip())


def command_of(process: str) -> str:
    """What a process runs."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(gone)"
