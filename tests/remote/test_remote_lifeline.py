"""What a command started goes with the process that runs the command, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.remote.bash import BashCommand
from parsl_like.remote.lifeline import Lifeline

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel has to have F_SETSIG"),
]

PATIENCE_S = 60.0

RUNNER = """
import sys
from parsl_like.remote.bash import BashCommand
print("begins", flush=True)
BashCommand(lambda: sys.argv[1], "app")()
print("ended", flush=True)
"""

TREE = """
bash -c 'sleep 1000 & (trap "" TERM HUP; echo $BASHPID >> {0}/pids; while :; do sleep 0.1; done) & wait; wait' &
echo $$ >> {0}/pids; echo $! >> {0}/pids
while [ "$(wc -l < {0}/pids)" -lt 3 ]; do sleep 0.01; done
touch {0}/ready
wait; wait
"""


def unmeasured() -> dict[str, str]:
    """The environment without coverage, which has a SIGTERM handler of its own, and a worker has none."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


class Runner:
    """A process that runs one command, as a worker does."""

    def __init__(self, text: str, code: str = RUNNER) -> None:
        command = [sys.executable, "-c", code, text]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=unmeasured()
        )

    def words(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.read().split()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def runners() -> Iterator[list[Runner]]:
    runners: list[Runner] = []
    yield runners
    for runner in runners:
        runner.end()


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        threading.Event().wait(0.01)


def pids(tmp_path: Path) -> list[int]:
    return [int(line) for line in (tmp_path / "pids").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_gone(found: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while left := [pid for pid in found if runs(pid)]:
        assert time.monotonic() < deadline, f"{left} still run"
        threading.Event().wait(0.01)


@pytest.mark.parametrize("group", [True, False])
def test_a_killed_worker_takes_the_whole_tree_along(tmp_path: Path, runners: list[Runner], group: bool) -> None:
    runners.append(Runner(TREE.format(tmp_path)))
    wait_for_file(tmp_path / "ready")
    found = pids(tmp_path)
    assert len(found) == 3
    assert all(map(runs, found))
    (os.killpg if group else os.kill)(runners[0].process.pid, signal.SIGKILL)
    wait_until_gone(found)


def test_one_that_exits_under_its_thread_does_too(tmp_path: Path, runners: list[Runner]) -> None:
    code = RUNNER.replace(
        "BashCommand(lambda",
        "import os, threading, time; threading.Timer(1, os._exit, [3]).start(); BashCommand(lambda",
    )
    runners.append(Runner(TREE.format(tmp_path), code))
    wait_for_file(tmp_path / "ready")
    assert runners[0].process.wait(PATIENCE_S) == 3
    wait_until_gone(pids(tmp_path))


POLITE = """
trap 'sleep 0.5; echo cleaned > {0}/cleaned; exit 5' TERM
echo $$ > {0}/pids
touch {0}/ready
while :; do sleep 0.05; done
"""


def test_who_is_told_to_end_leaves_its_command_the_time_to_clean_up(tmp_path: Path, runners: list[Runner]) -> None:
    """As a manager tells them: the worker's group, and what has left it."""
    patient = "import parsl_like.remote.bash as module; module.GRACE_S = 60.0\n"
    runners.append(Runner(POLITE.format(tmp_path), patient + RUNNER))
    wait_for_file(tmp_path / "ready")
    os.killpg(runners[0].process.pid, signal.SIGTERM)
    os.killpg(pids(tmp_path)[0], signal.SIGTERM)
    assert runners[0].process.wait(PATIENCE_S) == -signal.SIGTERM
    assert (tmp_path / "cleaned").exists()
    wait_until_gone(pids(tmp_path))
    assert runners[0].words() == ["begins"]


EARLY = """
import os, signal, subprocess
from parsl_like.remote.lifeline import Lifeline

with Lifeline(60.0) as lifeline:
    os.kill(os.getpid(), signal.SIGTERM)
    if {starts}:
        command = ["bash", "-c", "sleep 0.3; echo cleaned > {out}"]
        process = subprocess.Popen(command, start_new_session=True, pass_fds=lifeline.inherited)
        lifeline.tie(process.pid)
    print("goes on", flush=True)
print("is out", flush=True)
"""


@pytest.mark.parametrize(("starts", "said"), [(True, ""), (False, "goes on\n")])
def test_who_is_told_while_its_command_is_being_started_ends_after_it(tmp_path: Path, starts: bool, said: str) -> None:
    code = EARLY.format(starts=starts, out=tmp_path / "cleaned")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=unmeasured(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, said, "")
    assert (tmp_path / "cleaned").exists() == starts


def test_but_not_for_ever(tmp_path: Path, runners: list[Runner]) -> None:
    runners.append(Runner(TREE.format(tmp_path)))
    wait_for_file(tmp_path / "ready")
    os.kill(runners[0].process.pid, signal.SIGTERM)  # nobody tells the command
    assert runners[0].process.wait(PATIENCE_S) == -signal.SIGTERM
    wait_until_gone(pids(tmp_path))


def test_what_a_command_leaves_behind_on_purpose_stays(tmp_path: Path) -> None:
    out = tmp_path / "pid"
    assert BashCommand(lambda: f"sleep 1000 > /dev/null 2>&1 & echo $! > {out}", "app")() == 0
    pid = int(out.read_text())
    try:
        assert runs(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
    wait_until_gone([pid])


def test_a_handler_of_the_programs_own_is_left_alone() -> None:
    def own(number: int, frame: object) -> None:
        """Somebody else's."""

    before = signal.signal(signal.SIGTERM, own)
    try:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, process_group=0) as child, Lifeline(1.0) as lifeline:
            lifeline.tie(child.pid)
            assert signal.getsignal(signal.SIGTERM) is own
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_default_comes_back() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        assert BashCommand(lambda: "true", "app")() == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_without_the_module_commands_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with Lifeline(1.0) as lifeline:
        assert lifeline.inherited == ()
        lifeline.tie(1)
