"""Two long-lived processes that run the same workflows: one with today's Parsl, one with this package."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).resolve().parent / "programs"
BESIDE = ROOT / "build" / "parsl" / "bin" / "python"
"""Where `.ci/parsl-oracle` puts an interpreter that has Parsl."""

START_S, ANSWER_S = 90.0, 60.0


def parsl_python() -> str | None:
    """An interpreter that has Parsl: the variable PARSL_PYTHON names it, or it is in the checkout; None without."""
    named = os.environ.get("PARSL_PYTHON")
    return named or (str(BESIDE) if BESIDE.exists() else None)


@dataclass
class Told:
    """A task's app, and the states that it went through."""

    app: str = ""
    states: list[str] = field(default_factory=list)


@dataclass
class Peer:
    """One of them.

    Attributes:
        name: "parsl" or "parsl_like".
        process: Its process.
        folder: Where its programs, its runs and the workflows' files are.
        run_dir: The directory of its run.
        history: What its log or its records have told of each task.
        read: How many bytes of them have been read.
    """

    name: str
    process: subprocess.Popen[str]
    folder: Path
    run_dir: Path = Path()
    history: dict[int, Told] = field(default_factory=dict)
    read: int = 0

    @classmethod
    def start(cls, name: str, interpreter: str) -> Peer:
        """Start one; :meth:`ready` waits until it can be asked.

        Args:
            name: The package that its programs import.
            interpreter: What runs them.
        """
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        for source in PROGRAMS.glob("*.py"):
            text = source.read_text(encoding="utf-8")
            text = text if name == "parsl" else re.sub(r"\bparsl\b", name, text)
            # What is compared is told in Parsl's names by both.
            (folder / source.name).write_text(source.read_text() if source.stem == "telling" else text, "utf-8")
        path = [str(folder)] if name == "parsl" else [str(folder), str(ROOT)]
        binaries = f"{Path(interpreter).parent}{os.pathsep}{os.environ['PATH']}"
        with (folder / "errors.txt").open("w") as errors:
            process = subprocess.Popen(
                [interpreter, "server.py", str(folder / "runs")],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "PATH": binaries},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        return cls(name, process, folder)

    def ready(self) -> None:
        """Wait for its first word."""
        self.run_dir = Path(self._answer(START_S)["run_dir"])

    def ask(self, steps: list[dict[str, Any]], executor: str) -> dict[str, Any]:
        """Have a workflow run.

        Args:
            steps: As :mod:`tests.differential.drawing` makes them.
            executor: "threads" or "htex".

        Returns:
            What came of each step, and of the files.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix="w"))
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"steps": steps, "executor": executor, "folder": str(folder)}) + "\n")
        self.process.stdin.flush()
        answer = self._answer(ANSWER_S)
        answer["states"] = self._states(answer["tasks"], answer["steps"])
        text = json.dumps(answer).replace(str(folder), "<folder>").replace(str(self.run_dir), "<run>")
        shutil.rmtree(folder)
        told: dict[str, Any] = json.loads(text)
        return told

    def close(self) -> None:
        """End it, and what it made."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answer(self, seconds: float) -> dict[str, Any]:
        stdout = self.process.stdout
        assert stdout is not None
        if not select.select([stdout], [], [], seconds)[0]:
            raise AssertionError(f"{self.name} has not answered after {seconds:g} s\n{self._errors()}")
        line = stdout.readline()
        if not line:
            raise AssertionError(f"{self.name} has ended\n{self._errors()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _errors(self) -> str:
        return (self.folder / "errors.txt").read_text(encoding="utf-8", errors="replace")[-5000:]

    def _states(self, tasks: list[int], steps: list[int | None]) -> dict[str, Any]:
        """The states that each task went through: of each step, and of the tasks that join apps started."""
        wanted = range(*tasks)
        deadline = time.monotonic() + 10
        while not all(tid in self.history and FINAL & set(self.history[tid].states) for tid in wanted):
            missing = {tid: self.history.get(tid) for tid in wanted}
            assert time.monotonic() < deadline, f"{self.name} tells of {missing}"
            self._read_on()
        own = [None if tid is None else self.history[tid].states for tid in steps]
        inner = sorted([self.history[tid].app, self.history[tid].states] for tid in wanted if tid not in steps)
        return {"steps": own, "inner": inner}

    def _read_on(self) -> None:
        """What has come to its records, or to Parsl's log, since the last time; at least a moment is waited for it."""
        told = self.run_dir / ("parsl.log" if self.name == "parsl" else "records.jsonl")
        with told.open(encoding="utf-8") as file:
            file.seek(self.read)
            new = file.read()
        whole = new[: new.rfind("\n") + 1]
        self.read += len(whole.encode())
        for line in whole.splitlines():
            (from_log if self.name == "parsl" else from_record)(line, self.history)
        if not whole:
            time.sleep(0.01)


FINAL = {"exec_done", "failed", "dep_fail"}

SUBMITTED = re.compile(r" INFO: Task (\d+) submitted for App ([^,]+),")
BEGUN = re.compile(r" INFO: Task (\d+) initializing state to (\w+)")
CHANGED = re.compile(r" INFO: Task (\d+) changing state from \w+ to (\w+)")


def from_log(line: str, history: dict[int, Told]) -> None:
    """What a line of Parsl's log tells."""
    if found := SUBMITTED.search(line):
        history.setdefault(int(found[1]), Told()).app = found[2]
    elif found := BEGUN.search(line) or CHANGED.search(line):
        history.setdefault(int(found[1]), Told()).states.append(found[2])


def from_record(line: str, history: dict[int, Told]) -> None:
    """What one of this package's records tells."""
    told = json.loads(line)
    if isinstance(told, list):
        kind, _, subject, fields = told
        if kind == "task":
            history[subject] = Told(fields["app"], ["pending"])
        elif kind == "state":
            history[subject].states.append(fields["state"])


if __name__ == "__main__":  # one workflow by hand: a file with its steps
    python = parsl_python()
    peers = [Peer.start("parsl_like", sys.executable)] + ([Peer.start("parsl", python)] if python else [])
    for peer in peers:
        peer.ready()
        for place in ("threads", "htex"):
            print(peer.name, place, json.dumps(peer.ask(json.loads(Path(sys.argv[1]).read_text()), place), indent=1))  # noqa: T201
        peer.close()
