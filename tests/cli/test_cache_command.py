"""``parsl-like cache`` on run directories as runs leave them."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.cli import main
from parsl_like.memo.store import Entry, Store

if TYPE_CHECKING:
    from pathlib import Path

APPS = ("even", "odd")
MD5 = "ab" * 16


def key(number: int) -> str:
    return f"b2:{number:040x}"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of three runs: one without a checkpoint, and one of Parsl's."""
    runinfo = tmp_path / "runinfo"
    for run, numbers in (("000", range(3)), ("001", range(2, 5))):
        store = Store(runinfo / run / "checkpoint", warn=pytest.fail)
        parts = (("name", b"n" * 16), ("argument 0", b"a" * 16))
        store.add([Entry(key(number), parts, APPS[number % 2], number, number) for number in numbers])
        store.add([Entry(key(100), (*parts, ("parsl", bytes.fromhex(MD5))), "text", 100, f"of {run}")])
        store.close()
    (runinfo / "002").mkdir()
    of_parsl = runinfo / "003" / "checkpoint"
    of_parsl.mkdir(parents=True)
    (of_parsl / "tasks.pkl").write_bytes(pickle.dumps({"hash": "f" * 32, "exception": None, "result": "Parsl's"}))
    (of_parsl / "tasks.pkl").chmod(0o600)
    return runinfo


class Said:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: Any) -> int:
        status = main(["cache", *map(str, words)])
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def values(folder: Path) -> dict[str, Any]:
    """What a program that loads a folder of runs, or a checkpoint, finds."""
    folders = sorted(folder.glob("*/checkpoint")) or [folder]
    store = Store(folder / "none", folders, warn=lambda _: None)
    store.load()
    found = {listed.facts.key: store.value(listed.facts.key) for listed in store.listed()}
    store.close()
    return found


ALL = {**{key(number): number for number in range(5)}, key(100): "of 001", "f" * 32: "Parsl's"}


def test_it_lists_how_many_results_each_app_has(runs: Path, say: Said) -> None:
    assert values(runs) == ALL
    assert say("list", runs) == 0
    lines = [line.split() for line in say.out.splitlines()]
    assert lines[0] == ["run", "app", "results", "size", "first", "last"]
    assert sorted(line[:3] for line in lines[1:]) == [
        ["000", "even", "2"],
        ["000", "odd", "1"],
        ["000", "text", "1"],
        ["001", "even", "2"],
        ["001", "odd", "1"],
        ["001", "text", "1"],
        ["003", "-", "1"],
    ]


def test_it_lists_every_result(runs: Path, say: Said) -> None:
    assert say("list", runs, "--results", "--app", "even", "--json") == 0
    found = json.loads(say.out)
    assert [(each["run"], each["key"], each["task"]) for each in found] == [
        ("000", key(0), 0),
        ("000", key(2), 2),
        ("001", key(2), 2),
        ("001", key(4), 4),
    ]
    assert found[0]["parts"] == {"name": "6e" * 16, "argument 0": "61" * 16}
    assert say("list", runs / "001", "--results") == 0
    assert len(say.out.splitlines()) == 5


def test_a_run_a_checkpoint_or_nothing_may_be_named(runs: Path, say: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (runs / "000", runs / "000" / "checkpoint"):
        assert say("list", place, "--json") == 0
        assert [each["run"] for each in json.loads(say.out)] == ["000"] * 3
    assert say("list", runs / "002") == 0
    assert (say.out, say.err) == ("", "nothing is remembered\n")
    monkeypatch.chdir(runs.parent)
    assert say("list") == 0
    assert "even" in say.out
    assert say("list", runs / "004") == 2


def test_it_shows_one_result(runs: Path, say: Said) -> None:
    assert say("show", key(100)[:-2], runs, "--value") == 2  # several begin so
    assert "keys begin with" in say.err
    assert say("show", key(100), runs, "--value") == 0
    lines = say.out.splitlines()
    assert f"key     {key(100)}" in lines
    assert "run     001" in lines  # the newest
    assert "value   'of 001'" in lines
    assert f"part    parsl: {MD5}" in lines
    assert say("show", key(1), runs, "--json") == 0
    assert json.loads(say.out)["app"] == "odd"
    assert "value" not in json.loads(say.out)
    assert say("show", "ff", runs, "--value") == 0
    assert 'value   "Parsl\'s"' in say.out
    assert "task    -" in say.out
    assert say("show", "nothing", runs) == 2
    assert "No result" in say.err


def test_it_forgets_results_by_key(runs: Path, say: Said) -> None:
    assert say("forget", key(2), "ffff", runs) == 0
    assert say.out == "forgot 2 results\n"
    assert values(runs) == {name: value for name, value in ALL.items() if name not in (key(2), "f" * 32)}
    assert values(runs / "001" / "checkpoint").keys() == {key(3), key(4), key(100)}
    assert say("list", runs, "--json") == 0
    assert sum(each["results"] for each in json.loads(say.out)) == 6


def test_it_forgets_the_results_of_an_app_or_all(runs: Path, say: Said) -> None:
    assert say("forget", runs, "--app", "even") == 0
    assert say.out == "forgot 3 results\n"
    assert values(runs).keys() == {key(1), key(3), key(100), "f" * 32}
    assert say("forget", runs, "--all") == 0
    assert values(runs) == {}
    assert say("forget", runs, "--all") == 0
    assert say.out == "forgot 0 results\n"


@pytest.mark.parametrize("words", [[], [key(1), "--all"], ["--all", "--app", "even"]])
def test_what_to_forget_has_to_be_said_in_one_way(runs: Path, say: Said, words: list[str]) -> None:
    assert say("forget", *words, runs) == 2
    assert values(runs) == ALL


def test_a_result_that_is_remembered_again_after_it_was_forgotten_is_there(runs: Path, say: Said) -> None:
    assert say("forget", runs, "--all") == 0
    store = Store(runs / "004" / "checkpoint", warn=pytest.fail)
    store.add([Entry(key(1), (), "odd", 1, "again")])
    store.close()
    assert values(runs) == {key(1): "again"}


def test_it_gathers_all_runs_in_one_checkpoint(runs: Path, say: Said, tmp_path: Path) -> None:
    assert say("export", runs, tmp_path / "new" / "one") == 0
    assert say.out == f"wrote 7 results to {tmp_path / 'new' / 'one'}\n"
    assert os.listdir(tmp_path / "new" / "one") == ["tasks.pkl"]
    assert values(tmp_path / "new" / "one") == ALL
    assert say("export", runs, tmp_path / "new" / "one") == 2
    assert "is there already" in say.err


def test_it_writes_a_checkpoint_for_parsl(runs: Path, say: Said, tmp_path: Path) -> None:
    assert say("export", runs, tmp_path / "parsl", "--parsl") == 0
    assert say.err == "Parsl will not find 5 of them: they have no key of Parsl's.\n"
    found = {}
    with (tmp_path / "parsl" / "tasks.pkl").open("rb") as file:
        for _ in range(7):
            record = pickle.load(file)
            found[record["hash"]] = record["result"]
        assert file.read() == b""
    assert found == {**{key(number): number for number in range(5)}, MD5: "of 001", "f" * 32: "Parsl's"}


def test_what_others_may_have_written_is_left_alone(runs: Path, say: Said) -> None:
    (runs / "000" / "checkpoint" / "tasks.pkl").chmod(0o666)
    assert say("list", runs) == 1
    assert "others can write to it" in say.err
    assert "001" in say.out
    assert "000" not in say.out
