"""A bash app's command: its streams, its exit code, its files, its time, and the end of everything it has started."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from parsl_like.errors import (
    AppBadFormatting,
    AppException,
    AppTimeout,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    MissingOutputs,
)
from parsl_like.remote import bash, process_group, streams
from parsl_like.remote.bash import BashCommand
from parsl_like.remote.call import run_call
from parsl_like.serialize import pack_call, pack_function, unpack_failure, unpack_function

pytestmark = pytest.mark.integration


def command(text: str, **options: Any) -> int:
    return BashCommand(lambda: text, "app")(**options)


def test_a_command_that_succeeds(tmp_path: Path) -> None:
    out, err = tmp_path / "new" / "out", tmp_path / "err"
    assert command("echo hello; echo oops >&2", stdout=str(out), stderr=err) == 0
    assert (out.read_text(), err.read_text()) == ("hello\n", "oops\n")


def test_output_is_appended_unless_a_mode_says_otherwise(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("echo 1", stdout=out)
    command("echo 2", stdout=out)
    assert out.read_text() == "1\n2\n"
    command("echo 3", stdout=(out, "w"))
    assert out.read_text() == "3\n"


def test_both_streams_in_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("echo 1; echo 2 >&2; echo 3", stdout=(out, "w"), stderr=(str(out), "w"))
    assert out.read_text() == "1\n2\n3\n"


def test_standard_input_is_empty(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("cat; echo end", stdout=out)
    assert out.read_text() == "end\n"


def test_it_is_bash_and_braces_are_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("a=(x y); [[ -n ${a[1]} ]] && echo ${a[1]} '{0}' {p,q}", stdout=out)
    assert out.read_text() == "y {0} p q\n"


# --- arguments


def test_the_function_gets_the_reserved_arguments_it_declares(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def declares(x: int, inputs: Any = (), stdout: Any = None) -> str:
        seen.update(x=x, inputs=inputs, stdout=stdout)
        return "true"

    def takes_any(**kwargs: Any) -> str:
        seen.update(kwargs)
        return "true"

    out = str(tmp_path / "out")
    BashCommand(declares, "app")(1, inputs=["a"], stdout=out, stderr=None, walltime=60)
    assert seen == {"x": 1, "inputs": ["a"], "stdout": out}
    seen.clear()
    BashCommand(takes_any, "app")(walltime=60, other=2)
    assert seen == {"walltime": 60, "other": 2}


def test_defaults_of_the_signature_count(tmp_path: Path) -> None:
    out = str(tmp_path / "out")

    def app(stdout: str = out, walltime: int = 60) -> str:
        return f"echo {walltime}"

    BashCommand(app, "app")()
    assert Path(out).read_text() == "60\n"
    BashCommand(app, "app")(walltime=61)
    assert Path(out).read_text() == "60\n61\n"


def test_an_argument_nobody_knows_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'unknown'"):
        command("true", unknown=1)


def test_a_builtin_makes_the_command() -> None:
    assert BashCommand(str, "app")("true") == 0
    assert BashCommand("{} {}".format, "app")("true", 1) == 0


# --- failures


def test_a_failing_command_says_everything(tmp_path: Path) -> None:
    out, err = str(tmp_path / "out"), str(tmp_path / "err")
    with pytest.raises(BashExitFailure) as caught:
        command("for i in {1..30}; do echo line $i >&2; done; exit 7", stdout=(out, "w"), stderr=err)
    error = caught.value
    assert (error.app_name, error.exitcode, error.stdout, error.stderr) == ("app", 7, out, err)
    assert error.command is not None
    assert error.command.endswith("exit 7")
    assert error.stderr_tail is not None
    assert error.stderr_tail.splitlines() == [f"line {i}" for i in range(11, 31)]


def test_only_what_this_command_wrote_is_quoted(tmp_path: Path) -> None:
    err = tmp_path / "err"
    err.write_text("from an earlier try\n")
    with pytest.raises(BashExitFailure) as caught:
        command("echo now >&2; false", stderr=err)
    assert caught.value.stderr_tail == "now"


def test_a_huge_line_is_quoted_in_part(tmp_path: Path) -> None:
    with pytest.raises(BashExitFailure) as caught:
        command("head -c 1000000 /dev/zero | tr '\\0' x >&2; false", stderr=tmp_path / "err")
    assert caught.value.stderr_tail == "x" * streams.TAIL_BYTES


def test_an_error_file_that_the_command_removed(tmp_path: Path) -> None:
    err = tmp_path / "err"
    with pytest.raises(BashExitFailure) as caught:
        command(f"rm {err}; false", stderr=err)
    assert "cannot be read" in str(caught.value.stderr_tail)


def test_nothing_captured_nothing_quoted() -> None:
    with pytest.raises(BashExitFailure) as caught:
        command("exit 3")
    assert (caught.value.stdout, caught.value.stderr, caught.value.stderr_tail) == (None, None, None)


def test_a_signal_is_a_negative_code() -> None:
    with pytest.raises(BashExitFailure) as caught:
        command("kill -KILL $$")
    assert caught.value.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(("value", "name"), [(None, "nothing"), (3, "int"), (b"true", "bytes"), (["ls"], "list")])
def test_what_is_no_command_line(value: Any, name: str) -> None:
    with pytest.raises(BashAppNoReturn, match=name):
        BashCommand(lambda: value, "app")()


@pytest.mark.parametrize(
    ("template", "error"), [("{0} {5}", AppBadFormatting), ("{0.nothing}", BashAppNoReturn), ("{missing}", KeyError)]
)
def test_formatting_that_fails(template: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"bash_app app could not be made|^'missing'$"):
        BashCommand(lambda x: template.format(x), "app")(1)  # noqa: PLW0108


def test_other_errors_of_the_function_are_its_own() -> None:
    with pytest.raises(ZeroDivisionError):
        BashCommand(lambda: str(1 / 0), "app")()


def test_a_nul_character() -> None:
    with pytest.raises(AppBadFormatting, match="NUL character at position 5"):
        command("echo \0")


def test_a_command_line_too_long_for_the_system() -> None:
    with pytest.raises(AppException, match="write a long command line into a file"):
        command("true " + "x" * 3_000_000)


def test_streams_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadStdStreamFile, match="stdout"):
        command("true", stdout=tmp_path / "file" / "out")
    with pytest.raises(BadStdStreamFile, match="stderr"):
        command("true", stdout=tmp_path / "out", stderr=tmp_path)
    with pytest.raises(BadStdStreamFile, match="int"):
        command("true", stdout=-1)


def test_no_bash_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path != "/bin/bash" and exists(path))
    assert command("true") == 0  # another one on PATH will do
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AppException, match="install bash on the node"):
        command("true")


def test_outputs_must_be_there(tmp_path: Path) -> None:
    class Described:
        filepath = str(tmp_path / "b")

    outputs = [str(tmp_path / "a"), Described(), tmp_path / "c"]
    with pytest.raises(MissingOutputs) as caught:
        command(f"touch {tmp_path / 'a'}", outputs=outputs)
    assert caught.value.outputs == outputs[1:]
    assert str([str(tmp_path / "b"), str(tmp_path / "c")]) in str(caught.value)
    assert command(f"touch {tmp_path}/{{a,b,c}}", outputs=outputs) == 0


# --- time and process trees


def wait_until_gone(pid: int) -> bool:
    """Whether the process has ended or is only waiting to be reaped by whoever adopted it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        threading.Event().wait(0.01)
    return False


TREE = """
{trap}
bash -c '{trap} sleep 1000 & echo $! >> {pids}; wait; wait' &
echo $$ >> {pids}; echo $! >> {pids}
while [ "$(wc -l < {pids})" -lt 3 ]; do sleep 0.01; done
touch {ready}
wait; wait; sleep 1000
"""


def tree(tmp_path: Path, trap: str = "") -> str:
    return TREE.format(trap=trap, pids=tmp_path / "pids", ready=tmp_path / "ready")


def pids(tmp_path: Path) -> list[int]:
    return [int(line) for line in (tmp_path / "pids").read_text().split()]


@pytest.fixture
def _clock_from_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walltime that begins when the command says so, however slow the machine is."""
    real = bash.running

    def running(process: Any, limit: float | None) -> int:
        wait_for_file(tmp_path / "ready")
        return real(process, limit)

    monkeypatch.setattr(bash, "running", running)


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        threading.Event().wait(0.01)


@pytest.mark.usefixtures("_clock_from_ready")
def test_the_walltime_ends_the_whole_tree(tmp_path: Path) -> None:
    with pytest.raises(AppTimeout, match=r"bash_app app exceeded its walltime of 0\.05 s"):
        command(tree(tmp_path), walltime=0.05)
    assert len(pids(tmp_path)) == 3
    assert all(wait_until_gone(pid) for pid in pids(tmp_path))


@pytest.mark.usefixtures("_clock_from_ready")
def test_a_tree_that_ignores_the_polite_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bash, "GRACE_S", 0.2)
    with pytest.raises(AppTimeout):
        command(tree(tmp_path, 'trap "" TERM;'), walltime=0.05)
    assert len(pids(tmp_path)) == 3
    assert all(wait_until_gone(pid) for pid in pids(tmp_path))


@pytest.mark.usefixtures("_clock_from_ready")
def test_a_leader_that_ends_politely_does_not_save_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bash, "GRACE_S", 0.2)
    text = (
        f"(trap '' TERM; echo $BASHPID > {tmp_path}/pids; touch {tmp_path}/ready; while :; do sleep 0.05; done) & wait"
    )
    with pytest.raises(AppTimeout):
        command(text, walltime=0.05)
    assert all(wait_until_gone(pid) for pid in pids(tmp_path))


def test_a_walltime_that_suffices() -> None:
    assert command("true", walltime=600) == 0
    assert command("true", walltime=1e12) == 0
    with pytest.raises(AppTimeout):
        command("sleep 1000", walltime=0)


def test_without_pidfds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert command("true", walltime=600) == 0
    with pytest.raises(AppTimeout):
        command("sleep 1000", walltime=0.05)


def test_the_command_has_a_group_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("echo $$; ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat", stdout=out)
    pid, group = out.read_text().split()
    assert pid == group
    assert int(group) != os.getpgrp()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_session_of_its_own_only_where_there_is_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(bash, "has_terminal", lambda: terminal)
    out = tmp_path / "out"
    command("cut -d' ' -f6 /proc/$$/stat", stdout=out)
    assert (int(out.read_text()) != os.getsid(0)) is terminal


def test_an_interrupt_ends_the_tree_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(process: Any, limit: Any) -> int:
        wait_for_file(tmp_path / "ready")
        raise KeyboardInterrupt

    monkeypatch.setattr(bash, "running", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command(tree(tmp_path))
    assert all(wait_until_gone(pid) for pid in pids(tmp_path))


@pytest.mark.usefixtures("_clock_from_ready")
def test_what_has_left_the_group_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bash, "GRACE_S", 0.2)
    inner = f"echo $$ >> {tmp_path}/pids; sleep 1000; :"
    with pytest.raises(AppTimeout):
        command(
            f"timeout 999 bash -c '{inner}' & setsid bash -c 'trap \"\" TERM; {inner}' & "
            f'while [ "$(wc -l < {tmp_path}/pids)" -lt 2 ]; do sleep 0.01; done; touch {tmp_path}/ready; wait',
            walltime=0.05,
        )
    assert len(pids(tmp_path)) == 2
    assert all(wait_until_gone(pid) for pid in pids(tmp_path))


def test_one_that_cannot_be_killed_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that the kernel holds, in a dead file system for instance."""
    monkeypatch.setattr(bash, "GRACE_S", 0.05)
    monkeypatch.setattr(process_group, "_LAST_WAIT_S", 0.05)
    monkeypatch.setattr(process_group, "_signal", lambda process, number: None)
    started: list[Any] = []
    real = bash._start

    def start(*args: Any) -> Any:
        started.append(real(*args))
        return started[0]

    monkeypatch.setattr(bash, "_start", start)
    with pytest.raises(AppTimeout):
        command("exec sleep 1000", walltime=0.05)
    assert started[0].poll() is None
    started[0].kill()
    started[0].wait()


# --- as a task


def test_it_can_be_sent_and_its_failure_comes_back(tmp_path: Path) -> None:
    code = 4
    sent = unpack_function(pack_function(BashCommand(lambda n: f"exit {n + code}", "app")).blob)
    outcome = run_call(sent, *pack_call((1,), {"stderr": str(tmp_path / "err")}))
    error = unpack_failure(outcome.body)
    assert type(error) is BashExitFailure
    assert (error.exitcode, error.command) == (5, "exit 5")
    assert pack_function(sent).name == "app"
    assert run_call(sent, *pack_call((-4,), {})).ok
