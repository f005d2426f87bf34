from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from parsl_like.utils import (
    AutoCancelTimer,
    RepresentationMixin,
    Timer,
    execute_wait,
    get_all_checkpoints,
    get_last_checkpoint,
    time_limited_open,
)

# --- checkpoints


def make_runs(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir(parents=True)


def test_checkpoints_come_in_the_order_of_the_runs(tmp_path: Path) -> None:
    make_runs(tmp_path, "999/checkpoint", "1000/checkpoint", "000/checkpoint", "001", "latest/checkpoint", "1001")
    (tmp_path / "002").touch()
    assert get_all_checkpoints(tmp_path) == [f"{tmp_path}/{run}/checkpoint" for run in ("000", "999", "1000")]
    assert get_last_checkpoint(tmp_path) == [f"{tmp_path}/1000/checkpoint"]  # the newest run has none
    make_runs(tmp_path, "1001/checkpoint")
    assert get_last_checkpoint(str(tmp_path)) == [f"{tmp_path}/1001/checkpoint"]


def test_by_default_they_are_looked_for_in_runinfo_and_said_absolutely() -> None:
    make_runs(Path("runinfo"), "000/checkpoint")
    assert get_all_checkpoints() == get_last_checkpoint() == [os.path.abspath("runinfo/000/checkpoint")]


def test_without_runs_there_are_none(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        assert get_all_checkpoints(place) == []
        assert get_last_checkpoint(place) == []


# --- files and commands


def test_a_file_that_appears_in_time_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "late"
    with AutoCancelTimer(0.05, lambda: path.write_text("here")), time_limited_open(path, "r", seconds=30) as file:
        text = file.read()
    assert text in ("here", "")  # it may be seen before it is written to
    with time_limited_open(path, "rb", seconds=0) as file:
        assert file.read() == b"here"


def test_a_file_that_does_not_appear_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), time_limited_open(tmp_path / "never", "r", seconds=0.05):
        pytest.fail("there is no such file")


def test_a_command_gives_its_code_and_its_output() -> None:
    assert execute_wait("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")
    assert execute_wait("cat", walltime=30) == (0, "", "")


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    # The fixture that every test has sees that nothing is left running.
    with pytest.raises(subprocess.TimeoutExpired):
        execute_wait("sleep 100 & sleep 100; echo never", walltime=0.2)


def test_what_has_left_the_group_with_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    out = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        execute_wait(f"setsid sleep 1000 & echo $! > {out}; sleep 1000", walltime=0.5)
    os.kill(int(out.read_text()), signal.SIGKILL)


def test_without_process_groups_the_command_itself_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg", raising=False)
    with pytest.raises(subprocess.TimeoutExpired):
        execute_wait("exec sleep 100", walltime=0.2)


def test_a_command_that_ends_while_it_is_killed_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(group: int, number: int) -> None:
        kill(group, number)
        raise ProcessLookupError

    kill = os.killpg
    monkeypatch.setattr(os, "killpg", too_late)
    with pytest.raises(subprocess.TimeoutExpired):
        execute_wait("sleep 100", walltime=0.2)


# --- repr


class Plain(RepresentationMixin):
    def __init__(self, first: Any, second: Any = "b", *args: Any, **kwargs: Any) -> None:
        self.first, self._second = first, second


class Silent(RepresentationMixin):
    def __init__(self, lost: int) -> None:
        """Keeps nothing."""


def test_a_repr_is_a_call_of_the_constructor() -> None:
    assert repr(Plain(1)) == "Plain(1, second='b')"
    twin = eval(repr(Plain("x", second=[2])))
    assert (twin.first, twin._second) == ("x", [2])


def test_a_long_repr_has_a_line_for_each_argument() -> None:
    inner = Plain("x" * 60, "y" * 60)
    assert repr(inner) == f"Plain(\n    {'x' * 60!r},\n    second={'y' * 60!r}\n)"
    lines = repr(Plain(inner)).splitlines()
    assert lines[:3] == ["Plain(", "    Plain(", f"        {'x' * 60!r},"]


def test_an_argument_kept_nowhere_is_named() -> None:
    with pytest.raises(AttributeError, match="Silent keeps its argument 'lost' in no attribute"):
        repr(Silent(1))


# --- timers


def test_a_timer_in_a_with_block_is_cancelled_at_its_end() -> None:
    rung: list[int] = []
    with AutoCancelTimer(60, rung.append, args=[1], kwargs={}) as timer:
        assert timer.is_alive()
    timer.join(30)
    assert not timer.is_alive()
    assert rung == []


def test_a_timer_calls_with_its_arguments_until_it_is_closed() -> None:
    seen: list[tuple[Any, ...]] = []
    enough = threading.Event()

    def note(*args: Any) -> None:
        seen.append(args)
        if len(seen) >= 3:
            enough.set()

    timer = Timer(note, 1, "b", interval=0.001, name="for-a-test")
    assert "for-a-test" in [thread.name for thread in threading.enumerate()]
    assert enough.wait(30)
    timer.close()
    count = len(seen)
    assert set(seen) == {(1, "b")}
    assert "for-a-test" not in [thread.name for thread in threading.enumerate()]
    assert len(seen) == count


def test_a_callback_that_raises_is_reported_and_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    twice = threading.Event()

    def fail() -> None:
        if told:
            twice.set()
        raise ValueError("in the timer")

    monkeypatch.setattr(threading, "excepthook", told.append)
    timer = Timer(fail, interval=0.001)
    assert twice.wait(30)
    timer.close()
    assert isinstance(told[0].exc_value, ValueError)


def test_a_timer_may_be_closed_by_its_own_callback() -> None:
    closed = threading.Event()

    def close() -> None:
        timer.close()
        closed.set()

    timer = Timer(close, interval=0.05)
    assert closed.wait(30)


def test_a_call_can_be_made_at_once() -> None:
    seen: list[int] = []
    timer = Timer(seen.append, 1, interval=60)
    timer.make_callback(kind="now")
    timer.close()
    assert seen == [1]


# --- a name that lives elsewhere


def test_the_path_and_the_mode_of_a_stream_are_told_at_parsls_path() -> None:
    import parsl_like.utils
    from parsl_like.utils import get_std_fname_mode

    assert get_std_fname_mode("stdout", "out.txt") == ("out.txt", "a+")
    assert get_std_fname_mode("stderr", (Path("err.txt"), "w")) == ("err.txt", "w")
    with pytest.raises(AttributeError, match="no_such_tool"):
        _ = parsl_like.utils.no_such_tool
