"""``parsl-like resume``: the script of an earlier run once more, with its checkpoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from parsl_like.cli import main
from parsl_like.cli.resume import command_of

SCRIPT = """
import os, sys
from parsl_like import Config, python_app
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.executors import ThreadPoolExecutor

crash = os.environ.get("CRASH") == "yes"
config = Config(
    executors=[ThreadPoolExecutor()], checkpoint_mode="task_exit", checkpoint_sync=True, initialize_logging=False
)
kernel = DataFlowKernel(config)


def count(x):
    with open("counted", "a") as counted:
        counted.write(f"{x}\\n")
    return len(x)


app = python_app(count, data_flow_kernel=kernel, cache=True)
total = 0
for number, word in enumerate(sys.argv[1:]):
    total += app(word).result()
    if crash and number == 2:
        os.kill(os.getpid(), 9)
print("total", total)
kernel.cleanup()
sys.exit(7)
"""
WORDS = ["one", "two words", "three", "four", "five"]
SECONDS = 60


def ran(*words: str, crash: bool = False, place: str = ".") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CRASH": "yes" if crash else "no"}
    with open(os.devnull) as nothing:
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            check=False,
            text=True,
            env=environment,
            timeout=SECONDS,
            stdin=nothing,
            cwd=place,
        )


def resume(*words: str, place: str = ".") -> subprocess.CompletedProcess[str]:
    return ran("-m", "parsl_like", "resume", *words, place=place)


@pytest.fixture
def crashed() -> list[str]:
    """A script whose process was killed after three of its five tasks; what it has counted so far."""
    Path("script.py").write_text(SCRIPT)
    done = ran("script.py", *WORDS, crash=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    counted = Path("counted").read_text().splitlines()
    assert counted == WORDS[:3]
    return counted


@pytest.mark.usefixtures("crashed")
@pytest.mark.parametrize("words", [[], ["last"], ["000"], ["0"], ["runinfo/000"]])
def test_only_what_is_missing_runs(words: list[str]) -> None:
    done = resume(*words)
    assert done.stdout == "total 25\n", done.stderr
    assert Path("counted").read_text().splitlines() == WORDS
    assert done.returncode == 7, "the script's own"
    assert "did not come to its end; 1 checkpoint(s) to begin with." in done.stderr
    facts = json.loads(Path("runinfo/001/run.json").read_text())
    assert facts["resumed"] == os.path.abspath("runinfo/000")
    assert facts["checkpoints"] == [os.path.abspath("runinfo/000/checkpoint")]


@pytest.mark.usefixtures("crashed")
def test_it_starts_where_the_script_was_started() -> None:
    os.mkdir("elsewhere")
    done = resume("--run-dir", "../runinfo", place="elsewhere")
    assert done.stdout == "total 25\n", done.stderr
    assert not Path("elsewhere/runinfo").exists()


@pytest.mark.usefixtures("crashed")
def test_a_run_that_was_gone_on_with_may_be_gone_on_with() -> None:
    assert ran("-m", "parsl_like", "resume", crash=True).returncode == -signal.SIGKILL
    done = resume()
    assert done.stdout == "total 25\n"
    assert "run 001" in done.stderr
    assert "2 checkpoint(s) to begin with" in done.stderr
    assert Path("counted").read_text().splitlines() == WORDS


@pytest.mark.usefixtures("crashed")
def test_it_may_only_say_what_it_would_do() -> None:
    done = resume("--dry-run")
    assert done.returncode == 0
    assert "script.py one 'two words' three four five" in done.stderr
    assert not Path("runinfo/001").exists()


def recorded(**facts: Any) -> None:
    """A run of which no more is left than what it says of itself."""
    run = Path("runinfo/000")
    run.mkdir(parents=True, mode=0o700)
    said = {"argv": ["a.py"], "command": ["python", "a.py"], "working_directory": os.getcwd(), **facts}
    (run / "run.json").write_text(json.dumps(said))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["resume", *words]) != 0
    return capsys.readouterr().err


def test_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no run in runinfo" in refused(capsys)
    recorded()
    assert "There is no run '5'" in refused(capsys, "5")


def test_a_run_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    import psutil

    here = psutil.Process()
    recorded(pid=here.pid, host=os.uname().nodename, started=here.create_time() + 10)
    assert f"goes on in process {here.pid}" in refused(capsys)
    assert main(["resume", "--dry-run", "--force"]) == 0


def test_another_process_of_the_same_number_is_not_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(pid=os.getpid(), host=os.uname().nodename, started=1000.0)
    assert main(["resume", "--dry-run"]) == 0
    assert "no checkpoint: everything runs again" in capsys.readouterr().err


def test_a_folder_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(working_directory="/no/such/folder")
    assert "which is not there any more" in refused(capsys)


def test_a_run_that_somebody_else_could_have_written(capsys: pytest.CaptureFixture[str]) -> None:
    recorded()
    os.chmod("runinfo/000", 0o777)
    assert "cannot be trusted" in refused(capsys)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"command": ["python", "-X", "dev", "a.py", "b"], "argv": ["a.py", "b"]}, ["-X", "dev", "a.py", "b"]),
        ({"command": ["python", "-m", "package", "b"], "argv": ["/x/package.py", "b"]}, ["-m", "package", "b"]),
        ({"command": ["python", "-c", "import a", "b"], "argv": ["-c", "b"]}, ["-c", "import a", "b"]),
        ({"argv": ["a.py", "b"]}, ["a.py", "b"]),
    ],
)
def test_how_a_run_was_started(facts: dict[str, Any], expected: list[str]) -> None:
    assert command_of({**facts, "interpreter": "/bin/python"}) == ["/bin/python", *expected]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"command": ["python"], "argv": [""]}, "typed into an interpreter"),
        ({"command": ["python", "-"], "argv": ["-"]}, "standard input"),
        ({}, "was no script"),
        (
            {"command": ["python", "-m", "ipykernel_launcher", "-f", "x"], "argv": ["/x/ipykernel_launcher.py"]},
            "notebook",
        ),
    ],
)
def test_a_run_that_was_no_script(facts: dict[str, Any], why: str) -> None:
    with pytest.raises(click.ClickException, match=why):
        command_of(facts)
