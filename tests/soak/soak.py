"""One soak: starts the driver, breaks things as planned, watches, and gathers the evidence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import psutil

from tests.soak.injectors import Injectors, end_all, processes_of, role
from tests.soak.judge import Evidence
from tests.soak.places import NEEDS
from tests.soak.schedule import KINDS, draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.places import Site
    from tests.soak.schedule import Fault

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
ITEM_S = 150.0
"""An item that has been under way for so long is lost; none of the faults takes nearly as long."""
SILENCE_S = 30.0
SETTLE_S = 170.0
CLOSE_S = 60.0
SHARED = Path("/dev/shm")


class Soak:
    """One run of the driver, with faults.

    Args:
        site: The places.
        seed: What is drawn from.
        seconds: How long faults go on.
        rate: Items a second, at most.
        tell: Takes lines for people.
        only: Kinds of faults; None for all that are possible.
    """

    def __init__(
        self,
        site: Site,
        *,
        seed: int,
        seconds: float,
        rate: float,
        tell: Callable[[str], None],
        only: set[str] | None = None,
    ) -> None:
        self._site = site
        self._seed = seed
        self._seconds = seconds
        self._rate = rate
        self._tell = tell
        kinds = {kind.name for kind in KINDS if NEEDS.get(kind.name, "") not in site.missing}
        self.plan = draw(seed, seconds, kinds if only is None else kinds & only)
        self.done: list[Fault] = []
        self.evidence = Evidence()
        self._messages: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._undo: list[tuple[float, Fault, Callable[[], Any]]] = []
        self._began = time.monotonic()
        self._heard = time.monotonic()
        self._finished = False
        self._shared_before = shared()

    def run(self) -> None:
        """Everything, from the start of the driver to the last look around."""
        self._start()
        try:
            self._wait_for(lambda: self._running, START_S, "the driver did not start")
            self._began = time.monotonic()
            if not self.evidence.stuck:
                self._break_things()
            self._put_right()
            if not self.evidence.stuck:
                self._command("finish")
                self._wait_for(lambda: self._finished, SETTLE_S, "the tasks did not end")
                self._wait_for(lambda: self.evidence.closed is not None, CLOSE_S, "the cleanup did not end")
        finally:
            self._put_right()
            self._end()

    # --- the driver

    def _start(self) -> None:
        site = self._site
        options = {
            "seed": self._seed,
            "rate": self._rate,
            "patience": ITEM_S,
            "marks": str(site.marks),
            "run_dir": str(site.runs / "runinfo"),
            "worker_init": site.worker_init(),
            "interchange_prefix": site.interchange_prefix(),
            "node_prefix": site.node_prefix,
            "address": site.address,
        }
        self._running = False
        self._errors = open(site.base / "driver.err", "ab")  # noqa: SIM115 - closed at the end
        self._driver = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.driver", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=site.environment(),
            cwd=ROOT,
            text=True,
        )
        self._injectors = Injectors(site, self._driver.pid, self._command)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            self._messages.put(json.loads(line))
        self._messages.put({"what": "silent"})

    def _command(self, words: str) -> None:
        assert self._driver.stdin is not None
        with suppress(OSError):
            self._driver.stdin.write(words + "\n")
            self._driver.stdin.flush()

    def _listen(self, patience: float) -> None:
        """Take the driver's next message, and look whether all is well."""
        try:
            message = self._messages.get(timeout=max(0.0, patience))
        except Empty:
            message = {}
        if message:
            self._heard = time.monotonic()
            self._take(message)
        if time.monotonic() - self._heard > SILENCE_S + CLOSE_S * self._finished and not self.evidence.stuck:
            self._give_up(f"the driver has said nothing for {SILENCE_S:.0f} s")

    def _take(self, message: dict[str, Any]) -> None:
        what = message.pop("what")
        evidence = self.evidence
        if what == "running":
            self._running = True
            self._tell(f"driver {message['pid']} in {message['run_dir']}")
        elif what in ("report", "finished"):
            evidence.reports[:] = [message]
            evidence.memory.append((time.monotonic() - self._began, message["rss"]))
            self._finished = what == "finished"
            oldest = message["oldest"]
            if message["wrong"] and not evidence.stuck:
                self._give_up(f"a task went wrong: {message['wrong'][0]}")
            elif oldest is not None and oldest["seconds"] > ITEM_S and not evidence.stuck:
                self._give_up(f"item {oldest['item']} ({oldest['kind']}) has not ended for {oldest['seconds']:.0f} s")
        elif what == "closed":
            evidence.closed = message
        elif what == "silent" and evidence.closed is None and not evidence.stuck:
            self._give_up("the driver has ended before its time")

    def _wait_for(self, condition: Callable[[], object], seconds: float, complaint: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition() and not self.evidence.stuck:
            if time.monotonic() > deadline:
                self._give_up(f"{complaint} within {seconds:.0f} s")
            self._listen(0.5)

    # --- faults

    def _break_things(self) -> None:
        plan = list(self.plan)
        next_word = 60.0
        while not self.evidence.stuck:
            now = time.monotonic() - self._began
            self._undo_until(now)
            while plan and plan[0].at <= now:
                self._inject(plan.pop(0), now)
            if now >= self._seconds:
                return
            if now >= next_word and self.evidence.reports:
                next_word += 60.0
                last = self.evidence.reports[-1]
                self._tell(
                    f"{now:.0f} s: {last['settled']} of {last['submitted']} items, {len(self.done)} faults, "
                    f"{last['rss'] / 1e6:.1f} MB, oldest {last['oldest']}"
                )
            due = [self._seconds, *(at for at, _, _ in self._undo), *(fault.at for fault in plan[:1])]
            self._listen(min(1.0, min(due) - now))

    def _inject(self, fault: Fault, now: float) -> None:
        begun = self._injectors.begin(fault)
        if begun is None:
            self._tell(f"{now:7.2f} {fault.kind} ({fault.place}): nobody there")
            return
        words, undo = begun
        lasts = f" for {fault.seconds:g} s" if fault.seconds else ""
        self._tell(f"{now:7.2f} {fault.kind} ({fault.place}){lasts}: {words}")
        self.done.append(fault)
        self._undo.append((now + fault.seconds, fault, undo))

    def _undo_until(self, now: float) -> None:
        for entry in [each for each in self._undo if each[0] <= now]:
            self._undo.remove(entry)
            _, fault, undo = entry
            undo()
            if fault.seconds:
                self._tell(f"{now:7.2f} {fault.kind} ({fault.place}) is over")

    def _put_right(self) -> None:
        self._undo_until(float("inf"))

    # --- the end

    def _give_up(self, reason: str) -> None:
        """Something is wrong: keep everything that helps to find out what."""
        self.evidence.stuck = reason
        self._tell(f"VIOLATION: {reason}")
        self._site.keep = True
        self._put_right()
        stacks = self._site.base / "stacks"
        stacks.mkdir(exist_ok=True)
        spy = shutil.which("py-spy", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        for process in processes_of(self._site.mark) if spy else ():
            with suppress(psutil.Error, subprocess.TimeoutExpired):
                words = [str(spy), "dump", "--locals", "--nonblocking", "--pid", str(process.pid)]
                told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
                name = f"{role(process)}-{process.pid}.txt"
                (stacks / name).write_text(f"{process.cmdline()}\n{told.stdout}{told.stderr}", encoding="utf-8")
        self._tell(f"stacks and logs are kept in {self._site.base}")

    def _end(self) -> None:
        evidence = self.evidence
        with suppress(subprocess.TimeoutExpired):
            evidence.exit_code = self._driver.wait(CLOSE_S if not evidence.stuck else 5.0)
        self._wait_for_quiet(10.0)
        evidence.left += [f"process {p.pid} is left: {_words(p)}" for p in processes_of(self._site.mark)]
        if evidence.closed is not None:  # else it had no chance to remove them
            evidence.left += [f"file {name} is left in TMPDIR" for name in os.listdir(self._site.tmp)]
        evidence.left += [f"{SHARED / name} is left" for name in shared() - self._shared_before]
        end_all(self._site.mark)
        self._driver.wait()
        self._errors.close()

    def _wait_for_quiet(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while processes_of(self._site.mark) and time.monotonic() < deadline:
            time.sleep(0.2)


def shared() -> set[str]:
    """Names of shared memory, without those that libfaketime leaves when a process of its is killed."""
    return {name for name in os.listdir(SHARED) if "faketime" not in name} if SHARED.is_dir() else set()


def _words(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())[:200]
    return "(ended)"
