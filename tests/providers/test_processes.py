"""Processes, told apart from later ones with their number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.providers import processes
from parsl_like.providers.processes import (
    exit_code_of_child,
    process_facts,
    signal_group,
    signal_marked,
    signal_missed,
    wait_for_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "PARSL_LIKE_TEST_MARK"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True, env={**os.environ, MARK: "a b"})
    yield process
    process.kill()
    process.wait()


def await_zombie(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_facts_of_a_process(sleeper: subprocess.Popen[bytes]) -> None:
    facts = process_facts(sleeper.pid)
    assert facts is not None
    assert not facts.ended
    assert facts == process_facts(sleeper.pid)
    sleeper.kill()
    await_zombie(sleeper.pid)
    assert process_facts(sleeper.pid) == facts._replace(ended=True)
    sleeper.wait()
    assert process_facts(sleeper.pid) is None


def test_a_command_with_parentheses_in_its_name_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to(sys.executable)
    wait = "import sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [str(program), "-S", "-c", wait],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONHOME": sys.base_prefix},
    )
    assert process.stdout is not None
    process.stdout.readline()
    facts = process_facts(process.pid)
    process.communicate()
    assert facts is not None
    assert facts.started.isdecimal()
    assert not facts.ended


def test_facts_without_proc(sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    facts = process_facts(sleeper.pid)
    assert facts is not None
    assert facts == process_facts(sleeper.pid)
    assert not facts.ended
    sleeper.kill()
    sleeper.wait()
    assert process_facts(sleeper.pid) is None
    assert not signal_marked(b"anything", signal.SIGKILL)
    monkeypatch.setattr(processes, "PROC", tmp_path / "nowhere")
    assert not signal_marked(b"anything", signal.SIGKILL)


def test_the_end_of_a_child_is_noted_once() -> None:
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ)
    await_zombie(child)
    assert exit_code_of_child(child) == 3
    assert exit_code_of_child(child) is None


def test_a_child_that_runs_has_no_exit_code(sleeper: subprocess.Popen[bytes]) -> None:
    assert exit_code_of_child(sleeper.pid) is None


def test_a_killed_child() -> None:
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "kill -KILL $$"], os.environ)
    await_zombie(child)
    assert exit_code_of_child(child) == -signal.SIGKILL


def test_waiting_for_an_end(sleeper: subprocess.Popen[bytes]) -> None:
    wait_for_end(sleeper.pid, 0.0)
    sleeper.kill()
    wait_for_end(sleeper.pid, 600.0)
    facts = process_facts(sleeper.pid)
    assert facts is not None
    assert facts.ended
    sleeper.wait()
    wait_for_end(sleeper.pid, 600.0)


def test_waiting_where_processes_have_no_descriptors(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    wait_for_end(sleeper.pid, 0.001)
    assert sleeper.poll() is None


def test_a_signal_to_a_group(sleeper: subprocess.Popen[bytes]) -> None:
    signal_group(sleeper.pid, signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM
    signal_group(sleeper.pid, signal.SIGTERM)  # nobody is there any more


CARING = """
import signal, subprocess, sys
sleeper = subprocess.Popen(["sleep", "600"])
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
print("up", flush=True)
print("the sleeper ended with", sleeper.wait(), flush=True)
"""


def test_a_signal_is_sent_again_only_to_whoever_must_have_missed_it() -> None:
    """The leader of the group handles it, its child does not."""
    leader = subprocess.Popen([sys.executable, "-c", CARING], stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert leader.stdout is not None
    assert leader.stdout.readline() == "up\n"
    signal_missed(leader.pid, signal.SIGTERM)
    assert leader.communicate(timeout=60)[0] == "the sleeper ended with -15\n"
    signal_missed(leader.pid, signal.SIGTERM)


def test_a_signal_to_whoever_has_a_mark(sleeper: subprocess.Popen[bytes]) -> None:
    assert not signal_marked(f"{MARK}=a".encode(), signal.SIGKILL)
    assert sleeper.poll() is None
    assert signal_marked(f"{MARK}=a b".encode(), signal.SIGKILL)
    assert sleeper.wait() == -signal.SIGKILL
    assert not signal_marked(f"{MARK}=a b".encode(), signal.SIGKILL)
    assert Path("/proc/self/environ").exists()
