"""A wire through a process, with programs of this machine in the place of ssh."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing

import pytest

from parsl_like.channels.errors import SSHException
from parsl_like.channels.openssh.wire import OpenSSHWire, started

if sys.platform == "win32":
    pytest.skip("ssh cannot share a login there", allow_module_level=True)

PATIENCE_S = 30.0
NOT_THERE = ["sh", "-c", "echo 'Control socket connect(c): No such file or directory' >&2; exit 255"]


def _wire(*lines: list[str], seconds: float = PATIENCE_S) -> OpenSSHWire:
    waiting = list(lines)
    return OpenSSHWire(started(waiting.pop(0)), lambda: waiting.pop(0), time.monotonic() + seconds, "there")


def _all(wire: OpenSSHWire) -> tuple[bytes, bytes]:
    out = err = b""
    while True:
        try:
            more = wire.receive(PATIENCE_S)
        except EOFError:
            return out, err
        out, err = out + more[0], err + more[1]


def _until_ended(wire: OpenSSHWire) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while wire.alive:
        assert time.monotonic() < deadline
        pause.wait(0.01)


def test_what_is_sent_arrives_and_what_is_said_comes_back() -> None:
    with closing(_wire(["sh", "-c", "cat; echo done >&2"])) as wire:
        wire.send(b"hello\n", PATIENCE_S)
        assert wire.receive(PATIENCE_S) == (b"hello\n", b"")
        assert wire.alive
        wire.end_input()
        assert _all(wire) == (b"", b"done\n")
        with pytest.raises(EOFError):
            wire.send(b"more", PATIENCE_S)
    assert not wire.alive


def test_nothing_comes_in_time() -> None:
    with closing(_wire(["sleep", "60"])) as wire, pytest.raises(TimeoutError):
        wire.receive(0.1)


def test_nobody_takes_it_in_time() -> None:
    with closing(_wire(["sleep", "60"])) as wire, pytest.raises(TimeoutError):
        wire.send(b"x" * 5_000_000, 0.2)


def test_what_did_not_get_onto_the_connection_is_sent_again() -> None:
    with closing(_wire(NOT_THERE, NOT_THERE, ["cat"])) as wire:
        wire.send(b"once\n", PATIENCE_S)
        assert wire.receive(PATIENCE_S)[1].startswith(b"Control socket connect")
        assert wire.receive(PATIENCE_S)[1].startswith(b"Control socket connect")
        assert wire.receive(PATIENCE_S) == (b"once\n", b"")


def test_what_is_not_known_to_have_failed_is_not_sent_again() -> None:
    broken = ["sh", "-c", "read line; echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255"]
    with closing(_wire(broken)) as wire:  # a second line would be one too many
        wire.send(b"once\n", PATIENCE_S)
        with pytest.raises(SSHException, match=r"Channel to there: .*nothing was run there: .*Broken pipe") as caught:
            _all(wire)
        assert caught.value.transient


def test_what_was_answered_is_not_sent_again() -> None:
    half = ["sh", "-c", "read line; echo begun; echo 'Control socket connect' >&2; exit 255"]
    with closing(_wire(half)) as wire:
        wire.send(b"once\n", PATIENCE_S)
        assert _all(wire)[0] == b"begun\n"
        _until_ended(wire)
        with pytest.raises(EOFError):
            wire.send(b"more\n", PATIENCE_S)


def test_when_the_time_is_over_it_is_not_tried_again() -> None:
    with closing(_wire(NOT_THERE, seconds=0.0)) as wire:
        wire.send(b"once\n", PATIENCE_S)
        with pytest.raises(SSHException, match="Control socket"):
            _all(wire)


def test_the_words_of_a_shell_that_is_none_are_handed_on() -> None:
    with closing(_wire(["sh", "-c", "echo 'This account is not available.' >&2; exit 1"])) as wire:
        assert _all(wire) == (b"", b"This account is not available.\n")


def test_one_thread_may_close_what_another_reads() -> None:
    wire, seen = _wire(["sleep", "600"]), []

    def read() -> None:
        try:
            wire.receive(PATIENCE_S)
        except EOFError as error:
            seen.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    wire.close()
    reader.join(PATIENCE_S)
    assert len(seen) == 1
