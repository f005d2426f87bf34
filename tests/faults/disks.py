"""Disks of a test's own, which can be filled, write-protected and frozen; they take root."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FROZEN_SECONDS = 90
"""After so long somebody else thaws a disk, whatever has become of the test: who waits for one cannot be ended."""


class Disk:
    """A small disk of its own.

    Args:
        place: Where it is mounted.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filling = place / "filling"

    def fill(self, leave: int = 0) -> None:
        """Use all of its space but so many bytes."""
        descriptor = os.open(self._filling, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            with contextlib.suppress(OSError):
                while True:
                    os.write(descriptor, b"x" * 4096)
            size = os.lseek(descriptor, 0, os.SEEK_END)
            os.ftruncate(descriptor, max(0, size - leave))
        finally:
            os.close(descriptor)

    def free(self) -> None:
        self._filling.unlink()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile, whoever writes to it waits, and no signal ends that; for one with a file system of a real disk."""
        thaw = ["fsfreeze", "--unfreeze", str(self.place)]
        words = ["sh", "-c", 'sleep "$0"; exec "$@"', str(FROZEN_SECONDS), *thaw]
        guard = subprocess.Popen(words, start_new_session=True)
        try:
            subprocess.run(["fsfreeze", "--freeze", str(self.place)], check=True)
            try:
                yield
            finally:
                subprocess.run(thaw, check=True)
        finally:
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()


class Disks:
    """Mounts disks, and unmounts them at the end.

    Args:
        folder: Where their files are, and they themselves if nobody says where.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mounted: list[Path] = []

    def __call__(self, size: str = "1m", *options: str, at: Path | None = None) -> Disk:
        """One in memory."""
        return self._mount(at, "-t", "tmpfs", "-o", ",".join([f"size={size}", "mode=700", *options]), "tmpfs")

    def with_file_system(self, at: Path) -> Disk:
        """One that is a file, with a journal as a real one has it, which can be frozen."""
        if not os.path.exists("/dev/loop-control"):  # in most containers, root or not
            pytest.skip("this machine has no loop devices")
        image = self._folder / f"image{len(self._mounted)}"
        with image.open("wb") as file:
            file.truncate(16 * 1024 * 1024)
        _do("mkfs.ext4", "-q", str(image))
        disk = self._mount(at, "-o", "loop", str(image))
        at.chmod(0o700)
        return disk

    def _mount(self, at: Path | None, *words: str) -> Disk:
        place = at or self._folder / f"disk{len(self._mounted)}"
        place.mkdir(mode=0o700, exist_ok=True)
        _do("mount", *words, str(place))
        self._mounted.append(place)
        return Disk(place)

    def unmount(self, disk: Disk) -> None:
        """Take one away again."""
        self._mounted.remove(disk.place)
        subprocess.run(["umount", str(disk.place)], check=True)

    def close(self) -> None:
        """Take all away that are left."""
        for place in self._mounted:
            subprocess.run(["umount", str(place)], check=True)


def _do(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        trouble = done.stderr if done.returncode else ""
    except FileNotFoundError as error:
        trouble = str(error)
    if trouble:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no disk can be mounted here: {trouble}")
