"""Who may open a link: real handshakes over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import zmq

from parsl_like.executors.high_throughput.authentication import Authenticator
from parsl_like.executors.high_throughput.keys import RoleKeys, create_keys, load_keys
from parsl_like.executors.high_throughput.links.tcp import TcpDialer, TcpListener
from parsl_like.executors.high_throughput.links.waiting import Waiter

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20_000
PATIENCE_S = PATIENCE / 1000


class Door:
    """An interchange's door for managers, with its authenticator."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        create_keys(directory)
        self.keys = load_keys(directory, "interchange")
        self.contexts: list[zmq.Context[zmq.Socket[bytes]]] = [zmq.Context(), zmq.Context()]
        for context in self.contexts:
            stack.callback(context.destroy, linger=0)
        here = self.contexts[0]
        self.authenticator = Authenticator(here, {role: [key] for role, key in self.keys.peers.items()})
        self.listener = TcpListener(here, "control", self.keys, "manager")
        self.url = self.listener.bind("127.0.0.1")
        self.waiter = Waiter()
        stack.callback(self.waiter.close)
        self.authenticator.watch(self.waiter)
        self.listener.watch(self.waiter)

    def ask(self, parts: list[bytes]) -> list[bytes]:
        """What the authenticator answers to a request."""
        with self.contexts[0].socket(zmq.REQ) as asking:
            asking.connect("inproc://zeromq.zap.01")
            asking.send_multipart(parts)
            assert self.authenticator.socket.poll(PATIENCE)
            self.authenticator.handle()
            return asking.recv_multipart()

    def knock(self, keys: RoleKeys | None) -> TcpDialer:
        self.last = TcpDialer(self.contexts[1], self.url, b"m", link="control", keys=keys, peer="interchange")
        self.last.watch(self.waiter)
        return self.last

    def serve(self, *, until_stranger: bool = False) -> bytes | None:
        """What comes in first, or None when somebody was refused."""
        while ready := self.waiter.wait(PATIENCE_S):
            if self.authenticator in ready:
                self.authenticator.handle()
                if until_stranger and self.authenticator._strangers:
                    return None
            if self.listener in ready and (message := self.listener.receive()):
                return bytes(message[0])
            self.last.receive()
        raise AssertionError("nobody came")


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with ExitStack() as stack:
        yield Door(tmp_path / "keys", stack)


def test_the_right_key_comes_in(door: Door, tmp_path: Path) -> None:
    door.knock(load_keys(tmp_path / "keys", "manager"))
    assert door.serve() == b"m"
    assert door.authenticator.strangers() == {}


def test_the_key_of_another_role_is_refused_by_name(door: Door, tmp_path: Path) -> None:
    door.knock(load_keys(tmp_path / "keys", "driver"))
    assert door.serve(until_stranger=True) is None
    who = "the key of the role driver on the manager links, from 127.0.0.1"
    assert door.authenticator.strangers() == {who: 1}
    assert door.authenticator.strangers() == {}


def test_an_unknown_key_is_refused(door: Door) -> None:
    public, secret = zmq.curve_keypair()
    door.knock(RoleKeys("manager", public, secret, {"interchange": door.keys.public}))
    assert door.serve(until_stranger=True) is None
    (who,) = door.authenticator.strangers()
    assert "an unknown key" in who


def test_without_an_authenticator_nobody_comes_in(door: Door, tmp_path: Path) -> None:
    """The door fails closed: a forgotten authenticator does not make it open."""
    door.authenticator.close()
    manager = door.knock(load_keys(tmp_path / "keys", "manager"))
    monitor = manager._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    try:
        assert manager.receive() is None
        assert monitor.poll(PATIENCE)
        from zmq.utils.monitor import recv_monitor_message

        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
        assert door.listener.receive() is None
        assert not manager.is_connected()
    finally:
        manager._socket.disable_monitor()
        monitor.close()


@pytest.mark.parametrize(
    "request_parts",
    [
        [b"1.0", b"1", b"manager", b"127.0.0.1", b"", b"NULL"],
        [b"1.0", b"1", b"manager", b"127.0.0.1", b"", b"PLAIN", b"user", b"password"],
        [b"9.9", b"1", b"manager", b"127.0.0.1", b"", b"CURVE", b"k" * 32],
        [b"1.0", b"1", b"", b"127.0.0.1", b"", b"CURVE", b"k" * 32],
    ],
)
def test_anything_but_an_allowed_key_is_refused(door: Door, request_parts: list[bytes]) -> None:
    assert door.ask(request_parts)[:3] == [b"1.0", b"1", b"400"]
    assert sum(door.authenticator.strangers().values()) == 1
