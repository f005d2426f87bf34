"""The files of a job: its script, what the block needs beside it, its output, and what is known of its end.

Everything a session would have to remember is in these files, so that any other session finds it too. Only the user can
read them, whatever the umask is.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from parsl_like.errors import ScriptPathError

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
LONGEST_NAME = 100
MOST_DIGITS, MOST_SIGNALS = 20, 128
"""What is read of a file with an exit code, in bytes, and the largest signal in it."""

P = TypeVar("P", bound=PurePath)


@dataclasses.dataclass(frozen=True, slots=True)
class JobNames(Generic[P]):
    """The paths of one job, all made from a folder and a name; where they are may be another machine.

    Attributes:
        folder: Where they are.
        name: What their names begin with.
    """

    folder: P
    name: str

    @property
    def script(self) -> P:
        """The script."""
        return self.folder / f"{self.name}.sh"

    @property
    def stdout(self) -> P:
        """Its standard output."""
        return self.folder / f"{self.name}.out"

    @property
    def stderr(self) -> P:
        """Its standard error."""
        return self.folder / f"{self.name}.err"

    @property
    def exit_code(self) -> P:
        """Its exit code; empty until it has ended."""
        return self.folder / f"{self.name}.ec"

    @property
    def cancelled(self) -> P:
        """There if somebody asked for its end."""
        return self.folder / f"{self.name}.cancelled"

    @property
    def timeout(self) -> P:
        """There if it ended itself because of its walltime."""
        return self.folder / f"{self.name}.timeout"

    @property
    def ends(self) -> P:
        """Says, in seconds since the epoch, when the batch system was to end it; there once it has begun to run."""
        return self.folder / f"{self.name}.ends"

    @property
    def batch_output(self) -> P:
        """What the batch system itself writes about the job, where it keeps that apart."""
        return self.folder / f"{self.name}.batch"

    @property
    def extra(self) -> P:
        """The folder of the files the block needs."""
        return self.folder / f"{self.name}.files"


@dataclasses.dataclass(frozen=True, slots=True)
class JobFiles(JobNames[Path]):
    """The files of one job on this machine."""

    @classmethod
    def claim(cls, folder: Path, wanted: str) -> Self:
        """Files of a job that nobody else has, named as nearly as possible as wanted; their output files exist then.

        Raises:
            ScriptPathError: they cannot be made; ``transient`` if that may pass.
        """
        stem = safe_name(wanted) or "job"
        try:
            os.makedirs(folder, exist_ok=True)  # somebody may have removed it, with the logs of a long run
        except OSError as error:
            raise unwritable(folder, error) from error
        for number in itertools.count():
            files = cls(folder, f"{stem}.{number}" if number else stem)
            try:
                write_private(files.script, b"", mode=PRIVATE_FOLDER)
            except FileExistsError:
                continue
            except OSError as error:
                raise unwritable(files.script, error) from error
            break
        try:
            for path in (files.stdout, files.stderr, files.exit_code):
                write_private(path, b"")
        except OSError as error:
            raise unwritable(files.script, error) from error
        return files

    def write(self, script: str, extra: Mapping[str, bytes]) -> None:
        """Write the script and the block's own files.

        Raises:
            ScriptPathError: the disk refuses, or a file's name would lead out of the folder.
        """
        check_names(self.extra, extra)
        try:
            os.mkdir(self.extra, PRIVATE_FOLDER)
            os.chmod(self.extra, PRIVATE_FOLDER)
            for name, content in extra.items():
                write_private(self.extra / name, content)
            self.write_script(script)
        except OSError as error:
            raise unwritable(self.script, error) from error

    def write_script(self, script: str) -> None:
        """Write the script alone.

        Raises:
            ScriptPathError: the disk refuses.
        """
        try:
            self.script.write_bytes(os.fsencode(script))  # a path in it may be no text
        except OSError as error:
            raise unwritable(self.script, error) from error

    def read_ends(self) -> int | None:
        """When the batch system was to end it, in seconds since the epoch; None if that is not known."""
        try:
            with open(self.ends, "rb") as file:
                return int(file.read(MOST_DIGITS))
        except (OSError, ValueError):
            return None

    def read_exit_code(self) -> int | None:
        """The exit code, negative for a signal; None if the job has not left one."""
        try:
            with open(self.exit_code, "rb") as file:
                code = int(file.read(MOST_DIGITS))
        except (OSError, ValueError):
            return None
        return code if -MOST_SIGNALS <= code <= 255 else None

    def age(self, path: Path, now: float) -> float | None:
        """Seconds since one of the files was written, None if it is not there.

        Never negative: after somebody has set the clock back, a file is old rather than from the future.

        Args:
            path: The file.
            now: Seconds since the epoch.
        """
        try:
            return abs(now - path.stat().st_mtime)
        except OSError:
            return None

    def remove(self) -> None:
        """Remove everything."""
        self.remove_extra()
        for path in (self.script, self.stdout, self.stderr, self.exit_code, self.ends, self.batch_output):
            path.unlink(missing_ok=True)

    def remove_extra(self) -> None:
        """Remove the block's own files; keys have no business on a disk once the block is over."""
        import shutil

        shutil.rmtree(self.extra, ignore_errors=True)


def check_names(folder: PurePath, extra: Mapping[str, bytes]) -> None:
    """Refuse files of a block whose names would lead out of their folder.

    Raises:
        ScriptPathError: naming the first of them.
    """
    for name in extra:
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise ScriptPathError(str(folder), f"{name!r} is no file name")


def safe_name(wanted: str) -> str:
    """What remains of a text as the name of a file: short, of letters, digits, ``_``, ``.`` and ``-``."""
    return re.sub(r"[^\w.-]+", "_", wanted, flags=re.ASCII).lstrip(".-")[:LONGEST_NAME]


def current_directory(fallback: Path) -> str:
    """The directory in which the program runs, or another one if somebody has removed it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return str(fallback)


def write_private(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Make a new file that only the user can read.

    Raises:
        FileExistsError: it is there already.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        os.chmod(path, mode)  # the umask may have taken away more than others' rights
        file.write(content)


def unwritable(path: Path, error: OSError) -> ScriptPathError:
    """What to say of a file that could not be written; a full disk may have room again later."""
    import errno

    refusal = ScriptPathError(str(path), str(error))
    refusal.transient = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ESTALE)
    return refusal
