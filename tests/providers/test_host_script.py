"""What is said to a shell on another machine, and what is made of its answers."""

from __future__ import annotations

import os
import subprocess
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from parsl_like.providers import host_script
from parsl_like.providers.host_script import Look, Seen, answers_of, look_of, said

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {
    name: text
    for name, text in vars(host_script).items()
    if name in ("PLACE", "UNPACK", "START", "WITHDRAW", "LOOK", "END", "DISCARD", "REMOVE")
}


def run(text: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = host_script.command(text, *words)
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_every_text_is_one_of_a_posix_shell(name: str, shell: str) -> None:
    done = subprocess.run([shell, "-n"], input=TEXTS[name], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_start_up_file_prints_is_passed_over() -> None:
    assert said("Welcome!\n=parsl_like=sent\nbye =parsl_like=no\n") == ["sent"]


def test_an_answer_is_read_job_by_job() -> None:
    code, out = b64encode(b"3\n").decode(), b64encode(b"line\n").decode()
    stdout = f"=parsl_like=now 1234\n=parsl_like=a gone\n=parsl_like=a ec {code}\n=parsl_like=a out {out}\n"
    stdout += "=parsl_like=b runs\n=parsl_like=b ec \n=parsl_like=stranger runs\n=parsl_like=c out ???\n=parsl_like=\n"
    look = look_of(stdout, ["a", "b", "c", "d"])
    assert look == Look(1234.0, {"a": Seen("gone", {"ec": b"3\n", "out": b"line\n"}), "b": Seen("runs", {"ec": b""})})


def test_an_answer_that_is_none() -> None:
    assert look_of("", ["a"]) == look_of("=parsl_like=now soon", ["a"]) == Look(None, {})
    assert answers_of("=parsl_like=a told\n=parsl_like=b told\n", ["a"]) == {"a": "told"}


def test_a_process_is_not_taken_for_another_one_of_its_number(tmp_path: Path) -> None:
    (tmp_path / "job.pid").write_text(f"{os.getpid()} 1\n")
    look = look_of(run(host_script.LOOK, str(tmp_path), "ended", "job").stdout, ["job"])
    assert look.jobs["job"].state == "gone"


def test_a_folder_that_is_not_there_has_no_jobs(tmp_path: Path) -> None:
    look = look_of(run(host_script.LOOK, str(tmp_path / "none"), "all", "job").stdout, ["job"])
    assert look.now is not None
    assert look.jobs == {}


def test_a_job_that_was_withdrawn_cannot_begin(tmp_path: Path) -> None:
    assert answers_of(run(host_script.WITHDRAW, str(tmp_path), "job").stdout, ["job"]) == {"job": "withdrawn"}
    done = run(host_script.START, str(tmp_path), "job", stdin=b64encode(bytes(10240)).decode())
    assert (done.returncode, said(done.stdout)) == (73, ["sent"])
    look = look_of(run(host_script.LOOK, str(tmp_path), "all", "job").stdout, ["job"])
    assert look.jobs == {}


def test_all_files_of_a_job_and_of_no_other_are_removed(tmp_path: Path) -> None:
    for name in ("job.sh", "job.out", "job.1.sh", "other.sh"):
        (tmp_path / name).touch()
    (tmp_path / "job.files").mkdir()
    assert said(run(host_script.REMOVE, str(tmp_path), "job").stdout) == ["done"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.1.sh", "other.sh"]
    assert said(run(host_script.REMOVE, str(tmp_path), "job.1", "other").stdout) == ["done"]
    assert not tmp_path.exists()
