"""A limit on a function's time: kept, insisted upon, and over when the call is over."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from parsl_like.errors import AppTimeout
from parsl_like.remote import timeout
from parsl_like.remote.timeout import Walltimed, call_with_walltime
from parsl_like.serialize import pack_function, unpack_function

LONG = 600.0


def spin() -> None:
    while True:
        pass


def test_results_and_exceptions_pass_through() -> None:
    assert call_with_walltime(LONG, divmod, 7, 2) == (3, 1)
    assert call_with_walltime(LONG, dict, walltime=1, func=2) == {"walltime": 1, "func": 2}
    with pytest.raises(ZeroDivisionError):
        call_with_walltime(LONG, divmod, 7, 0)


def test_a_busy_loop_is_ended_with_its_place_in_the_traceback() -> None:
    with pytest.raises(AppTimeout, match=r"exceeded its walltime of 0\.05 s") as caught:
        call_with_walltime(0.05, spin)
    assert type(caught.value) is AppTimeout
    assert "spin" in [entry.name for entry in caught.traceback]


def test_no_time_at_all() -> None:
    with pytest.raises(AppTimeout, match="before the task could start"):
        call_with_walltime(0, spin)


def test_a_swallowed_exception_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeout, "INSIST_S", 0.01)
    swallowed = []

    def stubborn() -> None:
        while len(swallowed) < 3:
            try:
                spin()
            except AppTimeout as error:
                swallowed.append(error)
        spin()

    with pytest.raises(AppTimeout):
        call_with_walltime(0.01, stubborn)
    assert len(swallowed) == 3


def test_a_result_after_a_swallowed_exception_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeout, "INSIST_S", LONG)

    def forgiving() -> str:
        try:
            spin()
        except AppTimeout:
            return "partial"

    assert call_with_walltime(0.01, forgiving) == "partial"


def test_other_threads_are_left_alone() -> None:
    results: list[Any] = []

    def limited() -> None:
        try:
            call_with_walltime(0.05, spin)
        except AppTimeout as error:
            results.append(error)

    threads = [threading.Thread(target=limited) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3


def test_an_inner_limit_leaves_the_outer_ones_exception_alone() -> None:
    with pytest.raises(AppTimeout, match=r"walltime of 0\.05 s"):
        call_with_walltime(0.05, call_with_walltime, LONG, spin)
    with pytest.raises(AppTimeout, match=r"walltime of 0\.05 s"):
        call_with_walltime(LONG, call_with_walltime, 0.05, spin)


@pytest.mark.parametrize("insist", [0.0, 0.5])
def test_nothing_arrives_after_the_call(monkeypatch: pytest.MonkeyPatch, insist: float) -> None:
    """Calls that end at about the moment their time is up: each gives one answer, and then there is quiet."""
    monkeypatch.setattr(timeout, "INSIST_S", insist)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    answers = {"result": 0, "timeout": 0}
    stray: list[BaseException] = []
    try:
        for round_ in range(400):
            limit = 0.0005 + (round_ % 20) * 0.00005

            def about_as_long(limit: float = limit) -> str:
                end = time.perf_counter() + limit
                while time.perf_counter() < end:
                    pass
                return "result"

            try:
                answers[call_with_walltime(limit, about_as_long)] += 1
            except AppTimeout:
                answers["timeout"] += 1
            try:
                for _ in range(300):
                    pass
            except BaseException as error:  # noqa: BLE001
                stray.append(error)
    finally:
        sys.setswitchinterval(interval)
    assert not stray
    assert sum(answers.values()) == 400
    assert not [thread for thread in threading.enumerate() if thread.name == "parsl-like-walltime"]


def test_a_function_with_its_limit_can_be_sent() -> None:
    base = 3
    limited = unpack_function(pack_function(Walltimed(lambda x: x + base, LONG)).blob)
    assert limited(1) == 4
    with pytest.raises(AppTimeout):
        unpack_function(pack_function(Walltimed(spin, 0.01)).blob)()


@pytest.mark.integration
def test_the_interpreter_is_left_as_it_was() -> None:
    """A request for an exception that stays behind makes the first function that is traced never start."""
    program = (
        "import sys\n"
        "from parsl_like.errors import AppTimeout\n"
        "from parsl_like.remote import timeout\n"
        "def spin():\n"
        "    while True: pass\n"
        "def swallow():\n"
        "    try: spin()\n"
        "    except AppTimeout: return 1\n"
        "for func in (spin, swallow) * 20:\n"
        "    try: timeout.call_with_walltime(0.001, func)\n"
        "    except AppTimeout: pass\n"
        "sys.settrace(lambda *_: None)\n"
        "swallow.__repr__()\n"
        "(lambda: 3)()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
