"""One measurement of one engine: a fresh process in a directory of its own, of which nothing is left behind."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import engines
import processes

STARTED = "PARSL_LIKE_BENCHMARK_STARTED"
"""Environment variable with the time at which the process was started."""


class Failed(Exception):
    """A measurement gave no values; the text says why."""


def measure_apart(file: str, python: str, engine: str, case: str, quick: bool, seconds: float) -> Mapping[str, float]:
    """Values that a benchmark's script measures of an engine when it is run with an interpreter.

    Raises:
        Failed: it ended without, or took longer than ``seconds``.
    """
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    values, log = directory / "values.json", directory / "log.txt"
    command = [python, os.path.abspath(file), "--measure", engine, "--case", case, "--values", str(values)]
    try:
        code = _run([*command, "--quick"] if quick else command, directory, log, seconds)
        if values.exists():
            return dict(json.loads(values.read_text()))
        text = log.read_text(errors="replace").strip()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(text, file=sys.stderr)
    if code is None:
        raise Failed(f"no values within {seconds:.0f} s")
    raise Failed(text.splitlines()[-1] if text else f"exit code {code}")


def _run(command: list[str], directory: Path, log: Path, seconds: float) -> int | None:
    """The exit code of a command, None if it did not end in time; nothing that it started is left."""
    tag = uuid.uuid4().hex
    path = f"{os.path.dirname(command[0])}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, processes.TAG: tag, "TMPDIR": str(directory), STARTED: repr(time.time())}
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGABRT)  # has faulthandler say where its threads are
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            return None
        finally:
            _end(child, tag)


def _end(child: subprocess.Popen[bytes], tag: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    processes.end_others(tag)


def measure_here(measure: Callable[[str, str, bool], Mapping[str, float]], arguments: Mapping[str, str | bool]) -> None:
    """Measure in this process, write the values, end what was started, and end without any cleaning up."""
    code = 1
    faulthandler.enable()
    try:
        values = measure(str(arguments["engine"]), str(arguments["case"]), bool(arguments["quick"]))
        whole = Path(f"{arguments['values']}.part")
        whole.write_text(json.dumps(dict(values)))
        whole.rename(str(arguments["values"]))
        for engine in engines.RUNNING:
            engine.close()
        code = 0
    except BaseException:  # noqa: BLE001 - the root: threads of an engine must not keep a failed process alive
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        processes.end_others()
        os._exit(code)  # not through what engines do at exit, which may take long
