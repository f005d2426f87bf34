"""One try to fetch or send a file by SFTP (draft-ietf-secsh-filexfer-02), through the system's ``ssh``.

So a user's ``~/.ssh/config``, keys, agent and known hosts count where the transfer runs, as on the command line. Nobody
is asked for a password, and no key of a host is taken that is not known.
"""

from __future__ import annotations

import os
import posixpath
import secrets
import select
import struct
import subprocess
import tempfile
from collections import deque
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn

from parsl_like.remote.transfers.trouble import Trouble, of_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.remote.transfers.landing import Landing
    from parsl_like.remote.transfers.limits import Limits
    from parsl_like.remote.transfers.pace import Pace
    from parsl_like.remote.transfers.urls import Address

PIECE = 32 * 1024
"""Bytes of one request; every server takes as many."""

AHEAD = 32
"""Requests that are under way at once."""

LONGEST = 256 * 1024
"""Bytes of the longest answer that is read; OpenSSH's own bound."""

_INIT, _VERSION, _OPEN, _CLOSE, _READ, _WRITE = 1, 2, 3, 4, 5, 6
_REMOVE, _MKDIR, _STAT, _RENAME, _STATUS, _HANDLE, _DATA, _ATTRS, _EXTENDED = 13, 14, 17, 18, 101, 102, 103, 105, 200
_OK, _EOF, _NO_FILE, _DENIED = 0, 1, 2, 3
_TO_READ, _TO_MAKE = 1, 2 | 8 | 16
_FOR_GOOD = ("Permission denied", "Host key verification failed", "Could not resolve", "Bad configuration", "Too many")
"""What ssh says when another try would say the same."""


class Refused(Trouble):
    """The server has answered that it does not do it.

    Args:
        code: Its number for the reason.
        reason: Its words.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server refuses: {reason}", transient=code not in (_NO_FILE, _DENIED))
        self.code = code


class Look(NamedTuple):
    """What a server tells of a file.

    Attributes:
        size: Its bytes, None if it does not say.
        mark: By what it is known again.
    """

    size: int | None
    mark: str | None


def fetch(place: Address, landing: Landing, limits: Limits, pace: Pace) -> None:
    """Try once to bring a file to its landing; what an earlier try has left there is gone on with.

    Raises:
        Trouble: it did not arrive, or not as a whole.
    """
    with session(place, limits, pace) as wire:
        path = _path(place)
        look = wire.look(path)
        if landing.there and (look.mark is None or look.mark != landing.mark):
            landing.restart()
        landing.mark = look.mark
        landing.expect(look.size)
        handle = wire.open(path, _TO_READ)
        for chunk in wire.chunks(handle, landing.there):
            landing.write(chunk)
        if look.size is not None and landing.there < look.size:
            raise Trouble(f"{place.host} broke off: {landing.there} of {look.size} bytes came", transient=True)


def send(place: Address, path: str, limits: Limits, pace: Pace) -> int:
    """Try once to put a file where a URL says, under a temporary name until the server has it all; its size in bytes.

    Raises:
        Trouble: it is not there.
    """
    folder, name = posixpath.split(_path(place))
    part = posixpath.join(folder, f".{name[:200]}.{secrets.token_hex(8)}.part")
    with session(place, limits, pace) as wire:
        try:
            handle = _made(wire, part, folder)
            sent = wire.put(handle, _chunks(path))
            wire.close(handle)
            there = wire.look(part).size
            if there is not None and there != sent:
                raise Trouble(f"the server has {there} bytes of {sent}", transient=True)
            wire.rename(part, _path(place))
        except BaseException:
            with suppress(Trouble):  # the connection may be gone, and the file with it
                wire.remove(part)
            raise
    return sent


def _made(wire: Wire, part: str, folder: str) -> bytes:
    try:
        return wire.open(part, _TO_MAKE)
    except Refused as refused:
        if refused.code != _NO_FILE:
            raise
    made = ""
    for name in folder.split("/"):
        made = posixpath.join(made, name) if made or name else "/"
        if name:
            with suppress(Refused):  # it is there, or may not be made, which the next request says
                wire.make_folder(made)
    return wire.open(part, _TO_MAKE)


def _chunks(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while chunk := file.read(PIECE):
                yield chunk
    except OSError as error:
        raise of_files(error, f"reading {path}") from error


def _path(place: Address) -> str:
    """The path there; below ``/~/`` it is one of the user's own directory."""
    path = place.plain_path
    return path[3:] if path.startswith("/~/") else path


# --- connections


def command(place: Address, limits: Limits) -> list[str]:
    """What reaches the server.

    Raises:
        Trouble: the URL says what is not used here.
    """
    if place.password is not None:
        raise Trouble("passwords in sftp: URLs are not used; make a key known to the server")
    if place.host.startswith("-") or (place.user or "").startswith("-"):
        raise Trouble("its host or user begins with a hyphen")
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(max(1, int(limits.silence))),
        "ServerAliveInterval": str(max(1, int(limits.silence / 3))),
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "PermitLocalCommand": "no",
    }
    words = ["ssh", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    if place.user is not None:
        words += ["-l", place.user]
    if place.port:
        words += ["-p", str(place.port)]
    return [*words, "-s", "--", place.host, "sftp"]


@contextmanager
def session(place: Address, limits: Limits, pace: Pace) -> Iterator[Wire]:
    """A connection with a server that has said what it speaks; its process is ended in the end.

    Raises:
        Trouble: there is none, or what is done on it fails.
    """
    words = command(place, limits)
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=os.name == "posix"
            )
        except OSError as error:
            raise Trouble(f"ssh cannot be started here: {error.strerror or error}") from error
        with process:
            try:
                wire = Wire(process, pace, place.host, said)
                wire.begin()
                yield wire
            finally:
                process.kill()


class Wire:
    """Requests and answers.

    Args:
        process: Of ssh, with pipes.
        pace: Judges how fast it goes.
        host: For errors.
        said: What ssh prints about itself.
    """

    def __init__(self, process: subprocess.Popen[bytes], pace: Pace, host: str, said: IO[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - for the type checker
        self._out, self._in = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._out, False)
        self._process, self._pace, self._host, self._said = process, pace, host, said
        self._number = 0
        self._came = b""

    # --- what can be asked for

    def begin(self) -> None:
        """Agree on a version.

        Raises:
            Trouble: there is nobody who speaks it.
        """
        self._pace.reset()
        self._write(struct.pack(">IBI", 5, _INIT, 3))
        kind, _ = self._packet()
        if kind != _VERSION:
            raise Trouble(f"{self._host} does not speak SFTP")

    def look(self, path: str) -> Look:
        """Size and time of a file.

        Raises:
            Trouble: there is none.
        """
        body = self._asked(_STAT, _text(path), wanted=_ATTRS)
        flags, at = struct.unpack_from(">I", body)[0], 4
        size = mark = None
        if flags & 1:
            size, at = struct.unpack_from(">Q", body, at)[0], at + 8
        at += (8 if flags & 2 else 0) + (4 if flags & 4 else 0)
        if flags & 8:
            mark = f"{size} {struct.unpack_from('>II', body, at)[1]}"
        return Look(size, mark)

    def open(self, path: str, how: int) -> bytes:
        """A handle of a file."""
        body = self._asked(_OPEN, _text(path) + struct.pack(">II", how, 0), wanted=_HANDLE)
        return body[4 : 4 + struct.unpack_from(">I", body)[0]]

    def close(self, handle: bytes) -> None:
        """Give it back: what was written is there."""
        self._asked(_CLOSE, _text(handle))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, which may have been that of another one."""
        try:
            self._asked(_EXTENDED, _text("posix-rename@openssh.com") + _text(old) + _text(new))
        except Refused:  # a server that only knows the old request, which replaces nothing
            with suppress(Refused):
                self.remove(new)
            self._asked(_RENAME, _text(old) + _text(new))

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._asked(_REMOVE, _text(path))

    def make_folder(self, path: str) -> None:
        """Make a directory."""
        self._asked(_MKDIR, _text(path) + struct.pack(">I", 0))

    def chunks(self, handle: bytes, begin: int) -> Iterator[bytes]:
        """What is in a file from a place on, in order."""
        waiting: deque[tuple[int, int]] = deque()  # offsets and lengths, in the order in which they were asked for
        held: dict[int, tuple[int, bytes]] = {}
        numbers: deque[int] = deque()
        ahead, ended = begin, False
        while True:
            while not ended and len(waiting) < AHEAD:
                numbers.append(self._ask(_READ, _text(handle) + struct.pack(">QI", ahead, PIECE)))
                waiting.append((ahead, PIECE))
                ahead += PIECE
            if not waiting:
                return
            number, (offset, length) = numbers.popleft(), waiting.popleft()
            while number not in held:
                kind, body = self._packet()
                held[struct.unpack_from(">I", body)[0]] = (kind, body[4:])
            kind, body = held.pop(number)
            if kind == _STATUS:
                _judge(body, _EOF)
                ended = True
                continue
            if kind != _DATA:
                self._confused()
            chunk = body[4:]
            yield chunk
            if 0 < len(chunk) < length:  # servers may give less; the rest is asked for before anything else is taken
                rest = (offset + len(chunk), length - len(chunk))
                numbers.appendleft(self._ask(_READ, _text(handle) + struct.pack(">QI", *rest)))
                waiting.appendleft(rest)

    def put(self, handle: bytes, chunks: Iterator[bytes]) -> int:
        """Write into a file; how many bytes."""
        sent = under_way = 0
        for chunk in chunks:
            self._ask(_WRITE, _text(handle) + struct.pack(">Q", sent) + _text(chunk))
            sent += len(chunk)
            self._pace.sent(len(chunk))
            under_way += 1
            if under_way >= AHEAD:
                self._written()
                under_way -= 1
        for _ in range(under_way):
            self._written()
        return sent

    # --- packets

    def _written(self) -> None:
        kind, body = self._packet()
        if kind != _STATUS:
            self._confused()
        _judge(body[4:], _OK)

    def _asked(self, kind: int, body: bytes, wanted: int = _STATUS) -> bytes:
        self._pace.reset()
        number = self._ask(kind, body)
        while True:
            found, answer = self._packet()
            answered = struct.unpack_from(">I", answer)[0]
            if answered == number:
                break
            if answered > number:  # a smaller one was asked before something went wrong; nobody waits for it
                self._confused()
        if found == _STATUS:
            _judge(answer[4:], _OK)
        if found != wanted:
            self._confused()
        return answer[4:]

    def _ask(self, kind: int, body: bytes) -> int:
        self._number += 1
        self._write(struct.pack(">IBI", len(body) + 5, kind, self._number) + body)
        return self._number

    def _packet(self) -> tuple[int, bytes]:
        length, kind = struct.unpack(">IB", self._read(5))
        if not 1 <= length <= LONGEST:
            self._confused()
        return kind, self._read(length - 1)

    def _read(self, count: int) -> bytes:
        while len(self._came) < count:
            if not select.select([self._in], [], [], self._pace.patience())[0]:
                raise Trouble(f"talking to {self._host}: nothing came for too long", transient=True)
            chunk = os.read(self._in, 1 << 18)
            if not chunk:
                self._broken_off()
            self._pace.add(len(chunk))
            self._came += chunk
        taken, self._came = self._came[:count], self._came[count:]
        return taken

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if not select.select([], [self._out], [], self._pace.patience())[1]:
                raise Trouble(f"talking to {self._host}: it takes nothing", transient=True)
            try:
                view = view[os.write(self._out, view) :]
            except BrokenPipeError:
                self._broken_off()
            except BlockingIOError:
                continue

    def _broken_off(self) -> NoReturn:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self._said.seek(0)
        text = " ".join(self._said.read(4096).decode(errors="replace").split())[:300]
        for_good = any(words in text for words in _FOR_GOOD)
        raise Trouble(f"{self._host} broke off ({text or 'ssh says nothing'})", transient=not for_good)

    def _confused(self) -> NoReturn:
        raise Trouble(f"{self._host} answers something that was not asked for", transient=True)


def _judge(status: bytes, *good: int) -> None:
    code, length = struct.unpack_from(">II", status) if len(status) >= 8 else (struct.unpack_from(">I", status)[0], 0)
    if code not in good:
        raise Refused(code, status[8 : 8 + length].decode(errors="replace") or f"status {code}")


def _text(value: str | bytes) -> bytes:
    data = os.fsencode(value) if isinstance(value, str) else value
    return struct.pack(">I", len(data)) + data
