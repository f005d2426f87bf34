"""Files copied by rsync, over ssh or from and to a daemon, within the task that wants them.

The system's ``rsync`` is run, and for ssh the system's ``ssh``: a user's configuration, keys and known hosts count
where the task runs. Nobody is asked for a password, and no key of a host is taken that is not known, unless that
configuration says so.

Source: rsync(1), sections "USAGE", "ADVANCED USAGE" and "EXIT VALUES".
"""

from __future__ import annotations

import itertools
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from hashlib import blake2s
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn

from parsl_like.errors import StagingError
from parsl_like.remote.process_group import end
from parsl_like.remote.transfers.fetch import Moved
from parsl_like.remote.transfers.limits import DEFAULT, Limits
from parsl_like.remote.transfers.places import FOLDER, has_come, once
from parsl_like.remote.transfers.progress import Progress, told
from parsl_like.remote.transfers.trouble import Trouble, of_files, tried
from parsl_like.remote.transfers.urls import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

CODES = {
    1: "rsync does not know an option; is it older than 3.0, or another program?",
    2: "the versions of rsync at both ends do not understand each other",
    3: "a file or directory cannot be chosen",
    4: "the other side does not do what is asked for",
    5: "the daemon refuses",
    6: "the daemon cannot write its log",
    10: "the connection cannot be made, or broke off",
    11: "a file cannot be read or written",
    12: "the connection broke off, or rsync is not installed at the other side",
    13: "rsync cannot say what is wrong",
    14: "rsync cannot talk with its own processes",
    20: "rsync was ended by a signal",
    21: "a process of rsync was lost",
    22: "rsync gets no memory",
    23: "the file cannot be read or written, or is not there",
    24: "the file vanished meanwhile",
    25: "rsync may not delete",
    30: "nothing came for too long",
    35: "the daemon does not answer",
    127: "rsync is not installed at the other side",
    255: "ssh does not get there",
}
"""What rsync's exit codes mean."""

_PASSING = frozenset({5, 10, 12, 14, 20, 21, 22, 24, 30, 35, 255})
_FOR_GOOD = re.compile(
    r"Permission denied|Host key verification failed|HOST IDENTIFICATION HAS CHANGED|Could not resolve"
    r"|Name or service not known|command not found|No such file|No space left|Disk quota|Read-only file system"
    r"|auth failed|Unknown module|is read only|is write only|access denied|Bad configuration|not a regular file",
    re.IGNORECASE,
)
"""What is said when another try would say the same."""

_OWN_WORDS = re.compile(r"^rsync(?: error)?: .*\(code \d+\) at .*$", re.MULTILINE)
_SO_FAR = re.compile(rb"^\s*([\d,.]+)\s+\d+%", re.MULTILINE)
_PATTERN = re.compile(r"[*?\[]")
_SPECIAL = re.compile(r"([*?\[\]\\])")
_OPTION = re.compile(r"^(rsync://[^/]*/[^/]+/|[^/]*::[^/]+/)(?=-)")
_MARK = "PARSL_LIKE_RSYNC"
_numbers = itertools.count()
_GRACE_S = 2.0
"""Seconds in which rsync may tidy up when it is ended."""


class Far(NamedTuple):
    """A file at the other side.

    Attributes:
        base: What comes before its path: ``user@host:``, or ``rsync://user@host/module/`` for a daemon.
        path: Its path there, as it is.
        ssh: The words that start ssh, for options of its own; not used for a daemon.
        password: For a daemon; None for none.
    """

    base: str
    path: str
    ssh: tuple[str, ...] = ("ssh",)
    password: str | None = None

    @property
    def is_daemons(self) -> bool:
        """Whether a daemon has it."""
        return "::" in self.base or self.base.startswith("rsync://")

    @property
    def shown(self) -> str:
        """How it is called in errors."""
        return f"{self.base}{self.path}"

    def named(self, *, is_source: bool) -> str:
        """How it is called in the command: as no pattern, which only a source may be, and as no option of a daemon."""
        path = self.path
        if is_source and _PATTERN.search(path):  # in others, a backslash is one
            path = _SPECIAL.sub(r"\\\1", path)
        return _OPTION.sub(r"\1./", self.base + path)


class BringByRsync(NamedTuple):
    """A file to be brought before a function is called.

    Attributes:
        url: How it is called in errors.
        far: Where it is.
        path: Where it shall be.
        token: By which it is known that it has been brought.
        limits: How long and how often to try.
    """

    url: str
    far: Far
    path: str
    token: str
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Bring it, unless it is here already.

        Raises:
            StagingError: it cannot be brought.
        """
        once(self.path, self.token, lambda: told(self.url, self.path, self._fetched))

    def after(self) -> None:
        """Nothing."""

    def _fetched(self) -> Moved:
        return fetch(self.far, self.path, self.limits, self.url)


class TakeByRsync(NamedTuple):
    """A file to be taken away when a function has returned; the parts are those of :class:`BringByRsync`."""

    url: str
    far: Far
    path: str
    token: str
    limits: Limits = DEFAULT

    def before(self) -> None:
        """Make the directory that it will be in."""
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)

    def after(self) -> None:
        """Send it.

        Raises:
            StagingError: it is not there, or cannot be sent.
        """
        told(self.url, self.path, lambda: send(self.path, self.far, self.limits, self.url))
        has_come(self.path, self.token)


def fetch(far: Far, path: str, limits: Limits = DEFAULT, url: str | None = None) -> Moved:
    """Bring a file: in the end the whole of it is there, under its name, or nothing is.

    A try that breaks off is gone on with by the next one, and by the next process that brings the file to this place.

    Args:
        far: Where it is.
        path: Where to put it; its directory is made if it is missing.
        limits: How long and how often to try.
        url: How it is called in errors; None for what rsync calls it.

    Raises:
        StagingError: it did not arrive.
    """
    begun, url, path = time.monotonic(), shown(far.shown if url is None else url), os.path.abspath(path)
    name = blake2s(os.fsencode(os.path.basename(path)), digest_size=10).hexdigest()
    place = os.path.join(os.path.dirname(path), FOLDER, f"{name}.rsync")
    part = os.path.join(place, "file")
    progress = Progress(url, path, limits.progress_period)
    try:
        os.makedirs(place, exist_ok=True)
    except OSError as error:
        raise StagingError(url, of_files(error, f"making {place}").reason) from error

    def try_once() -> int:
        words = ["--partial", "--ignore-times", "--", far.named(is_source=True), part]
        _run(far, words, limits, progress, begun)
        try:
            size = os.stat(part).st_size
            os.replace(part, path)
        except FileNotFoundError as error:
            raise Trouble(f"{far.shown} is no file") from error
        except OSError as error:
            raise of_files(error, f"writing {path}") from error
        return size

    try:
        size, tries = tried(try_once, lambda: _size(place), limits, url=url)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Moved(url, path, size, time.monotonic() - begun, tries, {})


def send(path: str, far: Far, limits: Limits = DEFAULT, url: str | None = None) -> Moved:
    """Send a file; rsync gives it its name when all of it is there.

    Args:
        path: The file.
        far: Where to put it; its directory has to be there.
        limits: How long and how often to try.
        url: How it is called in errors; None for what rsync calls it.

    Raises:
        StagingError: it is not there, or cannot be sent.
    """
    begun, url, path = time.monotonic(), shown(far.shown if url is None else url), os.path.abspath(path)
    if not os.path.isfile(path):
        raise StagingError(url, f"{path} is no file that could be sent")
    progress = Progress(url, path, limits.progress_period)

    def try_once() -> int:
        try:
            size = os.stat(path).st_size
        except OSError as error:
            raise of_files(error, f"reading {path}") from error
        progress.begin(size)
        _run(far, ["--ignore-times", "--", path, far.named(is_source=False)], limits, progress, begun)
        return size

    size, tries = tried(try_once, lambda: 0, limits, url=url)
    return Moved(url, path, size, time.monotonic() - begun, tries, {})


# --- one run of rsync


def command(far: Far, limits: Limits) -> list[str]:
    """The first words of the command.

    Raises:
        Trouble: the other side has a name that could be taken for an option.
    """
    if far.base.startswith("-") or "@-" in far.base or "//-" in far.base:
        raise Trouble("its host or user begins with a hyphen")
    seconds = max(1, int(limits.silence))
    words = ["rsync", "--times", "--copy-links", "--protect-args", "--progress", f"--timeout={seconds}"]
    if far.is_daemons:
        return [*words, f"--contimeout={seconds}", "--no-motd"]
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(seconds),
        "ServerAliveInterval": str(max(1, seconds // 3)),
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "PermitLocalCommand": "no",
    }
    ssh = [*far.ssh, *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    return [*words, "--rsh", " ".join(map(_quoted, ssh))]


def _quoted(word: str) -> str:
    """A word of the command that rsync starts; it takes words apart as rsync(1) says of ``--rsh``."""
    return word if word and not re.search(r"[\s'\"]", word) else "'" + word.replace("'", "''") + "'"


def _run(far: Far, rest: list[str], limits: Limits, progress: Progress, begun: float) -> None:
    """Run rsync until it has ended well.

    Raises:
        Trouble: it did not, or took too long.
    """
    words = [*command(far, limits), *rest]
    environment = {**os.environ, "LC_ALL": "C"}
    if far.password is not None:
        environment["RSYNC_PASSWORD"] = far.password
    end = None if limits.total is None else begun + limits.total
    with tempfile.TemporaryFile() as said, _started(words, environment, said) as process:
        _follow(process, progress, end, limits)
        code = process.wait()
        if code:
            _complain(code, said)


@contextmanager
def _started(words: list[str], environment: dict[str, str], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has ended afterwards, with what it has started."""
    mark = f"{os.getpid()}.{next(_numbers)}.{time.time_ns()}"
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**environment, _MARK: mark},
            start_new_session=True,  # it would ask for passwords at the terminal, and is ended as a group
        )
    except OSError as error:
        raise Trouble(f"rsync cannot be started here: {error.strerror or error}; is it installed?") from error
    with process:
        try:
            yield process
        finally:
            if process.returncode is None:
                end(process, _GRACE_S, os.fsencode(f"{_MARK}={mark}"))


def _follow(process: subprocess.Popen[bytes], progress: Progress, end: float | None, limits: Limits) -> None:
    """Read how far it is, until it says no more.

    Raises:
        Trouble: the time for the whole is over.
    """
    assert process.stdout is not None  # noqa: S101 - for the type checker
    pipe = process.stdout.fileno()
    rest = b""
    while True:
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            raise Trouble(f"it took longer than {limits.total:g} s")
        if not select.select([pipe], [], [], left)[0]:
            continue
        chunk = os.read(pipe, 1 << 16)
        if not chunk:
            return
        *lines, rest = (rest[-200:] + chunk).replace(b"\r", b"\n").split(b"\n")
        found = _SO_FAR.findall(b"\n".join(lines))
        if found:
            progress.at(int(re.sub(rb"\D", b"", found[-1])), None)


def _complain(code: int, said: IO[bytes]) -> NoReturn:
    said.seek(0)
    text = said.read(20_000).decode(errors="replace")
    words = " ".join(_OWN_WORDS.sub("", text).split())[:400]
    if code < 0:
        raise Trouble(f"rsync was ended by signal {-code}", transient=True)
    meaning = CODES.get(code, "it does not say why")
    busy = "max connections" in text
    passes = code in _PASSING and not _FOR_GOOD.search(text) and (code != 5 or busy)
    raise Trouble(f"rsync ended with {code}, {meaning}{f' ({words})' if words else ''}", transient=passes)


def _size(folder: str) -> int:
    """Bytes that are there of a file on its way."""
    with suppress(OSError):
        return max((entry.stat().st_size for entry in os.scandir(folder)), default=0)
    return 0
