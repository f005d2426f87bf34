"""Links between processes of one host: who connects, who comes back, who is kept out."""

from __future__ import annotations

import logging
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.links import local
from parsl_like.executors.high_throughput.links.framing import HEAD
from parsl_like.executors.high_throughput.links.local import (
    FIRST_PAUSE_S,
    GREETING,
    LONGEST_PAUSE_S,
    LocalDialer,
    LocalListener,
)
from parsl_like.executors.high_throughput.links.port import BIG, Parting
from parsl_like.executors.high_throughput.links.stream import Stream
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from contextlib import AbstractContextManager, ExitStack

PATIENCE_S = 60


class Host:
    """Listeners and dialers of one host, turned by hand."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.waiter = Waiter()
        self.dialers: list[LocalDialer] = []
        self.listeners: list[LocalListener] = []
        self._heard: dict[Any, list[Any]] = defaultdict(list)

    @property
    def listener(self) -> LocalListener:
        return self.listeners[-1]

    def listen(self) -> LocalListener:
        self.listeners.append(LocalListener(self.url))
        self.listener.watch(self.waiter)
        return self.listener

    def dial(self, name: bytes = b"m") -> LocalDialer:
        made = LocalDialer(self.url, name)
        made.watch(self.waiter)
        self.dialers.append(made)
        return made

    def joined(self, name: bytes = b"m") -> LocalDialer:
        """A dialer whom the listener knows."""
        made = self.dial(name)
        assert self.next(self.listener) == [name, b""]
        assert self.listener.receive() is None
        return made

    def turn(self, patience: float = PATIENCE_S) -> list[Any]:
        """Wait for what comes, or for the time to connect again."""
        due = min((dialer.deadline() for dialer in self.dialers), default=math.inf)
        found = self.waiter.wait(min(patience, due - time.monotonic()))
        assert found or due < math.inf or not patience, "nothing came"
        for dialer in self.dialers:
            dialer.keep_up(time.monotonic())
        return found

    def next(self, channel: Any) -> list[Any]:
        """The next message of a link; what others hear meanwhile stays for later."""
        found = [channel]
        while not self._heard[channel]:
            for one in found:
                while (message := one.receive()) is not None:
                    self._heard[one].append(message)
            if not self._heard[channel]:
                found = self.turn()
        return list(self._heard[channel].pop(0))

    def see_the_end(self, dialer: LocalDialer) -> None:
        """Until a dialer knows that its connection is over, with nothing more to hear."""
        while dialer.is_connected():
            assert self.waiter.wait(PATIENCE_S)
            assert dialer.receive() is None

    def raw(self) -> socket.socket:
        """A connection of somebody who does not know how to behave."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.connect(self.url.removeprefix("ipc://"))
        return made

    def close(self) -> None:
        for one in (*self.dialers, *self.listeners):
            one.close()
        self.waiter.close()


@pytest.fixture
def host(url: str) -> Iterator[Host]:
    made = Host(url)
    yield made
    made.close()


def contents(message: list[Any]) -> list[bytes]:
    return [bytes(part.copied()) if isinstance(part, Segment) else bytes(part) for part in message]


# --- messages


def test_who_connects_is_announced_and_messages_go_both_ways(host: Host) -> None:
    listener, dialer = host.listen(), host.dial()
    assert dialer.is_connected()
    assert not listener.is_connected()
    assert host.next(listener) == [b"m", b""]
    assert listener.is_connected()
    assert dialer.send(b"frame", [b"one", memoryview(b"two"), bytes(BIG)])
    assert contents(host.next(listener)) == [b"m", b"frame", b"one", b"two", bytes(BIG)]
    assert listener.send(b"answer", [b"part"], to=b"m")
    assert contents(host.next(dialer)) == [b"answer", b"part"]
    assert listener.receive() is None
    assert dialer.receive() is None


def test_a_name_may_be_of_any_bytes(host: Host) -> None:
    host.listen()
    name = bytes(range(256)) * 4
    dialer = host.joined(name)
    assert host.listener.send(b"x", to=name)
    assert host.next(dialer) == [b"x"]


def test_each_peer_gets_what_is_for_it(host: Host) -> None:
    host.listen()
    peers = {name: host.joined(name) for name in (b"a", b"b", b"c")}
    for name in peers:
        assert host.listener.send(b"for " + name, to=name)
    for name, dialer in peers.items():
        assert host.next(dialer) == [b"for " + name]
        assert dialer.send(b"from " + name)
        assert host.next(host.listener) == [name, b"from " + name]


@pytest.mark.parametrize("to", [b"nobody", b"", None])
def test_nothing_is_sent_to_nobody(host: Host, to: bytes | None) -> None:
    host.listen()
    host.joined()
    assert host.listener.send(b"x", [b"part"], to=to) is False


def test_one_who_talks_without_end_does_not_keep_the_others_from_being_heard(host: Host) -> None:
    host.listen()
    names = (b"a", b"b", b"c")
    peers = [host.joined(name) for name in names]
    for _ in range(100):
        for peer in peers:
            assert peer.send(b"noise")
    assert host.turn() == [host.listener]
    for _ in range(100):
        assert {(host.listener.receive() or [b""])[0] for _ in names} == set(names)


def test_what_one_cannot_take_yet_is_sent_later_in_its_order(host: Host) -> None:
    """In both directions, and as the waiter says when."""
    host.listen()
    dialer = host.joined()
    frames = [b"%d" % n + bytes(2000) for n in range(5000)]
    for frame in frames:
        assert dialer.send(frame)
        assert host.listener.send(frame, to=b"m")
    assert [host.next(host.listener)[1] for _ in frames] == frames
    assert [host.next(dialer)[0] for _ in frames] == frames
    host.turn(0)  # the last of it was written before the last of it could be read
    assert host.turn(0) == [], "nobody waits for writing any more"


def test_what_was_kept_before_somebody_watched_is_sent_too(host: Host) -> None:
    """A dialer changes hands: who has joined is not who serves."""
    host.listen()
    dialer = LocalDialer(host.url, b"m")
    host.dialers.append(dialer)
    for _ in range(100):
        assert dialer.send(bytes(60_000))
    first = Waiter()
    dialer.watch(first)
    first.close()
    dialer.watch(host.waiter)
    assert host.next(host.listener) == [b"m", b""]
    for _ in range(100):
        assert host.next(host.listener) == [b"m", bytes(60_000)]


def test_a_segment_outlives_the_process_that_made_it(host: Host) -> None:
    host.listen()
    script = """
import sys
from parsl_like.executors.high_throughput.links.local import LocalDialer
from parsl_like.serialize.segments import Segment

dialer = LocalDialer(sys.argv[1], b"child")
assert dialer.send(b"frame", [Segment.written([b"content" * 1000])])
dialer.close(60_000)
"""
    subprocess.run([sys.executable, "-c", script, host.url], check=True, timeout=60)
    assert host.next(host.listener) == [b"child", b""]
    name, frame, segment = host.next(host.listener)
    assert (name, frame, bytes(segment.buffers()[0])) == (b"child", b"frame", b"content" * 1000)
    while host.listener.is_connected():
        host.turn()
        assert host.listener.receive() is None


# --- connections


def test_one_who_has_gone_is_known_to_be_gone(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    assert dialer.send(b"last")
    dialer.close()
    assert not dialer.is_connected()
    assert dialer.send(b"x") is False
    assert dialer.receive() is None
    assert host.next(host.listener) == [b"m", b"last"]
    assert host.listener.send(b"x", to=b"m") is False
    assert host.turn() == [host.listener]
    assert host.listener.receive() is None
    assert not host.listener.is_connected()


def test_one_who_has_gone_is_known_to_be_gone_by_who_sends(host: Host) -> None:
    host.listen()
    host.joined().close()
    assert host.listener.send(b"x", to=b"m") is False
    host.turn()
    assert host.listener.receive() is None
    assert not host.listener.is_connected()


def test_a_newcomer_of_the_same_name_takes_over(host: Host) -> None:
    host.listen()
    old, new = host.joined(), host.joined()
    assert host.listener.send(b"for you", to=b"m")
    assert host.next(new) == [b"for you"]
    assert old.receive() is None
    assert not old.is_connected()
    assert host.listener.is_connected()
    assert old.deadline() < math.inf


def test_what_was_said_before_the_listener_ended_is_heard(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    assert dialer.send(b"never read")
    for n in range(10):
        assert host.listener.send(b"%d" % n, to=b"m")
    host.listener.close()
    assert [host.next(dialer) for _ in range(10)] == [[b"%d" % n] for n in range(10)]
    host.see_the_end(dialer)


def test_a_connection_that_comes_back_announces_itself_again(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    host.listener.close()
    assert dialer.send(b"lost") is False
    assert dialer.receive() is None
    host.listen()
    assert host.next(host.listener) == [b"m", b""]
    assert dialer.send(b"heard")
    assert host.next(host.listener) == [b"m", b"heard"]


def test_who_finds_nobody_tries_again_with_growing_pauses(url: str) -> None:
    dialer = LocalDialer(url, b"m")
    assert not dialer.is_connected()
    assert dialer.send(b"x", [b"part"]) is False
    assert dialer.receive() is None
    pauses, now = [], dialer.deadline()
    for _ in range(10):
        dialer.keep_up(now)
        pauses.append(dialer.deadline() - now)
        dialer.keep_up(now)  # not due
        now = dialer.deadline()
    expected = [min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(1, 11)]
    assert pauses == pytest.approx(expected)
    dialer.close()
    dialer.keep_up(now + 100)
    assert dialer.deadline() == math.inf


def test_who_is_turned_away_each_time_waits_longer_too(url: str, stack: ExitStack) -> None:
    """Only one that is answered has found what it looked for."""
    door = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    door.bind(url.removeprefix("ipc://"))
    door.listen()
    dialer = LocalDialer(url, b"m")
    stack.callback(dialer.close)

    def broken(answer: bytes = b"") -> float:
        """The pause after a connection that said only this."""
        accepted, _ = door.accept()
        accepted.sendall(answer)
        accepted.close()
        if answer:
            assert dialer.receive() == [answer[HEAD.size :]]
        before = time.monotonic()
        while dialer.is_connected():
            assert dialer.receive() is None
        pause = dialer.deadline() - before
        dialer.keep_up(dialer.deadline())
        assert dialer.is_connected()
        return pause

    for n in range(6):
        expected = FIRST_PAUSE_S * 2**n
        assert broken() >= expected
    assert broken(HEAD.pack(5, 0) + b"hello") < FIRST_PAUSE_S * 2**6


def test_a_dialer_that_is_closed_does_not_come_back(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    dialer.close()
    dialer.close()
    dialer.keep_up(math.inf)
    assert not dialer.is_connected()
    assert dialer.deadline() == math.inf


# --- who listens


def test_a_url_that_cannot_be_bound_is_named() -> None:
    with pytest.raises(ExecutorError, match="ipc:///nonexistent/place"):
        LocalListener("ipc:///nonexistent/place")


def test_a_url_that_is_taken_is_named(host: Host) -> None:
    host.listen()
    with pytest.raises(ExecutorError, match=f"{host.url}.*in use"):
        LocalListener(host.url)


def test_a_listener_that_is_closed_leaves_nothing(host: Host) -> None:
    host.listen()
    host.dial()
    host.turn()
    host.listener.close()
    host.listener.close()
    assert not os.path.exists(host.url.removeprefix("ipc://"))
    assert not host.listener.is_connected()
    assert host.listener.receive() is None
    assert host.listener.deadline() == math.inf
    host.listener.keep_up(math.inf)


def test_peers_that_do_not_read_have_one_time_together(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.listen()
    for name in (b"a", b"b", b"c", b"d"):
        host.joined(name)
    ticks = iter(range(10))
    monkeypatch.setattr(local.time, "monotonic", lambda: 100 + 0.4 * next(ticks))
    given: list[int] = []
    close = Stream.close
    monkeypatch.setattr(Stream, "close", lambda stream, linger: (given.append(linger), close(stream)))
    host.listener.close(1000)
    monkeypatch.undo()
    assert given == [600, 200, 0, 0]


def test_peers_that_read_get_what_was_kept_for_them(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    for n in range(200):
        assert host.listener.send(b"%d" % n + bytes(60_000), to=b"m")
    closing = threading.Thread(target=host.listener.close, args=(1000 * PATIENCE_S,))
    closing.start()
    own = Waiter()
    dialer.watch(own)
    for n in range(200):
        while (message := dialer.receive()) is None:
            assert own.wait(PATIENCE_S)
        assert message == [b"%d" % n + bytes(60_000)]
    closing.join()
    dialer.close()
    own.close()


# --- who may come in


@pytest.mark.parametrize(
    "first",
    [
        HEAD.pack(len(GREETING), 0) + GREETING,
        HEAD.pack(5, 0) + b"hello",
        HEAD.pack(0, 0),
        HEAD.pack(len(GREETING) + 1, 1) + (1).to_bytes(8, "little") + GREETING + b"mx",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 100,
    ],
)
def test_who_does_not_greet_is_shown_out_and_the_others_stay(
    host: Host, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host.listen()
    dialer = host.joined()
    with host.raw() as rude, caplog.at_level(logging.WARNING):
        rude.sendall(first)
        host.turn()
        assert host.listener.receive() is None
        with suppress(ConnectionResetError):
            assert rude.recv(1) == b""
    assert f"a connection to {host.listener._path} is closed" in caplog.text
    assert dialer.send(b"still here")
    assert host.next(host.listener) == [b"m", b"still here"]


@pytest.mark.parametrize("first", [b"", b"\x00", HEAD.pack(30, 0) + GREETING])
def test_who_goes_before_it_has_said_its_name_is_forgotten(host: Host, first: bytes) -> None:
    host.listen()
    with host.raw() as shy:
        shy.sendall(first)
        host.turn()
        assert host.listener.receive() is None
    host.turn()
    assert host.listener.receive() is None
    assert not host.listener._all


def test_garbage_of_a_peer_ends_its_connection_and_it_may_come_again(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.listen()
    dialer = host.joined()
    assert dialer._stream is not None
    os.write(dialer._stream.fileno(), b"\xff" * 100)
    with caplog.at_level(logging.WARNING):
        assert host.next(host.listener) == [b"m", b""]
    assert "is closed: Received an unparsable message: a message with a frame" in caplog.text
    assert dialer.send(b"x")
    assert host.next(host.listener) == [b"m", b"x"]


def test_garbage_of_the_listener_ends_the_connection(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.listen()
    dialer = host.joined()
    os.write(host.listener._peers[b"m"].stream.fileno(), b"\xff" * 100)
    with caplog.at_level(logging.WARNING):
        host.see_the_end(dialer)
    assert "is closed: Received an unparsable message: a message with a frame" in caplog.text
    assert host.next(host.listener) == [b"m", b""]


STRANGER = """
import os, socket, sys

os.chdir(sys.argv[1])
os.setgroups([])
os.setuid(65534)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
    knocking.connect("door")
    knocking.settimeout(60)
    print("connected", flush=True)
    try:
        print(knocking.recv(1), flush=True)
    except ConnectionResetError:
        print(b"")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_turned_away_even_if_the_directory_were_open(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.listen()
    path = host.url.removeprefix("ipc://")
    os.chmod(os.path.dirname(path), 0o711)
    os.chmod(path, 0o777)
    command = [sys.executable, "-c", STRANGER, os.path.dirname(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "connected\n"
        with caplog.at_level(logging.WARNING):
            assert host.turn(0) == []
        assert stranger.stdout.readline() == "b''\n"
        assert stranger.wait(60) == 0
    assert "it comes from another user (65534)" in caplog.text
    assert host.listener.receive() is None
    assert host.joined().is_connected()


# --- who has gone, and why


def test_the_end_of_a_connection_is_told_with_the_process_at_the_other_end(host: Host) -> None:
    host.listen()
    host.joined().close()
    while host.listener.is_connected():
        host.turn()
        assert host.listener.receive() is None
    assert host.listener.partings() == [Parting(b"m", os.getpid(), "")]
    assert host.listener.partings() == ()


def test_what_was_said_before_the_end_is_heard_before_it_is_told(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    assert dialer.send(b"last words")
    dialer.close()
    host.turn()
    assert host.listener.partings() == ()
    assert host.listener.receive() == [b"m", b"last words"]
    while host.listener.is_connected():
        assert host.listener.receive() is None
        host.turn(0)
    assert [parting.identity for parting in host.listener.partings()] == [b"m"]


def test_who_has_come_again_has_not_gone(host: Host) -> None:
    host.listen()
    host.joined().close()
    again = host.dial()
    assert host.next(host.listener) == [b"m", b""]
    assert host.listener.receive() is None
    assert host.listener.partings() == ()
    assert again.partings() == ()


def test_why_somebody_was_shown_out_is_told(host: Host) -> None:
    host.listen()
    dialer = host.joined()
    with host.raw() as rude:
        rude.sendall(b"GET / HTTP/1.1")
        host.turn()
        assert host.listener.receive() is None
    assert dialer.is_connected()
    ((identity, process, reason),) = host.listener.partings()
    assert (identity, process) == (b"", os.getpid())
    assert "it does not begin with a greeting" in reason


def test_a_crowd_that_does_not_greet_is_bounded_and_in_nobodys_way(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_SILENT", 3)
    host.listen()
    crowd = [host.raw() for _ in range(10)]
    dialer = host.joined()
    assert dialer.send(b"x")
    assert host.next(host.listener) == [b"m", b"x"]
    assert len(host.listener._all) <= 1 + 3
    assert {parting.reason for parting in host.listener.partings()} == {"it does not greet"}
    for one in crowd:
        one.close()


def test_who_does_not_greet_has_to_go_when_others_come(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.listen()
    with host.raw() as silent:
        host.turn()
        assert host.listener.receive() is None
        host.joined(b"a")
        assert len(host.listener._all) == 2
        monkeypatch.setattr(local, "GREETING_S", 0.0)
        host.joined(b"b")
        assert len(host.listener._all) == 2
        assert silent.recv(1) == b""
    assert [parting.reason for parting in host.listener.partings()] == ["it does not greet"]


# --- with no descriptor left


Scarcity = Callable[..., "AbstractContextManager[None]"]


def test_with_no_descriptor_left_whoever_knocks_is_turned_away_at_once(
    host: Host, scarce_descriptors: Scarcity, caplog: pytest.LogCaptureFixture
) -> None:
    host.listen()
    known = host.joined(b"known")
    waiting = [host.dial(b"%d" % n) for n in range(3)]
    with scarce_descriptors(), caplog.at_level(logging.WARNING):
        assert host.waiter.wait(PATIENCE_S) == []
        assert caplog.text.count("refused: too many open files") == 3
        assert host.waiter.wait(PATIENCE_S) == waiting  # they see it
        assert [dialer.receive() for dialer in waiting] == [None] * 3
        assert not any(dialer.is_connected() for dialer in waiting)
        assert known.send(b"still here")
        assert host.next(host.listener) == [b"known", b"still here"]
    assert {host.next(host.listener)[0] for _ in waiting} == {b"0", b"1", b"2"}


def test_with_no_descriptor_left_a_dialer_tries_again_later(host: Host, scarce_descriptors: Scarcity) -> None:
    host.listen()
    with scarce_descriptors():
        dialer = LocalDialer(host.url, b"m")
        assert not dialer.is_connected()
        assert FIRST_PAUSE_S <= dialer.deadline() < math.inf
    dialer.watch(host.waiter)
    host.dialers.append(dialer)
    assert host.next(host.listener) == [b"m", b""]


def test_a_listener_that_has_lost_its_spare_descriptor_takes_nobody_elses(
    host: Host, scarce_descriptors: Scarcity
) -> None:
    """Between giving it up and having it again, another thread may open a file."""
    host.listen()
    dialers = [host.dial(b"%d" % n) for n in range(3)]
    others: list[int] = []

    def beaten() -> int:
        with suppress(OSError):
            others.append(os.dup(0))
        raise OSError("too late")

    with pytest.MonkeyPatch.context() as patch, scarce_descriptors():
        patch.setattr(local, "_spare", beaten)
        assert host.waiter.wait(0) == []
        assert host.waiter.wait(0)[:1] == dialers[:1], "the first was turned away, the others wait"
        host.listener.close()
    assert len(others) == 1
    for descriptor in others:
        os.close(descriptor)


def test_a_listener_needs_its_spare_descriptor(url: str, scarce_descriptors: Scarcity) -> None:
    with scarce_descriptors(1), pytest.raises(ExecutorError, match="Too many open files"):
        LocalListener(url)
