"""The program ends in every way there is, and takes everything with it that it has started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Stopwatch

WAIT = 90
SCRIPT = Path(__file__).parent / "scripts" / "driver.py"


class Program:
    """A program of the user's, in a directory and a session of its own."""

    def __init__(self, *words: str, script: Path = SCRIPT, **options: Any) -> None:
        self._errors = Path(f"{script.stem}.stderr").absolute()
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(script), *words],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                **options,
            )
        assert self.process.stdout is not None
        self.says = self.process.stdout

    def is_ready(self) -> list[int]:
        """Wait until it says so; gives all processes that it has started."""
        assert self.says.readline() == "ready\n", self.errors
        return self.others()

    def others(self) -> list[int]:
        """What has been started by it, directly or not, and runs."""
        return [pid for pid in ours() if pid != self.process.pid]

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def close(self) -> None:
        for pid in ours():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.says.close()
        self.process.wait()


def ours() -> list[int]:
    """Everything that carries the mark of this test, and runs."""
    mark, found = os.environ[processes.MARK], []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(processes.MARK) == mark:
                found.append(process.pid)
    return processes.alive(found)


def kept_secrets() -> list[Path]:
    """What there is of keys and sockets, in the run directory and outside."""
    found = [path for path in Path("runinfo").rglob("*") if path.suffix == ".key" or path.name == "certificates"]
    return found + list(Path(os.environ["TMPDIR"]).iterdir())


def is_over(program: Program, others: list[int], limit: float) -> None:
    """Wait until the program and all it has started are gone, and see that nothing is left of them."""
    program.process.wait(limit)
    assert processes.wait_for_end(others, limit) == []
    processes.until(lambda: not ours(), limit, "the end of every process")
    processes.until(lambda: not kept_secrets(), limit, "the end of keys and sockets")


def was_cleaned_up(tasks: int) -> None:
    """See that futures have ended and jobs were cancelled, if they had not ended well before that, being told to."""
    facts = json.loads(Path("runinfo/000/run.json").read_text())
    assert facts["summary"]["states"].get("failed", 0) == tasks
    jobs = Path("runinfo/000/submit_scripts")
    assert list(jobs.glob("*.cancelled")) or [path.read_text() for path in jobs.glob("*.ec")] == ["0\n"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts programs; whatever is left of them after the test is killed."""
    os.chdir(tmp_path)
    with ExitStack() as stack:

        def begin(*words: str, **options: Any) -> Program:
            program = Program(*words, **options)
            stack.callback(program.close)
            return program

        yield begin


# --- without a word


@pytest.mark.fault("driver", "killed (SIGKILL)", "no process, socket, key or memory is left", bound=10)
@pytest.mark.parametrize("situation", ["loading", "starting", "idle", "running", "queued", "bash"])
def test_killed(start: Callable[..., Program], situation: str, stopwatch: Stopwatch) -> None:
    program = start(situation, "wait")
    others = program.is_ready()
    with stopwatch:
        program.process.kill()
        is_over(program, others, stopwatch.limit)


@pytest.mark.fault("driver", "os._exit, or a crash of the interpreter", "nothing is left of it", bound=10)
@pytest.mark.parametrize(("how", "code"), [("at_once", 7), ("crash", -signal.SIGSEGV)])
def test_gone_at_once(start: Callable[..., Program], how: str, code: int, stopwatch: Stopwatch) -> None:
    program = start("running", how, "with")
    others = program.is_ready()
    with stopwatch:
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == code


@pytest.mark.fault("driver", "killed while the interchange is stopped", "the interchange wakes up and ends", bound=10)
def test_killed_while_the_interchange_is_stopped(start: Callable[..., Program], stopwatch: Stopwatch) -> None:
    program = start("running", "wait")
    others = program.is_ready()
    os.kill(processes.one("interchange"), signal.SIGSTOP)
    with stopwatch:
        program.process.kill()
        is_over(program, others, stopwatch.limit)


@pytest.mark.fault("driver", "killed while a child that it has forked lives on", "nothing else is left", bound=15)
def test_killed_while_a_fork_lives_on(start: Callable[..., Program], stopwatch: Stopwatch) -> None:
    program = start(script=SCRIPT.with_name("forker.py"))
    others = program.is_ready()
    (fork,) = map(int, program.says.readline().split())
    with stopwatch:
        program.process.kill()
        program.process.wait()
        assert processes.wait_for_end([pid for pid in others if pid != fork], stopwatch.limit) == []
    assert processes.alive([fork]) == [fork]


# --- told to end


@pytest.mark.fault("driver", "SIGTERM or SIGHUP", "cleanup: jobs and futures cancelled, dies of the signal", bound=30)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("situation", ["starting", "queued", "bash"])
def test_told_to_end(
    start: Callable[..., Program], situation: str, number: signal.Signals, stopwatch: Stopwatch
) -> None:
    program = start(situation, "wait", "with" if number == signal.SIGHUP else "")
    others = program.is_ready()
    with stopwatch:
        program.process.send_signal(number)
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == -number  # a shell makes 143 or 129 of it
    was_cleaned_up({"starting": 1, "queued": 10_000, "bash": 2}[situation])


@pytest.mark.fault("driver", "SIGTERM between two steps of a busy program", "no lock keeps it from ending", bound=10)
@pytest.mark.parametrize("tasks", [1, 500, 1000, 2000])
def test_told_to_end_while_it_is_busy(start: Callable[..., Program], tasks: int, stopwatch: Stopwatch) -> None:
    program = start(script=SCRIPT.with_name("busy.py"))
    program.is_ready()
    assert [program.says.readline() for _ in range(tasks)][-1] == "task\n"
    with stopwatch:
        program.process.terminate()
        program.says.read()  # nobody may be left that waits to be heard
        program.process.wait(stopwatch.limit)
    assert program.process.returncode == -signal.SIGTERM


@pytest.mark.fault("driver", "Ctrl-C, to it alone or to its group", "cleanup, then it dies of SIGINT", bound=30)
@pytest.mark.parametrize("situation", ["starting", "queued", "bash"])
@pytest.mark.parametrize(("send", "block"), [(os.kill, ""), (os.killpg, "with")])
def test_interrupted(
    start: Callable[..., Program], situation: str, send: Any, block: str, stopwatch: Stopwatch
) -> None:
    program = start(situation, "wait", block)
    others = program.is_ready()
    with stopwatch:
        send(program.process.pid, signal.SIGINT)
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == -signal.SIGINT  # a shell makes 130 of it
    assert program.errors.rstrip().endswith("KeyboardInterrupt")
    was_cleaned_up({"starting": 1, "queued": 10_000, "bash": 2}[situation])


@pytest.mark.fault("driver", "told to end while the interchange is stopped", "cleanup all the same", bound=30)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_the_interchange_is_stopped(
    start: Callable[..., Program], number: signal.Signals, stopwatch: Stopwatch
) -> None:
    program = start("running", "wait")
    others = program.is_ready()
    os.kill(processes.one("interchange"), signal.SIGSTOP)
    with stopwatch:
        program.process.send_signal(number)
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == -number
    was_cleaned_up(4)


@pytest.mark.fault("driver", "Ctrl-C or SIGTERM while it cleans up", "the cleanup is finished first", bound=30)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_it_cleans_up(
    start: Callable[..., Program], number: signal.Signals, stopwatch: Stopwatch
) -> None:
    program = start(script=SCRIPT.with_name("slow_end.py"))
    others = program.is_ready()
    assert program.says.readline() == "closing\n"
    with stopwatch:
        program.process.send_signal(number)
        Path("go").touch()
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == -number
    was_cleaned_up(0)


@pytest.mark.fault("driver", "told twice while its cleanup hangs", "it ends at once, and nothing is left", bound=10)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_twice(start: Callable[..., Program], number: signal.Signals, stopwatch: Stopwatch) -> None:
    program = start(script=SCRIPT.with_name("slow_end.py"))
    others = program.is_ready()
    assert program.says.readline() == "closing\n"
    with stopwatch:
        program.process.send_signal(number)
        # The second one must be another: signals of a kind that are sent together arrive as one.
        processes.until(lambda: not pending(program.process.pid, number), WAIT)
        program.process.send_signal(number)
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == -number


def pending(pid: int, number: int) -> bool:
    """Whether a signal has been sent to a process, and not yet delivered."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


@pytest.mark.fault("driver", "SIGTERM, where the program has its own answer", "the program's answer counts", bound=30)
def test_the_programs_own_answer_counts(start: Callable[..., Program], stopwatch: Stopwatch) -> None:
    program = start(script=SCRIPT.with_name("own_handler.py"))
    others = program.is_ready()
    with stopwatch:
        program.process.terminate()
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == 3
    was_cleaned_up(0)


# --- by itself


@pytest.mark.fault("driver", "unhandled exception, sys.exit, or just over", "cleanup; the exit code is kept", bound=30)
@pytest.mark.parametrize(("how", "code"), [("exception", 1), ("leave", 5), ("end", 0)])
@pytest.mark.parametrize(
    ("situation", "tasks", "block"), [("starting", 1, "with"), ("queued", 10_000, ""), ("bash", 2, "")]
)
def test_ends_by_itself(
    start: Callable[..., Program],
    how: str,
    code: int,
    situation: str,
    tasks: int,
    block: str,
    stopwatch: Stopwatch,
) -> None:
    program = start(situation, how, block)
    others = program.is_ready()
    with stopwatch:
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == code
    assert ("ValueError: on purpose" in program.errors) == (how == "exception")
    was_cleaned_up(tasks)


@pytest.mark.fault(
    "driver", "an interactive session is hung up, and started anew", "nothing of the old one is left", bound=30
)
@pytest.mark.parametrize("way", ["hang up", "kill", "end of input"])
def test_an_interactive_session_started_anew(tmp_path: Path, way: str, stopwatch: Stopwatch) -> None:
    os.chdir(tmp_path)
    with Session() as first:
        first.say("from driver import *; parsl_like.load(config())")
        first.say("print('sum', add(20, 1).result())")
        first.hears("sum 21")
        first.say("running(); print('run' + 'ning')")
        first.hears("running")
        others = [pid for pid in ours() if pid != first.process.pid]
        with stopwatch:
            if way == "kill":
                first.process.kill()
            elif way == "end of input":
                first.say("\x04", end="")
            else:
                first.hang_up()
            first.process.wait(stopwatch.limit)
            assert processes.wait_for_end(others, stopwatch.limit) == []
            processes.until(lambda: not kept_secrets(), stopwatch.limit)
    with Session() as second:
        second.say("from driver import *; parsl_like.load(config())")
        second.say("print('sum', add(20, 2).result())")
        second.hears("sum 22")
        second.say("parsl_like.clear(); exit()")
        assert second.process.wait(WAIT) == 0


class Session:
    """The interpreter at a terminal of its own, with somebody who types."""

    def __init__(self) -> None:
        self._ours, theirs = os.openpty()
        self._heard = ""
        self.process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-q", "-i"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "PYTHONPATH": f"{os.environ['PYTHONPATH']}:{SCRIPT.parent}", "TERM": "dumb"},
            start_new_session=False,
        )
        os.close(theirs)

    def say(self, text: str, end: str = "\n") -> None:
        os.write(self._ours, (text + end).encode())

    def hears(self, text: str) -> None:
        """Read until the terminal shows a line, and the prompt for the next: sooner, an end of input gets lost."""
        while f"\n{text}\r\n>>> " not in self._heard:
            self._heard += os.read(self._ours, 4096).decode()
        self._heard = self._heard.partition(f"\n{text}\r\n>>> ")[2]

    def hang_up(self) -> None:
        os.close(self._ours)
        self._ours = -1

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours >= 0:
            os.close(self._ours)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


# --- only stopped


@pytest.mark.fault("driver", "stopped for longer than the threshold, then continued", "the run goes on", bound=30)
def test_stopped_and_continued(start: Callable[..., Program], stopwatch: Stopwatch) -> None:
    program = start("running", "finish")
    others = program.is_ready()
    program.process.send_signal(signal.SIGSTOP)
    # Nothing announces that nothing happens: the threshold is 5 s, and processes check every second.
    assert processes.wait_for_end(others, 9) == processes.alive(others) != []
    assert sorted(processes.alive(others)) == sorted(others)
    with stopwatch:
        program.process.send_signal(signal.SIGCONT)
        Path("go").touch()
        assert program.says.readline() == f"{['go'] * 4} {{'exec_done': 4}}\n"
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == 0
    assert len(Path("go.began").read_text().splitlines()) == 4
