"""The program dies at any moment, and nothing that was seen is lost: the next run has it from the checkpoint."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Stopwatch

SCRIPT = Path(__file__).parent / "scripts" / "checkpointed.py"
TASKS = 2000
WHOLE = sum(x**4 for x in range(TASKS))
PATIENCE = 120.0
PHASES = ("load", "run", "checkpoint", "cleanup")
MOMENTS = int(os.environ.get("PARSL_LIKE_FAULTS_KILLS", "10"))
"""How many moments; the issue's own count is 50."""
SEED = int(os.environ.get("PARSL_LIKE_FAULTS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)

STEP = 0.0005
"""How long a task takes, in seconds."""
ON_WORKERS = "async htex"
"""Checkpoints as usual, and tasks on worker processes."""


@dataclass
class Story:
    """What all programs of one run folder have done, one after the other.

    Attributes:
        ran: How often each task's function ran.
        repeated: Tasks whose function ran after their result had been seen.
    """

    ran: Counter[int] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)
    repeated: list[int] = field(default_factory=list)


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says something in the output of the tests, whether or not they pass: a seed that nobody sees is none."""

    def say(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line} ")

    return say


def story(notes: Path) -> Story:
    """The notes of all programs, in the order in which things happened."""
    told = Story()
    order: dict[str, int] = {}
    seen: dict[int, int] = {}
    for line in notes.read_text().splitlines() if notes.exists() else ():
        what, text, program = line.split()
        number, turn = int(text), order.setdefault(program, len(order))
        if what == "seen":
            seen.setdefault(number, turn)
        elif what == "ran":
            told.ran[number] += 1
            if turn >= seen.get(number, turn + 1):  # a worker may outlive its program for a moment
                told.repeated.append(number)
    told.seen = set(seen)
    return told


def started(folder: Path, mode: str, seconds: float) -> subprocess.Popen[str]:
    mode, _, where = mode.partition(" ")
    words = [str(folder / "runs"), str(folder / "notes"), str(TASKS), mode, str(seconds), where or "threads"]
    return subprocess.Popen([sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def length(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """How long each phase takes on this machine, in seconds; run for all of its parts together."""
    return lengths(tmp_path_factory.mktemp("length"), "sync")


@pytest.fixture(scope="module")
def length_on_workers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The same with worker processes."""
    return lengths(tmp_path_factory.mktemp("length"), ON_WORKERS)


def lengths(folder: Path, mode: str) -> dict[str, float]:
    """How long each phase takes."""
    spent = dict.fromkeys(PHASES, 0.0)
    for _ in range(2):  # the second time, there is something to load
        with started(folder, mode, STEP) as program:
            assert program.stdout is not None
            phase, since = "", time.monotonic()
            for line in program.stdout:
                now = time.monotonic()
                spent[phase] = max(spent.get(phase, 0.0), now - since)
                phase, since = line.strip(), now
            program.wait(PATIENCE)
    return {**spent, "run": 4 * spent["run"]}


def killed(folder: Path, mode: str, phase: str, nth: int, delay: float) -> str:
    """Start the program and kill it so many seconds after a phase has begun for the nth time; the last it said."""
    with started(folder, mode, STEP) as program:
        assert program.stdout is not None
        said = ""
        for line in program.stdout:
            said = line.strip()
            nth -= said == phase
            if nth == 0:
                break
        time.sleep(delay)
        program.send_signal(signal.SIGKILL)
        rest = program.stdout.read().split()
        program.wait(PATIENCE)
    return rest[-1] if rest else said


def ended(folder: Path, mode: str) -> int:
    """Run the program to its end; the sum it found."""
    with started(folder, mode, 0.0) as program:
        said, _ = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0
    return int(said.split()[-1])


def moments(count: int) -> list[tuple[int, str]]:
    """Numbers, each with the phase in which the program is killed: as many in each as can be."""
    return [(number, PHASES[number % len(PHASES)]) for number in range(count)]


@pytest.mark.fault(
    "checkpoint",
    "SIGKILL of the driver while it loads, runs, checkpoints or cleans up, with checkpoint_sync",
    "no task whose result was seen runs again; the end result is right",
)
@pytest.mark.parametrize(("number", "phase"), moments(MOMENTS), ids=str)
def test_no_task_whose_result_was_seen_runs_again(
    tmp_path: Path,
    length: dict[str, float],
    report: Callable[[str], None],
    stopwatch: Stopwatch,
    number: int,
    phase: str,
) -> None:
    chance = random.Random(SEED + number)
    last = []
    if phase == "load":  # there has to be something to load
        last.append(killed(tmp_path, "sync", "run", 1, chance.uniform(0.1, 0.9) * length["run"]))
    nth = chance.randint(1, 4) if phase == "checkpoint" else 1
    last.append(killed(tmp_path, "sync", phase, nth, chance.uniform(0, 0.9) * length[phase]))
    before = story(tmp_path / "notes")
    with stopwatch:
        total = ended(tmp_path, "sync")
    after = story(tmp_path / "notes")
    again = sum(after.ran.values()) - sum(before.ran.values())
    told = f"{len(before.seen)} seen, {sum(before.ran.values())} ran; then {again} more"
    report(f"PARSL_LIKE_FAULTS_SEED={SEED}, {number}: killed in {phase}, last said {last}; {told}")
    assert total == WHOLE
    assert after.repeated == []
    assert len(after.ran) == len(after.seen) == TASKS


@pytest.mark.fault(
    "checkpoint",
    "SIGKILL of the driver again and again, without checkpoint_sync",
    "each run goes on where the one before was; no task whose result was seen runs again",
)
@pytest.mark.parametrize("number", [MOMENTS, MOMENTS + 1])
def test_many_kills_of_one_run_of_which_each_gets_further(
    tmp_path: Path, length: dict[str, float], report: Callable[[str], None], stopwatch: Stopwatch, number: int
) -> None:
    """Without waiting for the disk: the system has what was seen, and it goes on when the program does not."""
    chance = random.Random(SEED + number)
    last = [killed(tmp_path, "async", "run", 1, chance.uniform(0, 0.2) * length["run"]) for _ in range(4)]
    with stopwatch:
        total = ended(tmp_path, "async")
    told = story(tmp_path / "notes")
    again = f"{sum(told.ran.values())} ran, {len(told.repeated)} of them again"
    report(f"PARSL_LIKE_FAULTS_SEED={SEED}, {number}: last said {last}; {again}")
    assert total == WHOLE
    assert told.repeated == []
    assert set(told.ran) == told.seen == set(range(TASKS))


@pytest.mark.fault(
    "checkpoint",
    "SIGKILL of a driver whose tasks run on worker processes",
    "no task whose result was seen runs again; the end result is right",
)
@pytest.mark.parametrize(("number", "phase"), moments(max(4, MOMENTS // 3)), ids=str)
def test_results_of_workers_are_not_lost_either(
    tmp_path: Path,
    length_on_workers: dict[str, float],
    report: Callable[[str], None],
    stopwatch: Stopwatch,
    number: int,
    phase: str,
) -> None:
    chance = random.Random(SEED + 1000 + number)
    last = []
    if phase == "load":
        last.append(killed(tmp_path, ON_WORKERS, "run", 1, chance.uniform(0.1, 0.9) * length_on_workers["run"]))
    last.append(killed(tmp_path, ON_WORKERS, phase, 1, chance.uniform(0, 0.9) * length_on_workers[phase]))
    before = len(story(tmp_path / "notes").seen)
    with stopwatch:
        total = ended(tmp_path, ON_WORKERS)
    told = story(tmp_path / "notes")
    report(f"PARSL_LIKE_FAULTS_SEED={SEED}, {number}: killed in {phase} of workers, last said {last}; {before} seen")
    assert total == WHOLE
    assert told.repeated == []
    assert set(told.ran) == told.seen == set(range(TASKS))
