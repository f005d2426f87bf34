"""How each kind of fault is done, and undone. Victims are found in the process table."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from tests.soak.places import MARK
from tests.soak.schedule import DRIVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.places import Site
    from tests.soak.schedule import Fault

PREFIX = "parsl_like.executors.high_throughput."
MODULES = {"interchange": f"{PREFIX}interchange", "manager": f"{PREFIX}manager", "worker": f"{PREFIX}node.worker"}
HOUR = 3600


def processes_of(mark: str) -> list[psutil.Process]:
    """All processes of a soak, the eldest first."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return sorted(found, key=lambda process: (process.create_time(), process.pid))


def role(process: psutil.Process) -> str:
    """What a process is for: interchange, manager, worker or other."""
    with suppress(psutil.Error):
        words = process.cmdline()
        return next((role for role, module in MODULES.items() if words[1:3] == ["-m", module]), "other")
    return "other"


def executor(process: psutil.Process) -> str:
    """The label of the executor that a process belongs to; empty if that cannot be told."""
    with suppress(psutil.Error):
        for each in (process, process.parent()):
            for word in each.cmdline() if each is not None else ():
                if "%22label%22:%22" in word:
                    return word.partition("%22label%22:%22")[2].partition("%22")[0]
    return ""


class Injectors:
    """Carries faults out.

    Args:
        site: The places.
        driver: The program under test.
        command: Tells it something.
    """

    def __init__(self, site: Site, driver: int, command: Callable[[str], None]) -> None:
        self._site = site
        self._driver = driver
        self._command = command
        self._clocks: dict[str, int] = {}

    def begin(self, fault: Fault) -> tuple[str, Callable[[], Any]] | None:
        """Do it.

        Returns:
            What was done, in words, and how it is undone; None if there was nothing to do it to.
        """
        what, _, how = fault.kind.partition(" ")
        site = self._site
        match fault.kind:
            case "memory hog":
                self._command(f"hog {fault.place}")
                return "hog", _nothing
            case "disk full":
                site.fill()
                return "full", site.empty
            case "clock stepped":
                # Forth, back beyond where it was, and home again: as good as any walk.
                step = (HOUR, -HOUR, 0)[int(fault.pick * 3)]
                site.step(fault.place, step)
                return f"{step:+d} s", _nothing
            case "link cut" | "link gone":
                site.plug(connected=False)
                return "out", lambda: site.plug(connected=True)
            case "connections reset":
                site.reset()
                return "reset", _nothing
        victim = self._victim(what, fault)
        if victim is None:
            return None
        return _signalled(victim, kill=how == "killed")

    def _victim(self, what: str, fault: Fault) -> psutil.Process | None:
        if what == DRIVER:
            return psutil.Process(self._driver)
        candidates = [p for p in processes_of(self._site.mark) if role(p) == what and executor(p) == fault.place]
        return candidates[int(fault.pick * len(candidates))] if candidates else None


def _signalled(victim: psutil.Process, *, kill: bool) -> tuple[str, Callable[[], Any]] | None:
    number = signal.SIGKILL if kill else signal.SIGSTOP
    try:
        victim.send_signal(number)
    except psutil.Error:
        return None

    def go_on() -> None:
        with suppress(psutil.Error):
            victim.send_signal(signal.SIGCONT)

    return f"{number.name} to {victim.pid}", _nothing if kill else go_on


def _nothing() -> None:
    """What is over at once needs no end."""


def end_all(mark: str) -> None:
    """Kill whatever a soak has left."""
    for _ in range(3):
        left = processes_of(mark)
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        if not left:
            return
        time.sleep(0.2)
