"""Which run another one goes on with, and what checkpoints that brings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from parsl_like.config import Config
from parsl_like.dataflow.resuming import RESUME, checkpoints_of, named_run, run_facts, run_to_resume, runs_in
from parsl_like.errors import ConfigurationError


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with three runs, of which the first two have a checkpoint."""
    folder = tmp_path / "runs"
    for name in ("000", "001", "002"):
        make(folder / name, checkpoint=name != "002")
    return folder


def make(run: Path, *, checkpoint: bool = True, **facts: Any) -> Path:
    run.mkdir(parents=True)
    said = {"pid": 1, "host": "h", "command": ["python", "a.py"], "checkpoints": [], **facts}
    (run / "run.json").write_text(json.dumps(said))
    if checkpoint:
        (run / "checkpoint").mkdir()
    return run


def resumed(folder: Path, resume: Any = None) -> str | None:
    return run_to_resume(Config(resume=resume), str(folder / "007"))


def test_runs_are_in_the_order_of_their_numbers(runs: Path) -> None:
    make(runs / "1000")
    make(runs / "999")
    (runs / "latest").symlink_to("1000")
    assert [os.path.basename(run) for run in runs_in(str(runs))] == ["000", "001", "002", "999", "1000"]
    assert runs_in(str(runs / "nowhere")) == []


def test_nobody_goes_on_with_anything_unless_that_is_wanted(runs: Path) -> None:
    assert resumed(runs) is None


def test_the_last_run_is_the_newest_but_for_the_new_one(runs: Path) -> None:
    make(runs / "007")
    assert resumed(runs, "last") == str(runs / "002")


def test_a_first_run_goes_on_with_nothing(tmp_path: Path) -> None:
    assert resumed(tmp_path, "last") is None


@pytest.mark.parametrize("name", ["001", "1", "{folder}/001", Path("{folder}/001")])
def test_a_run_may_be_named(runs: Path, name: Any) -> None:
    said = type(name)(str(name).format(folder=runs))
    assert resumed(runs, said) == str(runs / "001")


def test_a_run_that_is_not_there(runs: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no run '17'.*there are 000, 001, 002"):
        resumed(runs, "17")
    with pytest.raises(ConfigurationError, match="there are none"):
        named_run("17", str(runs / "nowhere"))


def test_a_command_may_say_it_for_the_runs_of_one_folder(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RESUME, str(runs / "001"))
    assert resumed(runs) == str(runs / "001")
    assert resumed(runs, "0") == str(runs / "000"), "what the program says counts more"
    assert resumed(runs.parent / "others") is None
    assert run_to_resume(Config(), str(runs / "001")) is None
    monkeypatch.setenv(RESUME, str(runs / "017"))
    assert resumed(runs) is None


def test_a_run_brings_its_checkpoint_and_those_it_began_with(runs: Path, tmp_path: Path) -> None:
    older = make(tmp_path / "elsewhere" / "000")
    run = make(
        runs / "003", pid=2, checkpoints=[str(older / "checkpoint"), str(runs / "000" / "checkpoint"), "/gone", None]
    )
    assert checkpoints_of(str(run)) == [
        str(older / "checkpoint"),
        str(runs / "000" / "checkpoint"),
        str(run / "checkpoint"),
    ]


def test_runs_of_the_same_process_belong_together(runs: Path) -> None:
    assert checkpoints_of(str(runs / "002")) == [str(runs / "000" / "checkpoint"), str(runs / "001" / "checkpoint")]
    other = make(runs / "003", pid=2)
    assert checkpoints_of(str(other)) == [str(other / "checkpoint")]


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00"])
def test_a_run_that_does_not_say_how_it_was_has_its_checkpoint_all_the_same(runs: Path, text: str) -> None:
    run = make(runs / "003", pid=2)
    (run / "run.json").write_text(text)
    assert run_facts(str(run)) == {}
    assert checkpoints_of(str(run)) == [str(run / "checkpoint")]
