"""Signals that end a program wait for its kernels, and are not lost."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from parsl_like.dataflow import futures, signals
from parsl_like.dataflow.signals import EndingSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")

PATIENCE = 30.0


class Kernel:
    def __init__(self) -> None:
        self.is_open = True
        self.cleaned: list[threading.Thread] = []

    def cleanup(self) -> None:
        self.cleaned.append(threading.current_thread())


class Desk:
    """Signals of this process, none of which kills it."""

    def __init__(self) -> None:
        self.signals = EndingSignals()
        self.kernel = Kernel()
        self.died: list[tuple[int, object]] = []
        self.news = threading.Event()

    def die(self, _pid: int, number: int) -> None:
        self.died.append((number, signal.getsignal(number)))
        self.news.set()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk()
    monkeypatch.setattr(signals.os, "kill", desk.die)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield desk
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_kernels_are_cleaned_up_before_the_program_dies(desk: Desk, number: signal.Signals) -> None:
    desk.signals.attach(desk.kernel)
    signal.raise_signal(number)
    (thread,) = desk.kernel.cleaned
    assert thread is not threading.main_thread()
    assert desk.died == [(number, signal.SIG_DFL)]


def test_a_kernel_that_is_closed_is_not_cleaned_up_again(desk: Desk) -> None:
    other = Kernel()
    desk.signals.attach(desk.kernel)
    desk.signals.attach(other)
    desk.signals.detach(desk.kernel)
    signal.raise_signal(signal.SIGTERM)
    assert (len(desk.kernel.cleaned), len(other.cleaned)) == (0, 1)


def test_after_the_last_kernel_signals_mean_what_they_did(desk: Desk) -> None:
    desk.signals.attach(desk.kernel)
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    desk.signals.detach(desk.kernel)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda number, frame: None])
def test_the_programs_own_answer_counts(desk: Desk, own: Callable[..., None]) -> None:
    signal.signal(signal.SIGTERM, own)
    desk.signals.attach(desk.kernel)
    signal.raise_signal(signal.SIGTERM)
    assert desk.kernel.cleaned == []
    desk.signals.detach(desk.kernel)
    assert signal.getsignal(signal.SIGTERM) is own


def test_other_threads_change_nothing(desk: Desk, on_a_thread: Callable[..., Future[None]]) -> None:
    def attach() -> None:
        desk.signals.attach(desk.kernel)
        with desk.signals.put_off():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        desk.signals.detach(desk.kernel)

    on_a_thread(attach).result(PATIENCE)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def interrupted(desk: Desk, *, times: int) -> list[str]:
    """How far something came that was interrupted while interrupts were put off."""
    steps = ["begun"]

    def work() -> None:
        with desk.signals.put_off():
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
            steps.append("done")
        steps.append("after it")

    with pytest.raises(KeyboardInterrupt):
        work()
    return steps


def test_an_interrupt_that_is_put_off_comes_at_the_end(desk: Desk) -> None:
    assert interrupted(desk, times=1) == ["begun", "done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_is_not_put_off(desk: Desk) -> None:
    assert interrupted(desk, times=2) == ["begun"]


def test_a_signal_that_is_put_off_kills_at_the_end(desk: Desk) -> None:
    desk.signals.attach(desk.kernel)
    with desk.signals.put_off():
        signal.raise_signal(signal.SIGTERM)
        assert (desk.kernel.cleaned, desk.died) == ([], [])
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # the second one kills at once
    assert len(desk.kernel.cleaned) == 1
    assert desk.died == [(signal.SIGTERM, signal.SIG_DFL)]


class Held:
    """Code that a signal may stop while it holds a lock."""

    def gate(self) -> object:
        return futures._GATE

    def event(self) -> object:
        self.owner = threading.Event()
        return self.owner._cond  # type: ignore[attr-defined]

    def future(self) -> object:
        self.owner: object = futures.LazyFuture[int]()
        return self.owner._condition  # type: ignore[attr-defined]


@pytest.mark.parametrize("lock", ["gate", "event", "future"])
def test_a_lock_that_others_need_is_let_go_first(desk: Desk, lock: str) -> None:
    held = Held()
    critical = getattr(held, lock)()

    def stopped(self: object) -> None:  # named as the frames that are looked at name it
        with critical:
            signal.raise_signal(signal.SIGTERM)
            assert desk.kernel.cleaned == []

    desk.signals.attach(desk.kernel)
    stopped(getattr(held, "owner", None))
    assert desk.news.wait(PATIENCE)  # it is sent again
    assert desk.died[0][1] != signal.SIG_DFL
    signal.raise_signal(signal.SIGTERM)
    assert len(desk.kernel.cleaned) == 1


def test_a_lock_that_is_never_let_go_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "MOST_TRIES", 0)
    desk.signals.attach(desk.kernel)
    with futures._GATE:
        signal.raise_signal(signal.SIGTERM)
    assert len(desk.kernel.cleaned) == 1


def test_where_no_thread_can_be_started_the_main_one_cleans_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    desk.signals.attach(desk.kernel)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with futures._GATE:
        signal.raise_signal(signal.SIGTERM)
    assert desk.kernel.cleaned == [threading.main_thread()]
    assert desk.died == [(signal.SIGTERM, signal.SIG_DFL)]


def test_a_forked_process_has_no_kernels(desk: Desk) -> None:
    desk.signals.attach(desk.kernel)
    desk.signals.forget_all()
    assert not desk.kernel.is_open
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
