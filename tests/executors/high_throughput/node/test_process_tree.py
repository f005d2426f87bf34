"""Descendants are found and signalled, others never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.node.process_tree import Member, descendants, send_signal

if TYPE_CHECKING:
    from pathlib import Path

FAMILY = """
import subprocess, sys
script = 'import sys; print(flush=True); sys.stdin.read()'
pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}
child = subprocess.Popen([sys.executable, '-c', script], start_new_session=True, **pipes)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def test_grandchildren_in_other_sessions_are_found_and_signalled() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        found = descendants([os.getpid(), parent.pid])
        assert {parent.pid, grandchild} <= {member.pid for member in found[os.getpid()]}
        assert [member.pid for member in found[parent.pid]] == [grandchild]
        send_signal([Member(grandchild, found[parent.pid][0].started + 1)], signal.SIGKILL)  # another process
        assert descendants([parent.pid]) == {parent.pid: found[parent.pid]}
        send_signal([*found[parent.pid], Member(2**22 + 1, 0)], signal.SIGKILL)
        assert parent.wait(timeout=60) == 0
        send_signal(found[parent.pid], signal.SIGKILL)
    assert descendants([parent.pid]) == {parent.pid: []}


def test_a_system_without_proc_has_no_families(tmp_path: Path) -> None:
    assert descendants([1], proc=tmp_path / "none") == {1: []}


def test_names_of_processes_cannot_confuse(tmp_path: Path) -> None:
    for pid, stat in {7: "7 (a) b) S 1 2) S 3 " + "0 " * 17 + "55 0", 8: "8 (z) Z 7 " + "0 " * 17 + "5"}.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(stat, encoding="ascii")
    (tmp_path / "9").mkdir()
    (tmp_path / "self").mkdir()
    assert descendants([3, 7], proc=tmp_path) == {3: [Member(7, 55)], 7: []}
