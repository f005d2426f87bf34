"""Whose blocks a run may take over: the key, the claim, and the dead driver."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import HighThroughputExecutor
from parsl_like.core.reattachment import Rendezvous
from parsl_like.dataflow import reattaching
from parsl_like.dataflow.blockfile import BLOCK_FILE_VERSION, BlockFile, Closed, Listening, Opened, read_blocks
from parsl_like.dataflow.drivers import Life, life_of, this_driver
from parsl_like.dataflow.reattaching import inherit, key_parts, run_key
from parsl_like.executors.high_throughput.keys import create_keys
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from pathlib import Path


def htex(**options: Any) -> HighThroughputExecutor:
    return HighThroughputExecutor(label="htex", provider=LocalProvider(**options)).sealed()


# --- the key


def test_equal_runs_have_the_same_key(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert run_key(str(tmp_path), "htex", htex()) == run_key(str(link), "htex", htex())


def test_what_differs_makes_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(tmp_path)
    keys = [
        run_key(place, "htex", htex()),
        run_key(place, "other", htex()),
        run_key(f"{place}/there", "htex", htex()),
        run_key(place, "htex", htex(max_blocks=7)),
        run_key(place, "htex", htex(worker_init="module load x")),
    ]
    monkeypatch.setattr(sys, "executable", "/another/python")
    keys.append(run_key(place, "htex", htex()))
    monkeypatch.undo()
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/another/program.py", raising=False)
    keys.append(run_key(place, "htex", htex()))
    assert len(set(keys)) == len(keys)


# --- drivers


def ended() -> dict[str, Any]:
    """A driver that is dead: a process of this host that has been."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        pass
    return {**this_driver(), "pid": process.pid, "started": "1"}


def test_whether_a_driver_lives() -> None:
    here = this_driver()
    assert life_of(here) is Life.RUNS
    assert life_of({**here, "started": "1"}) is Life.ENDED  # a later process has its number
    assert life_of(ended()) is Life.ENDED
    assert life_of({**here, "boot": "another"}) is Life.ENDED
    assert life_of({**here, "hostname": "elsewhere"}) is Life.UNKNOWN
    assert life_of({**here, "hostname": "elsewhere", "boot": "another"}) is Life.UNKNOWN
    assert life_of({**here, "namespace": "1"}) is Life.UNKNOWN
    assert life_of({}) is Life.UNKNOWN


# --- claims


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def dead_run(runs: Path, number: str, *, key: str = "key", blocks: int = 2, **facts: Any) -> Path:
    """A run of which nothing is left but what is on file."""
    folder = runs / number / "htex"
    folder.mkdir(parents=True, mode=0o700)
    scripts, keys = runs / number / "submit_scripts", folder / "certificates"
    scripts.mkdir(mode=0o700)
    create_keys(keys)
    said = {"driver": ended(), "provider": None, "scripts": str(scripts), "run_id": f"run-{number}", **facts}
    file = BlockFile(str(folder))
    file.create(Opened(time=1.0, version=BLOCK_FILE_VERSION, label="htex", key=key, seconds=60.0, **said))
    for block in range(blocks):
        file.change(str(block), "RUNNING", job=f"{number}-{block}")
    former = facts.get("former", ())
    where = Rendezvous((f"run-{number}", *former), str(keys), None, (), 1, 0, 0.0)
    file.add(Listening(time=2.0, where=where))
    return folder


def heir(runs: Path, number: str = "099", key: str = "key") -> list[str]:
    """The jobs that a new run would go on with."""
    (runs / number).mkdir(exist_ok=True)
    inheritance = inherit(str(runs), str(runs / number), "htex", key)
    return [] if inheritance is None else [str(block.job) for block in inheritance.found.live()]


def test_the_newest_dead_run_is_taken_over_once(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_run(runs, "000")
    dead_run(runs, "001")
    assert heir(runs) == ["001-0", "001-1"]
    monkeypatch.setattr(reattaching, "this_driver", lambda: {**this_driver(), "pid": 1, "started": None})
    assert heir(runs) == ["000-0", "000-1"]
    monkeypatch.setattr(reattaching, "this_driver", lambda: {**this_driver(), "pid": os.getppid(), "started": None})
    assert heir(runs) == []


def test_a_claim_of_one_that_died_does_not_count(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_run(runs, "000")
    gone = ended()
    monkeypatch.setattr(reattaching, "this_driver", lambda: gone)
    assert heir(runs)
    monkeypatch.undo()
    assert heir(runs) == ["000-0", "000-1"]


def test_what_was_handed_over_or_closed_is_not_taken(runs: Path) -> None:
    folder = dead_run(runs, "000")
    (runs / "099").mkdir()
    inheritance = inherit(str(runs), str(runs / "099"), "htex", "key")
    assert inheritance is not None
    inheritance.hand_over(str(runs / "099"))
    assert heir(runs) == []
    found = read_blocks(str(folder))
    assert found is not None
    assert found.continued == str(runs / "099")
    BlockFile(str(dead_run(runs, "001"))).add(Closed(time=3.0))
    assert heir(runs) == []


def test_a_run_that_went_on_from_another_one_stands_for_both(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_run(runs, "000")
    second = dead_run(runs, "001")
    BlockFile(str(second)).add(
        Listening(time=3.0, where=Rendezvous(("run-001", "run-000"), str(second / "certificates"), None, (), 2, 0, 0.0))
    )
    assert heir(runs) == ["001-0", "001-1"]
    monkeypatch.setattr(reattaching, "this_driver", lambda: {**this_driver(), "pid": 1, "started": None})
    assert heir(runs) == []  # what is on file in 000 are the same jobs


def test_blocks_of_a_driver_that_lives_or_cannot_be_seen_are_left(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    dead_run(runs, "000", driver=this_driver())
    dead_run(runs, "001", driver={**this_driver(), "hostname": "login7"})
    with caplog.at_level(logging.WARNING):
        assert heir(runs) == []
    assert "still runs; this run asks for blocks of its own" in caplog.text
    assert "on login7, is elsewhere" in caplog.text


@pytest.mark.parametrize("blocks", [0, 2])
def test_another_key_is_left(runs: Path, blocks: int) -> None:
    dead_run(runs, "000", key="another", blocks=blocks)
    dead_run(runs, "001", blocks=0)
    assert heir(runs) == []


def test_what_differs_is_told_aloud_with_the_way_out(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The blocks hold nodes for which this run may have to wait."""
    monkeypatch.setattr(reattaching, "_runs", lambda _: True)
    monkeypatch.setattr(logging.getLogger("parsl_like"), "propagate", False)
    monkeypatch.setattr(logging.getLogger("parsl_like"), "handlers", [logging.NullHandler()])
    theirs = {"program": "/x/a.py", "interpreter": "3.11", "package": "1", "executor": "aa"}
    dead_run(runs, "000", key="another", parts=theirs)
    (runs / "099").mkdir()
    own = {**theirs, "program": "/x/b.py", "executor": "bb"}
    assert inherit(str(runs), str(runs / "099"), "htex", "key", own) is None
    told = capfd.readouterr().err
    assert "2 block(s) of " in told
    assert "What differs: the program was /x/a.py; the description of the executor." in told
    assert f"Try: parsl-like blocks cancel {runs / '000'} --all" in told
    assert inherit(str(runs), str(runs / "099"), "htex", "key") is None
    assert "What differs: the program, its interpreter or the description" in capfd.readouterr().err


def test_the_parts_of_a_key(tmp_path: Path) -> None:
    parts, other = (key_parts(str(tmp_path), "htex", htex(max_blocks=number)) for number in (1, 7))
    assert [name for name in parts if parts[name] != other[name]] == ["executor"]
    assert sys.executable in parts["interpreter"]


def test_without_keys_or_scripts_nothing_is_taken(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    (dead_run(runs, "000") / "certificates" / "driver.key").unlink()
    dead_run(runs, "001")
    os.rmdir(runs / "001" / "submit_scripts")
    with caplog.at_level(logging.WARNING):
        assert heir(runs) == []
    assert caplog.text.count("cannot be taken over") == 2


def test_files_of_somebody_else_are_left(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    (dead_run(runs, "000") / "blocks.jsonl").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert heir(runs) == []
    assert "left alone" in caplog.text
