from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parsl_like.core.ports import RunInfo, RunSummary
from parsl_like.dataflow import rundirs
from parsl_like.dataflow.rundirs import finish_run_json, make_rundir, write_run_json
from parsl_like.errors import ConfigurationError
from parsl_like.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_numbers_begin_with_000_and_go_on_from_the_highest(tmp_path: Path) -> None:
    runs = tmp_path / "not" / "yet" / "there"
    assert make_rundir(runs) == str(runs / "000")
    assert make_rundir(str(runs)) == str(runs / "001")
    (runs / "041").mkdir()
    (runs / "999999x").mkdir()
    assert make_rundir(runs) == str(runs / "042")
    (runs / "999").mkdir()
    assert make_rundir(runs) == str(runs / "1000")


def test_the_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_rundir("runinfo") == str(tmp_path / "runinfo" / "000")


def test_latest_is_a_relative_link_to_the_last(tmp_path: Path) -> None:
    for name in ("000", "001"):
        make_rundir(tmp_path)
        assert os.readlink(tmp_path / "latest") == name
    assert sorted(os.listdir(tmp_path)) == ["000", "001", "latest"]


def test_a_latest_that_is_no_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").touch()
    make_rundir(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["000", "latest"]
    assert (tmp_path / "latest" / "mine").exists()


def test_where_links_are_not_possible_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(rundirs.os, "symlink", refuse)
    make_rundir(tmp_path)
    assert os.listdir(tmp_path) == ["000"]


def test_processes_never_get_the_same(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from parsl_like.dataflow.rundirs import make_rundir\n"
        "sys.stdin.readline()\n"
        "for _ in range(25): print(make_rundir(sys.argv[1]))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [line for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert len(got) == len(set(got)) == 100
    assert (tmp_path / "latest").resolve().parent == tmp_path.resolve()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_number_that_another_process_takes_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "000").mkdir()
    monkeypatch.setattr(rundirs.os, "listdir", lambda path: [])
    assert make_rundir(tmp_path) == str(tmp_path / "001")


def test_a_file_in_the_way_is_an_error_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file.*(exists|Not a directory)") as caught:
        make_rundir(tmp_path / "file")
    assert "run_dir" in (caught.value.hint or "")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_folder_one_may_not_write_to_is_an_error_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, *mode: int) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(rundirs.os, "mkdir", refuse)
    with pytest.raises(
        ConfigurationError, match=f"{tmp_path.name}' cannot be used for run directories: Permission denied"
    ):
        make_rundir(tmp_path)


# --- run.json


class NoRepr:
    def __repr__(self) -> str:
        raise RuntimeError


def read(run_dir: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    return facts


def test_run_json_says_how_to_know_and_repeat_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARSL_LIKE_PARENT_RUN", "the-parent")
    monkeypatch.setenv("SOME_TOKEN", "hush-hush")
    write_run_json(RunInfo("an-id", str(tmp_path), 1763800000.25, ("prog.py", "-x")), {"retries": 3})
    facts = read(tmp_path)
    assert {
        "version": 1,
        "run_id": "an-id",
        "parent_run": "the-parent",
        "run_dir": str(tmp_path),
        "started": 1763800000.25,
        "argv": ["prog.py", "-x"],
        "working_directory": os.getcwd(),
        "interpreter": sys.executable,
        "pid": os.getpid(),
        "config": "{'retries': 3}",
    }.items() <= facts.items()
    assert facts["versions"]["parsl_like"] == VERSION
    assert facts["versions"]["python"] == sys.version.split()[0]
    assert facts["host"]
    assert facts["user"]
    assert "hush-hush" not in (tmp_path / "run.json").read_text()


def test_run_json_says_what_a_run_begins_with(tmp_path: Path) -> None:
    run = RunInfo("an-id", str(tmp_path), 1.0)
    write_run_json(run, None)
    assert (read(tmp_path)["checkpoints"], read(tmp_path)["resumed"]) == ([], None)
    write_run_json(run, None, ["/runs/000/checkpoint"], "/runs/000")
    assert (read(tmp_path)["checkpoints"], read(tmp_path)["resumed"]) == (["/runs/000/checkpoint"], "/runs/000")
    assert read(tmp_path)["command"] == list(sys.orig_argv)


def test_without_a_parent_or_arguments(tmp_path: Path) -> None:
    write_run_json(RunInfo("an-id", str(tmp_path), 1.0), NoRepr())
    facts = read(tmp_path)
    assert facts["parent_run"] is None
    assert facts["argv"] == sys.argv
    assert facts["config"] == "<NoRepr without a repr: RuntimeError>"


def test_an_argument_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    write_run_json(RunInfo("an-id", str(tmp_path), 1.0, ("prog.py", os.fsdecode(b"\xff.txt"))), None)
    assert read(tmp_path)["argv"] == ["prog.py", "\\udcff.txt"]


def test_the_summary_is_added_at_the_end(tmp_path: Path) -> None:
    write_run_json(RunInfo("an-id", str(tmp_path), 1.0), None)
    before = read(tmp_path)
    finish_run_json(str(tmp_path), RunSummary({"exec_done": 3}, {"app": 1}, 0, 1.5, str(tmp_path), ("a note",)))
    after = read(tmp_path)
    assert before.items() <= after.items()
    assert after["ended"] >= after["started"]
    assert after["summary"] == {
        "states": {"exec_done": 3},
        "retries": {"app": 1},
        "losses": 0,
        "seconds": 1.5,
        "run_dir": str(tmp_path),
        "notes": ["a note"],
        "troubles": [],
    }
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize("there", [None, b"", b'{"half": '])
def test_a_lost_or_damaged_file_does_not_cost_the_summary(tmp_path: Path, there: bytes | None) -> None:
    if there is not None:
        (tmp_path / "run.json").write_bytes(there)
    finish_run_json(str(tmp_path), RunSummary({}, {}, 0, 1.5, str(tmp_path)))
    assert read(tmp_path)["summary"]["seconds"] == 1.5


def test_a_file_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone.run\.json cannot be written: No such file"):
        write_run_json(RunInfo("an-id", str(tmp_path / "gone"), 1.0), None)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_run_json(RunInfo("an-id", str(tmp_path), 1.0), None)
    assert os.listdir(tmp_path) == ["run.json"]


def test_nothing_is_loaded_to_find_out_versions(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from parsl_like.core.ports import RunInfo\n"
        "from parsl_like.dataflow.rundirs import write_run_json\n"
        "write_run_json(RunInfo('an-id', sys.argv[1], 1.0), None)\n"
        "heavy = ('zmq', 'psutil', 'rich', 'importlib.metadata', 'asyncio', 'click', 'socket')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {[str(ROOT), *sys.path]!r}\n{program}", str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


def test_it_works_where_there_is_neither_uname_nor_a_password_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(rundirs.os, "uname", raising=False)
    monkeypatch.setenv("COMPUTERNAME", "a-pc")
    monkeypatch.setitem(sys.modules, "pwd", None)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    write_run_json(RunInfo("an-id", str(tmp_path), 1.0), None)
    assert (read(tmp_path)["host"], read(tmp_path)["user"]) == ("a-pc", "unknown")


def test_what_a_part_of_a_run_cannot_write_is_the_directorys_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"No such file or directory \(.*gone/log\)"),
        rundirs.files_in(str(tmp_path)),
    ):
        (tmp_path / "gone" / "log").write_text("")
    with (
        pytest.raises(ConfigurationError, match="cannot be used for run directories: No space"),
        rundirs.files_in(str(tmp_path)),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ConfigurationError, match="cannot be said in UTF-8"), rundirs.files_in("caf\udce9"):
        "caf\udce9".encode()


def test_other_trouble_of_a_part_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"), rundirs.files_in(str(tmp_path)):
        raise OSError(errno.EADDRINUSE, "in use")
    with pytest.raises(FileNotFoundError), rundirs.files_in(str(tmp_path / "run")):
        (tmp_path / "other").read_text()


@pytest.mark.parametrize("place", ["a\0b", "a\ud800"])
def test_what_is_no_path_is_an_error_with_the_text(place: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used for run directories"):
        make_rundir(place)
