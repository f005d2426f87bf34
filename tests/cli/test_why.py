"""``parsl-like why`` on runs of a real program, before and after an edit of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parsl_like.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import sys
import parsl_like
from parsl_like import File, python_app
from parsl_like.config import Config
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import ThreadPoolExecutor

LIMIT = 3

def helper(x):
    return x + 1

def scaled(by):
    @python_app(cache=True)
    def scale(x):
        return by * x
    return scale

@python_app(cache=True)
def same(x):
    return x

@python_app(cache=True)
def code(x):
    return x + 10

@python_app(cache=True)
def helped(x):
    return helper(x)

@python_app(cache=True)
def limited(x):
    return min(x, LIMIT)

@python_app(cache=True)
def argument(x):
    return x

@python_app(cache=True)
def default(x, y=1):
    return x + y

@python_app(cache=True)
def versioned(x):
    return x

@python_app(cache=True)
def reads(inputs=()):
    return open(inputs[0]).read()

@python_app(cache=True)
def fails(x):
    raise ValueError("no luck")

@python_app
def plain(x):
    return x

FILES = FILES_HERE
MEMOIZER = BasicMemoizer(checkpoint_mode="task_exit", checkpoint_files=FILES)
THREADS = ThreadPoolExecutor(storage_access=[NoOpFileStaging()])
with parsl_like.load(Config(executors=[THREADS], memoizer=MEMOIZER)):
    futures = [
        same(1), code(1), helped(1), limited(1), scaled(2)(1), argument(1), default(1),
        versioned.options(version="1")(1), reads(inputs=[File("data.txt")]), fails(1), plain(1),
    ]
    for future in futures:
        future.exception()
"""

EDITS = (
    ("x + 10", "x + 20"),
    ("x + 1\n\ndef scaled", "x + 2\n\ndef scaled"),
    ("LIMIT = 3", "LIMIT = 4"),
    ("scaled(2)", "scaled(3)"),
    ("argument(1)", "argument(2)"),
    ("y=1", "y=2"),
    ('version="1"', 'version="2"'),
)

EXPECTED = [
    ("same", "recalled", []),
    ("code", "function changed", ["function"]),
    ("helped", "function changed", ["global helper"]),
    ("limited", "function changed", ["global LIMIT"]),
    ("scale", "function changed", ["variable by"]),
    ("argument", "argument changed", ["argument x"]),
    ("default", "argument changed", ["argument y"]),
    ("versioned", "version changed", ["version"]),
    ("reads", "argument changed", ["argument inputs"]),
    ("fails", "failed before", []),
    ("plain", "not cached", []),
]


class Programs:
    """Runs a program, in one folder, in its states of editing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data.txt").write_text("one")

    def run(self, source: str, files: str = "None", *words: str) -> None:
        (self.folder / "program.py").write_text(source.replace("FILES_HERE", files))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "program.py", *words], cwd=self.folder, env=environment, check=True, timeout=90)

    def why(self, task: int, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
        runs = str(self.folder / "runinfo")
        assert main(["why", str(task), "--run-dir", runs, "--json", *options]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.mark.integration
def test_each_change_is_told_for_what_it_is(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    programs.run(PROGRAM)
    source = PROGRAM
    for old, new in EDITS:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    (programs.folder / "data.txt").write_text("two")
    programs.run(source)
    answers = [programs.why(task, capsys) for task in range(len(EXPECTED))]
    assert [(each["app"], each["cause"], each["changed"]) for each in answers] == EXPECTED
    assert answers[1]["nearest"] == {"task": 1, "checkpoint": str(programs.folder / "runinfo" / "000" / "checkpoint")}
    assert "no luck" in answers[9]["text"]


@pytest.mark.integration
def test_a_checkpoint_that_was_not_given(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    programs.run(PROGRAM)
    programs.run(PROGRAM, files="[]")
    assert programs.why(0, capsys)["cause"] == "checkpoint missing"
    assert "checkpoint_files" in programs.why(0, capsys)["text"]
    assert programs.why(0, capsys, "--run", "000")["cause"] == "new"


@pytest.mark.integration
def test_results_that_were_forgotten_or_that_nobody_may_trust(
    programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.run(PROGRAM)
    runs = programs.folder / "runinfo"
    assert main(["cache", "forget", "--app", "same", str(runs)]) == 0
    (runs / "000" / "checkpoint" / "tasks-2.pkl").write_bytes(b"")
    (runs / "000" / "checkpoint" / "tasks-2.pkl").chmod(0o666)
    programs.run(PROGRAM)
    capsys.readouterr()
    assert main(["why", "0", "--run-dir", str(runs)]) == 0
    said = capsys.readouterr()
    assert "(same) of" in said.out
    assert ": forgotten\n" in said.out
    assert "tasks-2.pkl is not looked at: " in said.err
    assert programs.why(1, capsys)["cause"] == "recalled"


USED_IN_VAIN = """
import sys
import parsl_like
from parsl_like import File, python_app
from parsl_like.config import Config
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import ThreadPoolExecutor

@python_app(cache=True)
def forced(x):
    return x

@python_app(cache=True)
def writes(outputs=()):
    open(outputs[0], "w").close()

@python_app(cache=True)
def spoilt(x):
    return "unmistakable" + x

@python_app
def skipped(x):
    return x

MODE, HOW = sys.argv[1], sys.argv[2] if sys.argv[2] == "force" else True
memoizer = BasicMemoizer(checkpoint_mode=MODE if MODE != "none" else None, checkpoint_files=FILES_HERE)
with parsl_like.load(Config([ThreadPoolExecutor()], memoizer=memoizer)):
    futures = [
        forced.options(cache=HOW)(1), writes(outputs=[File("written")]), spoilt("!"),
        forced.options(cache="skip")(1), skipped(1),
    ]
    for future in futures:
        future.result()
"""


@pytest.mark.integration
@pytest.mark.parametrize("mode", ["task_exit", "none"])
def test_results_that_were_there_and_not_used(
    programs: Programs, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    """Also in a run that writes no checkpoint of its own, of whose keys nothing but its records knows."""
    programs.run(USED_IN_VAIN, "[]", "task_exit", "yes")
    (programs.folder / "written").unlink()
    checkpoint = programs.folder / "runinfo" / "000" / "checkpoint" / "tasks.pkl"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"unmistakable", b"unmistakabel"))
    programs.run(USED_IN_VAIN, '["runinfo/000"]', mode, "force")
    answers = [programs.why(task, capsys) for task in range(5)]
    assert [(each["app"], each["cause"]) for each in answers] == [
        ("forced", "forced"),
        ("writes", "outputs missing"),
        ("spoilt", "result not used"),
        ("forced", "not cached"),
        ("skipped", "not cached"),
    ]


def test_people_get_sentences(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    run = programs.folder / "runinfo" / "000"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"version": 1, "started": 1.0}')
    (run / "records.jsonl").write_text(
        '{}\n["task", 1.0, 0, {"app": "f"}]\n["state", 2.0, 0, {"state": "memo_done"}]\n'
    )
    assert main(["why", "0", "--run", "0", "--run-dir", str(run.parent)]) == 0
    assert (
        capsys.readouterr().out == f"Task 0 (f) of {run}: recalled\n  it did not run: it has the remembered result.\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["7"], "has no task 7"),
        (["0", "--run", "004"], "There is no run '004'"),
        (["0", "--run-dir", "nowhere"], "there is no run in nowhere"),
    ],
)
def test_what_is_not_there(
    programs: Programs,
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (programs.folder / "runinfo" / "000").mkdir(parents=True)
    monkeypatch.chdir(programs.folder)
    assert main(["why", *options]) == 1
    assert said in capsys.readouterr().err
