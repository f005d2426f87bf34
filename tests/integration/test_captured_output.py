# ruff: noqa: T201 - what is printed is what is tested
"""What Python apps print, where their calls say; under threads and under worker processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from parsl_like import AUTO_LOGNAME, python_app
from parsl_like.app.errors import AppTimeout, BadStdStreamFile
from parsl_like.data_provider.files import File
from parsl_like.executors import ThreadPoolExecutor

pytestmark = pytest.mark.usefixtures("kernel")

WAIT = 60


@python_app
def prints(text: str) -> str:
    import sys

    sys.stdout.write(f"{text}\n")  # in one piece, since other threads print too
    print("error", text, file=sys.stderr)
    return text


@python_app
def declares(text: str, stdout: Any = None, stderr: Any = AUTO_LOGNAME) -> tuple[str, str]:
    print(text)
    return str(stdout), str(stderr)


@python_app
def raises() -> None:
    print("before")
    raise ValueError("it went wrong")


@python_app
def starts_children() -> None:
    import os
    import subprocess

    print("python")
    subprocess.run(["/bin/echo", "child"], check=True)
    os.system("echo grandchild >&2")


@python_app
def never_ends() -> None:
    import time

    print("begun")
    while True:
        time.sleep(0.01)


def on_threads(kernel: Any) -> bool:
    return any(isinstance(session.description, ThreadPoolExecutor) for session in _users(kernel))


def _users(kernel: Any) -> list[Any]:
    return [session for label, session in kernel.executors.items() if not label.startswith("_")]


def test_files_of_a_call(tmp_path: Path) -> None:
    out, err = tmp_path / "new" / "out", tmp_path / "err"
    future = prints("hello", stdout=str(out), stderr=(err, "w"))  # type: ignore[call-arg]
    assert future.result(WAIT) == "hello"
    assert (out.read_text(), err.read_text()) == ("hello\n", "error hello\n")
    assert (future.stdout, future.stderr) == (str(out), (err, "w"))


def test_a_file_is_appended_to_by_one_call_after_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("1", "2"):
        prints(text, stdout=out).result(WAIT)  # type: ignore[call-arg]
    assert out.read_text() == "1\n2\n"


def test_a_file_object_is_a_file(tmp_path: Path) -> None:
    prints("hello", stdout=File(str(tmp_path / "out"))).result(WAIT)  # type: ignore[call-arg]
    assert (tmp_path / "out").read_text() == "hello\n"


def test_files_named_after_the_task(kernel: Any) -> None:
    future = prints("hello", stdout=AUTO_LOGNAME, stderr=AUTO_LOGNAME)  # type: ignore[call-arg]
    future.result(WAIT)
    assert future.stdout == os.path.join(kernel.run_dir, "task_logs", "0000", f"task_{future.tid:04d}_prints.stdout")
    assert Path(future.stdout).read_text() == "hello\n"
    assert Path(future.stderr).read_text() == "error hello\n"


def test_a_function_that_declares_them_is_given_them_and_its_defaults_count(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    future = declares("hello", stdout=out)
    assert future.result(WAIT) == (out, future.stderr)
    assert (Path(out).read_text(), Path(future.stderr).read_text()) == ("hello\n", "")


def test_a_traceback_is_in_stderr(tmp_path: Path) -> None:
    future = raises(stdout=tmp_path / "out", stderr=tmp_path / "err")  # type: ignore[call-arg]
    assert isinstance(future.exception(WAIT), ValueError)
    assert (tmp_path / "out").read_text() == "before\n"
    text = (tmp_path / "err").read_text()
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: it went wrong\n")


def test_child_processes_on_worker_processes(kernel: Any, tmp_path: Path) -> None:
    starts_children(stdout=tmp_path / "out", stderr=tmp_path / "err").result(WAIT)  # type: ignore[call-arg]
    everything = not on_threads(kernel)
    assert (tmp_path / "out").read_text() == ("python\nchild\n" if everything else "python\n")
    assert (tmp_path / "err").read_text() == ("grandchild\n" if everything else "")


def test_with_a_walltime_too(tmp_path: Path) -> None:
    future = never_ends(stdout=tmp_path / "out", stderr=tmp_path / "err", walltime=0.5)  # type: ignore[call-arg]
    assert isinstance(future.exception(WAIT), AppTimeout)
    assert (tmp_path / "out").read_text() == "begun\n"
    assert "AppTimeout" in (tmp_path / "err").read_text()


@pytest.mark.parametrize("spec", ["/proc/nowhere/out", ("out", "r"), ("a", "b", "c"), 5], ids=str)
def test_a_file_that_cannot_be_written(spec: Any) -> None:
    future = prints("hello", stdout=spec)  # type: ignore[call-arg]
    assert isinstance(future.exception(WAIT), BadStdStreamFile)
    assert "stdout" in str(future.exception())


def test_tasks_that_do_not_ask_print_as_ever(kernel: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = [prints(f"asked {n}", stdout=tmp_path / f"out{n}", stderr=tmp_path / "err") for n in range(5)]  # type: ignore[call-arg]
    plain = [prints(f"plain {n}") for n in range(5)]
    for future in asked + plain:
        future.result(WAIT)
    assert [(tmp_path / f"out{n}").read_text() for n in range(5)] == [f"asked {n}\n" for n in range(5)]
    if on_threads(kernel):
        assert sorted(capfd.readouterr().out.split("\n")[:-1]) == [f"plain {n}" for n in range(5)]
    else:
        logs = Path(kernel.run_dir).glob("htex/block-*/*/worker_*.log")
        told = [line.rpartition("] ")[2] for log in logs for line in log.read_text().splitlines()]
        assert sorted(line for line in told if line.startswith(("plain", "asked"))) == [f"plain {n}" for n in range(5)]
