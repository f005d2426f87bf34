"""The driver dies and its blocks wait for it: the program is started again, too late, changed, twice, or not at all."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import processes
from tests.faults.test_driver_ends import Program, is_over, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Stopwatch

    Start = Callable[..., Program]

SCRIPT = Path(__file__).parent / "scripts" / "restarted.py"
WAIT = 60
QUICK = ("heartbeat_period=1", "heartbeat_threshold=3")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the program, with words for it; whatever is left of it after the test is killed."""
    os.chdir(tmp_path)
    with ExitStack() as stack:

        def begin(*words: str) -> Program:
            program = Program(*words, script=SCRIPT)
            stack.callback(program.close)
            return program

        yield begin


def jobs() -> list[Path]:
    """The scripts of all blocks that were ever submitted."""
    return sorted(Path("runinfo").glob("[0-9]*/submit_scripts/*.sh"))


def on_file(run: str) -> set[str]:
    """The blocks whose jobs are on file, to be found by the next driver."""
    return {line["block"] for line in told(run) if line["what"] == "block" and line.get("job")}


def told(run: str) -> list[dict[str, Any]]:
    whole = Path(f"runinfo/{run}/htex/blocks.jsonl").read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def log(run: str) -> str:
    return Path(f"runinfo/{run}/parsl_like.log").read_text()


def what_it_found(program: Program) -> dict[str, Any]:
    """Wait until the program has run its tasks; gives what it says of them."""
    line = program.says.readline()
    assert line, program.errors
    facts: dict[str, Any] = json.loads(line)
    assert facts["right"]
    return facts


def ends(program: Program, others: list[int], limit: float) -> None:
    """Let a program end in good order, and see that it takes everything with it, its blocks too."""
    Path("end").touch()
    is_over(program, others, limit)
    assert program.process.returncode == 0, program.errors


def all_connected(count: int = 2) -> list[int]:
    """Wait until the tasks that do not end run in all blocks; gives the managers."""
    processes.until(lambda: len(lines("go.began")) >= 2 * count, WAIT)
    return sorted(processes.of("manager"))


def lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def kill_with_interchange(program: Program) -> None:
    interchange = processes.one("interchange")
    program.process.send_signal(signal.SIGSTOP)  # or it would start another one
    os.kill(interchange, signal.SIGKILL)
    assert processes.wait_for_end([interchange], WAIT) == []
    kill(program)


def kill(program: Program) -> None:
    program.process.kill()
    program.process.wait()


# --- started again


@pytest.mark.fault(
    "driver",
    "killed, with reattach=60, and started again",
    "the same managers run its tasks, no block is added",
    bound=15,
)
@pytest.mark.parametrize("words", [(), ('transport="tcp"',), ("encrypted=false", 'transport="tcp"')])
def test_started_again(start: Start, words: tuple[str, ...], stopwatch: Stopwatch) -> None:
    first = start("hold", *words)
    first.is_ready()
    managers = all_connected()
    tasks = [int(pid) for pid in Path("go.began").read_text().split()]
    kill(first)
    with stopwatch:
        second = start("work", *words)
        found = what_it_found(second)
    assert found["managers"] == managers
    assert processes.alive(tasks) == []  # what was left of the dead run is gone
    assert len(jobs()) == 2
    ends(second, second.others(), WAIT)


@pytest.mark.fault(
    "driver", "killed again and again, with reattach=60", "the same managers run each one's tasks", bound=30
)
def test_started_again_and_again(start: Start, stopwatch: Stopwatch) -> None:
    first = start("hold")
    first.is_ready()
    managers = all_connected()
    kill(first)
    with stopwatch:
        for _ in range(2):
            Path("go.began").unlink()
            program = start("hold")
            program.is_ready()
            assert all_connected() == managers
            kill(program)
        last = start("work")
        assert what_it_found(last)["managers"] == managers
    assert len(jobs()) == 2
    ends(last, last.others(), WAIT)


@pytest.mark.fault(
    "driver",
    "killed with its interchange, with reattach=60, and started again",
    "the same managers run its tasks; old results are nobody's",
    bound=15,
)
def test_killed_with_its_interchange(start: Start, stopwatch: Stopwatch) -> None:
    """Managers have results of the dead run's tasks, which have the same numbers as those of the new run."""
    first = start("hold")
    first.is_ready()
    managers = all_connected()
    kill_with_interchange(first)
    Path("go").touch()
    processes.until(lambda: len(lines("go.ended")) >= 4, WAIT)
    with stopwatch:
        second = start("work")
        assert what_it_found(second)["managers"] == managers
    assert len(jobs()) == 2
    ends(second, second.others(), WAIT)


@pytest.mark.fault(
    "driver",
    "killed while it restarts its interchange, with reattach=60, and started again",
    "the same managers run its tasks",
    bound=15,
)
def test_killed_at_the_restart_of_its_interchange(start: Start, stopwatch: Stopwatch) -> None:
    """It listens already for the next interchange, and has told nobody of it."""
    first = start("hold")
    first.is_ready()
    managers = all_connected()
    kill_with_interchange(first)
    (sockets,) = {line["where"]["sockets"] for line in told("000") if line["what"] == "listening"}
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{sockets}/driver-data-2")
    with stopwatch:
        second = start("work")
        assert what_it_found(second)["managers"] == managers
    assert len(jobs()) == 2
    ends(second, second.others(), WAIT)


@pytest.mark.fault(
    "driver", "told to end, or ended by an exception, with reattach=60", "its blocks wait, and are taken over", bound=40
)
@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "exception"])
def test_other_deaths(start: Start, how: str, stopwatch: Stopwatch) -> None:
    first = start("fail" if how == "exception" else "hold")
    first.is_ready()
    managers = sorted(processes.of("manager")) if how == "exception" else all_connected()
    with stopwatch:
        if how != "exception":
            first.process.send_signal(getattr(signal, how))
        first.process.wait(stopwatch.limit)
        second = start("work")
        found = what_it_found(second)
    assert set(managers) <= set(found["managers"])
    assert len(jobs()) == 2
    assert "wait 60 s for this program to be started again" in log("000")
    ends(second, second.others(), WAIT)


@pytest.mark.fault(
    "driver",
    "killed before its blocks have started, with reattach=60",
    "they start and work for the next one",
    bound=20,
)
@pytest.mark.parametrize("meanwhile", ["driven", "kept", "forsaken"])
def test_blocks_that_start_later(start: Start, meanwhile: str, stopwatch: Stopwatch) -> None:
    words = ('worker_init="touch init.began; while [ ! -e started ]; do sleep 0.05; done"',)
    first = start("begin", *words)
    first.is_ready()
    processes.until(lambda: len(on_file("000")) == 2, WAIT)
    (kill_with_interchange if meanwhile == "forsaken" else kill)(first)
    with stopwatch:
        if meanwhile != "driven":
            Path("started").touch()
            processes.until(lambda: len(processes.of("worker")) == 4, WAIT)
        second = start("work", *words)
        Path("started").touch()
        found = what_it_found(second)
    assert len(found["managers"]) == 2
    assert len(jobs()) == 2
    ends(second, second.others(), WAIT)


# --- not started again


@pytest.mark.fault("driver", "killed, with reattach=4, and not started again", "all ends, 4 s later", bound=12)
def test_nobody_comes(start: Start, stopwatch: Stopwatch) -> None:
    program = start("hold", "reattach=4")
    others = program.is_ready()
    managers = all_connected()
    interchange_log = Path("runinfo/000/htex/interchange.log")
    with stopwatch:
        kill(program)
        processes.until(lambda: "managers wait 4 s for another driver" in interchange_log.read_text(), WAIT)
        assert sorted(processes.of("manager")) == managers
        is_over(program, others, stopwatch.limit)


@pytest.mark.fault(
    "driver",
    "killed with its interchange, with reattach=4, and not started again",
    "managers end by themselves",
    bound=22,
)
def test_nobody_comes_and_nobody_tells(start: Start, stopwatch: Stopwatch) -> None:
    program = start("hold", "reattach=4", *QUICK)
    program.is_ready()
    all_connected()
    with stopwatch:
        kill_with_interchange(program)
        processes.until(lambda: not ours(), stopwatch.limit, "the end of every process")
    for left in Path(os.environ["TMPDIR"]).iterdir():  # nobody has lived long enough to remove it
        for path in left.iterdir():
            path.unlink()
        left.rmdir()


# --- not for everybody


@pytest.mark.fault(
    "driver",
    "killed, and started again with another configuration",
    "blocks of its own; the others end in time",
    bound=30,
)
def test_another_key(start: Start, stopwatch: Stopwatch) -> None:
    first = start("hold", "reattach=5")
    others = first.is_ready()
    managers = all_connected()
    kill(first)
    with stopwatch:
        second = start("work", "reattach=5", "max_workers_per_node=3")
        found = what_it_found(second)
        assert not set(found["managers"]) & set(managers)
        assert "2 block(s) of" in log("001")
        assert "are not taken over" in log("001")
        assert processes.wait_for_end(others, stopwatch.limit) == []
    assert len(jobs()) == 4
    ends(second, second.others(), WAIT)


@pytest.mark.fault(
    "driver",
    "started a second time while it runs, with reattach=60",
    "each has blocks of its own, and says so",
    bound=30,
)
def test_two_at_once(start: Start, stopwatch: Stopwatch) -> None:
    first = start("hold")
    first.is_ready()
    managers = all_connected()
    with stopwatch:
        second = start("work")
        assert not set(what_it_found(second)["managers"]) & set(managers)
        assert "still runs; this run asks for blocks of its own" in log("001")
        Path("go").touch()
        assert first.says.readline() == "['old']\n", first.errors
        Path("end").touch()
        for program in (first, second):
            program.process.wait(stopwatch.limit)
            assert program.process.returncode == 0
        processes.until(lambda: not ours(), stopwatch.limit, "the end of every process")
    assert len(jobs()) == 4


@pytest.mark.fault(
    "driver",
    "killed, and its port is taken by somebody before it is started again",
    "its old blocks are ended, and others asked for",
    bound=30,
)
def test_a_port_is_taken(start: Start, stopwatch: Stopwatch) -> None:
    first = start("hold", 'transport="tcp"')
    first.is_ready()
    managers = all_connected()
    listening = next(line for line in lines("runinfo/000/htex/blocks.jsonl") if '"listening"' in line)
    port = int(json.loads(listening)["where"]["urls"][0][0].rpartition(":")[2])
    kill_with_interchange(first)
    with socket.create_server(("", port)), stopwatch:
        second = start("work", 'transport="tcp"')
        assert not set(what_it_found(second)["managers"]) & set(managers)
        assert processes.wait_for_end(managers, stopwatch.limit) == []
    assert "as their ports are taken" in log("001")
    assert len(jobs()) == 4
    ends(second, second.others(), WAIT)


@pytest.mark.fault(
    "driver", "cleaned up, or interrupted, with reattach=60", "its blocks end with it, as always", bound=30
)
@pytest.mark.parametrize("how", ["cleanup", "SIGINT"])
def test_an_end_on_purpose(start: Start, how: str, stopwatch: Stopwatch) -> None:
    program = start("hold")
    others = program.is_ready()
    all_connected()
    with stopwatch:
        if how == "cleanup":
            Path("go").touch()
        else:
            program.process.send_signal(signal.SIGINT)
        is_over(program, others, stopwatch.limit)
    assert program.process.returncode == (0 if how == "cleanup" else -signal.SIGINT)


@pytest.mark.fault(
    "driver",
    "two are started in the place of one that was killed",
    "one gets its blocks, the other one its own",
    bound=30,
)
def test_two_heirs(start: Start, stopwatch: Stopwatch) -> None:
    first = start("hold")
    first.is_ready()
    managers = all_connected()
    kill(first)
    with stopwatch:
        heirs = [start("work"), start("work")]
        found = [what_it_found(heir)["managers"] for heir in heirs]
    assert managers in found
    assert not set(found[0]) & set(found[1])
    assert len(jobs()) == 4
    Path("end").touch()
    for heir in heirs:
        heir.process.wait(WAIT)
        assert heir.process.returncode == 0, heir.errors
