"""Descendants are found and signalled, others never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from parsl_like.remote.process_tree import Member, alive, descendants, environment, marked, send_signal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_who_has_left_the_group_is_found_and_only_the_very_process_is_signalled() -> None:
    script = "set -m; sleep 1000 & echo $!; exec sleep 1000"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        found = descendants([os.getpid(), parent.pid])
        assert {parent.pid, child} <= {member.pid for member in found[os.getpid()]}
        (stray,) = found[parent.pid]
        assert (stray.pid, stray.group) == (child, child)
        stranger = stray._replace(started=stray.started + 1)
        assert alive([stray, stranger]) == [stray]
        send_signal([stranger, Member(2**22 + 1, 0, 0)], signal.SIGKILL)
        assert descendants([parent.pid]) == {parent.pid: [stray]}
        send_signal([stray], signal.SIGKILL)
        while alive([stray]):
            pass
        assert descendants([parent.pid]) == {parent.pid: []}
        parent.kill()


def test_a_system_without_proc_has_no_families(tmp_path: Path) -> None:
    assert descendants([1], proc=tmp_path / "none") == {1: []}


def test_names_of_processes_cannot_confuse(tmp_path: Path) -> None:
    for pid, stat in {7: "7 (a) b) S 1 2) S 3 6 " + "0 " * 16 + "55 0", 8: "8 (z) Z 7 " + "0 " * 17 + "5"}.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(stat, encoding="ascii")
    (tmp_path / "9").mkdir()
    (tmp_path / "self").mkdir()
    assert descendants([3, 7], proc=tmp_path) == {3: [Member(7, 55, 6, 0, 3)], 7: []}


def test_a_process_is_found_by_its_environment_whoever_its_parent_is() -> None:
    code = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
    subprocess.run([sys.executable, "-c", code, "sleep", "1000"], env={**os.environ, "FOUND_BY": "mark"}, check=True)
    found = marked(b"FOUND_BY=mark")
    try:
        assert [member.group == member.session == member.pid for member in found] == [True]
        assert marked(b"FOUND_BY=mar") == []
        assert b"FOUND_BY=mark" in environment(found[0].pid)
    finally:
        send_signal(found, signal.SIGKILL)


def test_environments_that_cannot_be_seen_are_empty(tmp_path: Path) -> None:
    assert environment(2**22 + 1) == []
    assert marked(b"A=b", proc=tmp_path / "missing") == []
