"""The mirror: files of jobs that run where a channel leads, on a machine whose files are not this machine's.

A job's script and the block's own files are made for that machine, kept here as well but for the keys, and sent in one
command. What tells of a job's end is fetched when it is needed, for all jobs that are asked for in one command, and is
then read from the files here as if the job had run here. Of what a job wrote, the end is fetched.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import secrets
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard

from parsl_like.channels.errors import BadPermsScriptPath, FileCopyException
from parsl_like.errors import ChannelError
from parsl_like.providers import host_script
from parsl_like.providers.job_files import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    JobFiles,
    JobNames,
    check_names,
    safe_name,
    write_private,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from parsl_like.core.ports import CommandResult, RemoteChannelSession
    from parsl_like.providers.host_script import Seen

FOLDER = ".parsl_like"
"""Where job files go there, below the folder in which commands run, if the channel has no ``script_dir``."""
AT_ONCE = 50
"""So many jobs are asked for in one command."""
NO_ROOM = ("no space left", "quota")
"""What is said of a disk that may have room again later."""


class Run(Protocol):
    """Runs a command there, within the limits of the call that is under way."""

    def __call__(self, command: Sequence[str], stdin: str | None = None) -> CommandResult:
        """Its outcome; raises ChannelError."""
        ...


class Place(NamedTuple):
    """Folders on the other machine.

    Attributes:
        folder: Where job files are; absolute.
        directory: Where commands run; absolute.
    """

    folder: PurePosixPath
    directory: str


class Mirror:
    """The files of jobs in one folder on another machine, and their copies in one folder here.

    Where the folder there is, is written into a file here, so that any other object with the same folder finds it, also
    one of a restarted program.

    Args:
        folder: The folder here; absolute.
        host: The other machine: a name that no other machine has whose jobs have their files in the same folder.
        wanted: In which folder there the folder is made; None for :data:`FOLDER`.
        run: Runs a command there.
    """

    def __init__(self, folder: Path, host: str, wanted: str | None, run: Run) -> None:
        self.host = host
        self._folder = folder
        self._record = folder / f"{safe_name(host) or 'host'}.there"
        self._wanted = (wanted or FOLDER).removeprefix("~/") or "."
        self._run = run
        self._place: Place | None = None
        self._unwanted: set[str] = set()

    # --- where ---------------------------------------------------------------------------------------------------

    @property
    def known(self) -> Place | None:
        """Where the files are; None as long as :meth:`place` has not been called."""
        return self._place

    def place(self) -> Place:
        """Where the files are; the folder there is made when it is first asked for.

        Raises:
            BadPermsScriptPath: it cannot be made.
            ChannelError: the machine does not answer.
        """
        if self._place is None:
            kept = self._kept()
            self._place = self._make(kept) if kept is not None else self._make_new()
        return self._place

    def names(self, name: str) -> JobNames[PurePosixPath]:
        """The paths of a job's files there; before :meth:`place`, what they would look like."""
        if self._place is None:
            return JobNames(PurePosixPath(self._wanted, "RUN"), name)
        return JobNames(self._place.folder, name)

    def _make_new(self) -> Place:
        stamp = time.strftime("%Y-%m-%d", time.localtime())
        place = self._make(f"{self._wanted}/{stamp}-{secrets.token_hex(4)}")
        try:
            os.makedirs(self._folder, exist_ok=True)
            write_private(self._record, os.fsencode(place.folder))
        except FileExistsError:  # another session was quicker
            if (kept := self._kept()) is not None:
                return self._make(kept)
        except OSError:  # on a full disk another session will not know the place; this one does
            pass
        return place

    def _make(self, wanted: str) -> Place:
        result = self._run(host_script.command(host_script.PLACE, wanted))
        said = host_script.said(result.stdout)
        if result.exit_code or len(said) != 2 or not said[1].startswith("/"):
            words = " ".join((result.stderr or result.stdout).split()) or f"exit code {result.exit_code}"
            raise BadPermsScriptPath(f"{wanted}: {words}", self.host)
        return Place(PurePosixPath(said[1]), said[0])

    def _kept(self) -> str | None:
        try:
            folder = os.fsdecode(self._record.read_bytes()).strip("\n")
        except OSError:
            return None
        return folder if folder.startswith("/") and "\n" not in folder and "\0" not in folder else None

    # --- there and back ------------------------------------------------------------------------------------------

    def send(self, name: str, script: str, extra: Mapping[str, bytes], *, start: bool = False) -> None:
        """Bring a job's script and its block's own files there; output files exist then. All or nothing counts.

        Args:
            name: What the names of the job's files begin with.
            script: The text.
            extra: The block's own files, by name.
            start: Start the script as well, in a session of its own.

        Raises:
            ScriptPathError: the name of a file would lead out of its folder.
            FileCopyException: the machine refuses; it says why.
            ChannelError: the machine does not answer: then it may have been done all the same.
        """
        place, there = self.place(), self.names(name)
        check_names(there.extra, extra)
        text, last = (host_script.START, "begun") if start else (host_script.UNPACK, "sent")
        result = self._run(host_script.command(text, str(place.folder), name), _archive(name, script, extra))
        if result.exit_code or last not in host_script.said(result.stdout):
            words = " ".join((result.stderr or result.stdout).split())[-500:] or "it said nothing"
            error = FileCopyException(
                f"{self._folder / name}.sh to {there.script}: exit code {result.exit_code}: {words}", self.host
            )
            error.transient = any(sign in words.lower() for sign in NO_ROOM)
            raise error

    def fetch(self, names: Collection[str], *, output: bool = True) -> dict[str, Seen]:
        """Bring here what there is of jobs; what tells of their ends is in their files here then.

        Args:
            names: What the names of their files begin with.
            output: The end of what they wrote as well; of a process that is over it comes in any case.

        Returns:
            What was found, by name.

        Raises:
            FileCopyException: it cannot be written here, or read there.
            ChannelError: the machine does not answer.
        """
        found: dict[str, Seen] = {}
        rest = iter(names)
        while batch := list(itertools.islice(rest, AT_ONCE)):
            found |= self._fetch(batch, output=output)
        return found

    def _fetch(self, names: Sequence[str], *, output: bool) -> Mapping[str, Seen]:
        place = self.place()
        how = "all" if output else "ended"
        result = self._run(host_script.command(host_script.LOOK, str(place.folder), how, *names))
        look = host_script.look_of(result.stdout, names)
        if result.exit_code or look.now is None:
            words = " ".join(result.stderr.split())[-500:] or f"exit code {result.exit_code}"
            raise FileCopyException(f"{place.folder} cannot be read: {words}", self.host)
        ahead = look.now - time.time()
        for name, seen in look.jobs.items():
            self._keep(JobFiles(self._folder, name), seen.files, ahead)
        return look.jobs

    def _keep(self, files: JobFiles, found: Mapping[str, bytes], ahead: float) -> None:
        paths = {
            "ec": files.exit_code,
            "ends": files.ends,
            "timeout": files.timeout,
            "out": files.stdout,
            "err": files.stderr,
            "batch": files.batch_output,
        }
        try:
            for kind, content in found.items():
                _overwrite(paths[kind], _by_our_clock(content, ahead) if kind == "ends" else content)
        except OSError as error:
            raise FileCopyException(f"what {self.host} has of {files.script} cannot be kept: {error}") from error

    # --- removing ------------------------------------------------------------------------------------------------

    def discard(self, names: Collection[str]) -> None:
        """Remove the blocks' own files of jobs there, now or as soon as the machine answers again."""
        self._unwanted.update(names)
        place = self._place
        if not self._unwanted or place is None:
            return
        with contextlib.suppress(ChannelError):
            gone = sorted(self._unwanted)[:AT_ONCE]
            self._run(host_script.command(host_script.DISCARD, str(place.folder), *gone))
            self._unwanted.difference_update(gone)

    def remove(self, name: str) -> None:
        """Remove all files of a job there, and the folder if it is empty then, as far as the machine answers.

        Should another job come, the folder is made again.
        """
        if self._place is not None:
            with contextlib.suppress(ChannelError):
                self._run(host_script.command(host_script.REMOVE, str(self._place.folder), name))


def is_remote(session: object) -> TypeGuard[RemoteChannelSession]:
    """Whether a channel's session leads to a machine whose files are not this machine's; asks that machine nothing."""
    return callable(getattr(session, "forward", None))


def _archive(name: str, script: str, extra: Mapping[str, bytes]) -> str:
    """A job's files as text: a tar archive in base 64."""
    import base64
    import tarfile

    files = JobNames(PurePosixPath(), name)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:

        def add(path: PurePosixPath, content: bytes, mode: int = PRIVATE_FILE, kind: bytes = tarfile.REGTYPE) -> None:
            member = tarfile.TarInfo(str(path))
            member.mode, member.size, member.type, member.mtime = mode, len(content), kind, int(time.time())
            archive.addfile(member, io.BytesIO(content))

        add(files.script, os.fsencode(script), PRIVATE_FOLDER)
        for path in (files.stdout, files.stderr, files.exit_code):
            add(path, b"")
        add(files.extra, b"", PRIVATE_FOLDER, tarfile.DIRTYPE)
        for file, content in extra.items():
            add(files.extra / file, content)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _overwrite(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with open(descriptor, "wb") as file:
        file.write(content)


def _by_our_clock(content: bytes, ahead: float) -> bytes:
    """A moment in seconds since the epoch, by this machine's clock; what is none stays as it is.

    Args:
        content: The moment by the other machine's clock.
        ahead: Seconds by which that clock is ahead of this one.
    """
    try:
        return b"%d\n" % (int(content) - round(ahead))
    except ValueError:
        return content
