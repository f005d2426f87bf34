"""``blocks.jsonl``: what a run has on file of the blocks of one executor, for other programs to read.

One JSON object on each line, with the line's end before it, added when something happens; so it is never half changed,
and costs the same for the thousandth block as for the first. The first line says whose blocks these are and how their
provider can be asked, the others what has become of them. It is readable by its user alone; one that somebody else may
have written is refused.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.core.reattachment import Rendezvous
from parsl_like.errors import ConfigurationError
from parsl_like.folders import check_folder

BLOCK_FILE: Final = "blocks.jsonl"
BLOCK_FILE_VERSION: Final = 1
MOST_BYTES: Final = 256 * 1024 * 1024
"""A file is read no further than this; so much are more than a million changes."""


class Line(msgspec.Struct, tag_field="what", frozen=True, kw_only=True, omit_defaults=True):
    """The base of the lines. Times are in seconds since the epoch."""

    time: float


class Opened(Line, tag="opened", frozen=True, kw_only=True, omit_defaults=True):
    """The first line.

    Attributes:
        version: ``BLOCK_FILE_VERSION``.
        run_id: The run.
        label: The executor.
        driver: The process whose blocks these are, as :func:`parsl_like.dataflow.drivers.this_driver` gives it.
        provider: A portrait of the provider's description.
        scripts: Where the jobs' scripts and other files are.
        key: What a run must share to take these blocks over; None if none may.
        seconds: For how long they wait for it.
        parts: What the key is made of, by name, to tell whoever has another key what differs.
    """

    version: int
    run_id: str
    label: str
    driver: dict[str, Any]
    provider: Any
    scripts: str
    key: str | None = None
    seconds: float | None = None
    parts: dict[str, str] = {}


class Listening(Line, tag="listening", frozen=True, kw_only=True, omit_defaults=True):
    """Where managers look for their interchange: the fields of a :class:`Rendezvous`."""

    where: Rendezvous


class Changed(Line, tag="block", frozen=True, kw_only=True, omit_defaults=True):
    """A block is in a state, by its name, or in another one than before."""

    block: str
    state: str
    job: str | None = None
    connected: bool = False
    reason: str | None = None
    exit_code: int | None = None


class Continued(Line, tag="continued", frozen=True, kw_only=True, omit_defaults=True):
    """The blocks belong to another run from now on: the one in this directory."""

    by: str


class Closed(Line, tag="closed", frozen=True, kw_only=True, omit_defaults=True):
    """The run has ended its blocks; none of them waits for anybody."""


AnyLine = Opened | Listening | Changed | Continued | Closed

_decoder: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)


@dataclass(slots=True)
class KnownBlock:
    """What a file says of one block.

    Attributes:
        block: The block.
        job: Its job; None if it was about to be submitted.
        state: The last state that the run knew.
        since: Since when, in seconds since the epoch.
        connected: Whether a manager of it has been connected.
        reason: Words about the state.
        exit_code: Its exit code, where known.
    """

    block: BlockId
    job: JobId | None
    state: JobState
    since: float
    connected: bool = False
    reason: str | None = None
    exit_code: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in TERMINAL_STATES


@dataclass(slots=True)
class BlocksOnFile:
    """What a file says.

    Attributes:
        path: The file.
        opened: Its first line.
        blocks: By block id, in the order in which they were asked for.
        where: Where managers look for their interchange; None if it has never listened.
        continued: The directory of the run to which the blocks belong now, if not to this one.
        closed: Whether the run has ended them.
    """

    path: str
    opened: Opened
    blocks: dict[BlockId, KnownBlock] = field(default_factory=dict)
    where: Rendezvous | None = None
    continued: str | None = None
    closed: bool = False

    @property
    def directory(self) -> str:
        """The executor's directory in the run's."""
        return os.path.dirname(self.path)

    def live(self) -> list[KnownBlock]:
        """Blocks with a job that had not ended when the run last heard of it."""
        return [block for block in self.blocks.values() if block.job is not None and not block.over]

    def take(self, line: AnyLine) -> None:
        """Learn what a line says."""
        match line:
            case Changed():
                self._change(line)
            case Listening(where=where):
                self.where = where
            case Continued(by=by):
                self.continued = by
            case Closed():
                self.closed = True

    def _change(self, line: Changed) -> None:
        state = JobState.__members__.get(line.state, JobState.UNKNOWN)
        name = BlockId(line.block)
        known = self.blocks.get(name)
        if known is None:
            known = self.blocks[name] = KnownBlock(name, None, state, line.time)
        if known.state is not state:
            known.state, known.since = state, line.time
        known.job = JobId(line.job) if line.job is not None else known.job
        known.connected = known.connected or line.connected
        known.reason, known.exit_code = line.reason, line.exit_code


class BlockFile:
    """Writes the file of one executor of a run. Any thread may write; a line is written in one step.

    Args:
        directory: The executor's directory in the run's.
    """

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, BLOCK_FILE)

    def create(self, opened: Opened) -> None:
        """Make it, with its first line.

        Raises:
            OSError: it is there already, or cannot be made.
        """
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(_encoded(opened))

    def add(self, line: AnyLine) -> None:
        """Add a line.

        Raises:
            OSError: it cannot be written.
        """
        text = b"\n" + _encoded(line)  # so a line that was only begun has ended
        # It must not be made anew: without its first line nobody can read it.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            written = os.write(descriptor, text)
        finally:
            os.close(descriptor)
        if written < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    def change(self, block: str, state: str, *, job: str | None = None, **facts: Any) -> None:
        """Add what has become of a block; raises as :meth:`add` does."""
        known = {name: facts[name] for name in ("connected", "reason", "exit_code") if name in facts}
        self.add(Changed(time=time.time(), block=block, state=state, job=job, **known))


def _encoded(line: AnyLine) -> bytes:
    return msgspec.json.encode(line)


def read_blocks(directory: str) -> BlocksOnFile | None:
    """What is on file of the blocks of an executor; None if nothing is.

    A line that was only begun, as its writer died or the disk was full, is passed over.

    Args:
        directory: The executor's directory in the run's.

    Raises:
        ConfigurationError: the file, or the folder it is in, may have been written by somebody else, or it holds
            something else.
        OSError: it cannot be read.
    """
    path = os.path.join(directory, BLOCK_FILE)
    try:
        text = private_bytes(path, "file of blocks")
    except FileNotFoundError:
        return None
    first, *lines = text.split(b"\n")
    opened = _decoded(path, first)
    if not isinstance(opened, Opened):
        raise ConfigurationError(f"{path} does not begin as a file of blocks does.")
    if opened.version != BLOCK_FILE_VERSION:
        raise ConfigurationError(
            f"{path} has version {opened.version} of its format; this version reads {BLOCK_FILE_VERSION}."
        )
    found = BlocksOnFile(path, opened)
    for line in lines:
        with suppress(ConfigurationError):
            found.take(_decoded(path, line))
    return found


def _decoded(path: str, line: bytes) -> AnyLine:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not a file of blocks: {error}.") from error


def private_bytes(path: str, what: str) -> bytes:
    """What is in a file that nobody else can have written or read.

    Args:
        path: The file.
        what: What it is, for errors.

    Raises:
        ConfigurationError: somebody can.
        OSError: it cannot be read.
    """
    # Something that only looks like a file, a pipe of somebody else, would keep the reader waiting.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(what, path, "a regular file")
        if status.st_uid != os.geteuid():
            raise ConfigurationError(what, path, f"a file of user {os.geteuid()}, not of {status.st_uid}")
        if status.st_mode & 0o077:
            raise ConfigurationError(what, f"{path} ({stat.filemode(status.st_mode)})", "mode 0600")
        if status.st_size > MOST_BYTES:
            raise ConfigurationError(what, f"{path} of {status.st_size} bytes", f"at most {MOST_BYTES}")
        check_folder(os.path.dirname(os.path.abspath(path)))
        return file.read(MOST_BYTES)


def block_folders(run_dir: str) -> list[str]:
    """The executors' directories in a run's that have such a file; none if the run's cannot be looked into."""
    found = []
    with suppress(OSError):
        with os.scandir(run_dir) as entries:
            folders = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        found = [folder for folder in folders if os.path.lexists(os.path.join(folder, BLOCK_FILE))]
    return found
