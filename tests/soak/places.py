"""Where a soak runs: a small disk, a network and clocks of its own, as far as there are rights for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

MARK = "PARSL_LIKE_SOAK"
"""The environment variable that tells which soak a process belongs to."""

DISK_MB = 192
LIMIT_KB = 2_500_000
"""Address space of each process of a block."""

FAKETIME = "/usr/lib/*-linux-gnu/faketime/libfaketimeMT.so.1"
CLOCKS = ("driver", "interchange", "node")

NEEDS = {
    "disk full": "disk",
    "link cut": "network",
    "link gone": "network",
    "connections reset": "network",
    "clock stepped": "clock",
}
"""Kinds of faults that need more than signals."""


class Site:
    """Makes the places and removes them; a context manager.

    Attributes:
        base: The folder of everything; removed at the end unless ``keep`` is set.
        missing: What this machine does not allow, with the reason.
    """

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="soak-"))
        self.runs = self.base / "disk"
        self.marks = self.base / "marks"
        self.tmp = self.base / "tmp"
        self.missing: dict[str, str] = {}
        self.keep = False
        self.address: str | None = "127.0.0.1"
        self.node_prefix = ""
        self._clock_library: str | None = None
        self._names = f"soak{os.getpid()}"
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        for place in (self.runs, self.marks, self.tmp, self.base / "clocks"):
            place.mkdir(mode=0o700)
        self._undo.callback(self._remove)
        for what, make in (("disk", self._mount), ("network", self._connect), ("clock", self._find_clock)):
            try:
                make()
            except (OSError, subprocess.CalledProcessError) as error:
                said = getattr(error, "stderr", None)
                self.missing[what] = (said or str(error)).strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _remove(self) -> None:
        if not self.keep:
            shutil.rmtree(self.base, ignore_errors=True)

    @property
    def mark(self) -> str:
        """What processes of this soak carry in their environment."""
        return str(self.base)

    # --- a disk

    def _mount(self) -> None:
        call("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "soak", str(self.runs))
        self._undo.callback(self._unmount)

    def _unmount(self) -> None:
        if self.keep:
            shutil.copytree(self.runs, self.base / "runs", symlinks=True, dirs_exist_ok=True)
        subprocess.run(["umount", "-l", str(self.runs)], check=False)

    def fill(self) -> None:
        """Leave no room on the disk of the run directories."""
        with suppress(OSError), open(self.runs / "fill", "ab", buffering=0) as file:
            for block in (b"\0" * (1 << 20), b"\0" * 4096):
                with suppress(OSError):
                    while file.write(block):
                        pass

    def empty(self) -> None:
        """Give the room back."""
        (self.runs / "fill").unlink(missing_ok=True)

    # --- a network

    def _connect(self) -> None:
        """A namespace for the nodes of the second executor, and a cable to it."""
        octet = os.getpid() % 250 + 1
        here, there = f"10.213.{octet}.1", f"10.213.{octet}.2"
        name, cable = self._names, f"sk{os.getpid() % 100000}"
        call("ip", "netns", "add", name)
        self._undo.callback(subprocess.run, ["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)
        call("ip", "link", "add", f"{cable}a", "type", "veth", "peer", "name", f"{cable}b", "netns", name)
        self._undo.callback(subprocess.run, ["ip", "link", "del", f"{cable}a"], check=False, stderr=subprocess.DEVNULL)
        call("ip", "addr", "add", f"{here}/30", "dev", f"{cable}a")
        call("ip", "link", "set", f"{cable}a", "up")
        for words in (
            ["addr", "add", f"{there}/30", "dev", f"{cable}b"],
            ["link", "set", f"{cable}b", "up"],
            ["link", "set", "lo", "up"],
        ):
            call("ip", "-n", name, *words)
        self.address, self._there, self._cable = here, there, f"{cable}a"
        self.node_prefix = f"ip netns exec {name}"

    def plug(self, *, connected: bool) -> None:
        """Pull the cable out, or put it back; connections are not told."""
        call("ip", "link", "set", self._cable, "up" if connected else "down")

    def reset(self) -> None:
        """End all connections over the cable, with a word to both sides."""
        call("ss", "-K", "dst", self._there)

    # --- clocks

    def _find_clock(self) -> None:
        found = sorted(Path("/").glob(FAKETIME.lstrip("/")))
        if not found:
            raise OSError("libfaketime is not installed")
        self._clock_library = str(found[0])
        for clock in CLOCKS:
            self.step(clock, 0)

    def step(self, clock: str, seconds: int) -> None:
        """Move the wall clock of all processes of one sort; they see it within a second."""
        path = self._clock_file(clock)
        new = path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n", encoding="ascii")
        new.replace(path)

    def _clock_file(self, clock: str) -> Path:
        return self.base / "clocks" / clock

    def clock_variable(self, clock: str) -> str:
        """What a process needs in its environment to go by a clock, if it has those of :meth:`environment`."""
        return f"FAKETIME_TIMESTAMP_FILE={self._clock_file(clock)}"

    def environment(self) -> dict[str, str]:
        """The driver's environment."""
        variables = {**os.environ, MARK: self.mark, "TMPDIR": str(self.tmp), "PYTHONFAULTHANDLER": "1"}
        if self._clock_library is not None:
            name, _, value = self.clock_variable("driver").partition("=")
            without_sleep = str(Path(__file__).parent / "clockless")
            path = os.pathsep.join(filter(None, [without_sleep, os.environ.get("PYTHONPATH")]))
            variables |= {
                name: value,
                "PYTHONPATH": path,
                "LD_PRELOAD": self._clock_library,
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DISABLE_SHM": "1",
                "NO_FAKE_STAT": "1",
            }
        return variables

    def worker_init(self) -> str:
        """What the blocks begin with."""
        clock = f"export {self.clock_variable('node')}\n" if self._clock_library else ""
        return f"{clock}ulimit -v {LIMIT_KB}"

    def interchange_prefix(self) -> list[str]:
        """What the interchanges are started with."""
        return ["env", self.clock_variable("interchange")] if self._clock_library else []


def call(*words: str) -> None:
    """Run a command.

    Raises:
        OSError: it is not there.
        CalledProcessError: it failed; its words are in ``stderr``.
    """
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)
