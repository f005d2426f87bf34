"""The interchange as a real process, between a driver and managers made of plain sockets in the test."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest
import zmq
from zmq.utils.garbage import gc as lender

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.authentication import Authenticator
from parsl_like.executors.high_throughput.exchange.liveness import process_started
from parsl_like.executors.high_throughput.keys import RoleKeys, create_keys, load_keys
from parsl_like.executors.high_throughput.links.local import LocalDialer, LocalListener
from parsl_like.executors.high_throughput.links.tcp import TcpDialer, TcpListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.options import Endpoint, InterchangeOptions
from parsl_like.executors.high_throughput.places import socket_directory
from parsl_like.executors.high_throughput.protocol import (
    PRESENT_YOURSELF,
    Acknowledged,
    BlockIdle,
    Cancel,
    Cancelled,
    Function,
    Goodbye,
    Heartbeat,
    InterchangeReady,
    Lost,
    ManagerNews,
    NeedFunction,
    Notice,
    Refused,
    Register,
    Registered,
    ResultItem,
    Results,
    Stop,
    TaskItem,
    Tasks,
)
from parsl_like.serialize.segments import Segment
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.keys import Role
    from parsl_like.executors.high_throughput.links.port import Channel, Link

pytestmark = pytest.mark.integration

MODULE = "parsl_like.executors.high_throughput.interchange"
PATIENCE_S = 30.0
PAUSE_S = 0.3
"""Seconds in which a thing that must not happen does not happen; if it is too short, the test is too kind."""

ABC = Function(b"abc", "abc", b"def abc")
M = TypeVar("M", bound=protocol.Message)
C = TypeVar("C", bound="Channel")


class Post:
    """All links of a test, and what has come through them."""

    def __init__(self, stack: ExitStack) -> None:
        self.waiter = Waiter()
        self.heard: dict[Channel, list[tuple[Any, list[bytes]]]] = {}
        self.authenticator: Authenticator | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        stack.callback(self.close)

    @property
    def context(self) -> zmq.Context[zmq.Socket[bytes]]:
        """Where links on TCP live."""
        if self._context is None:
            self._context = zmq.Context()
        return self._context

    def guard(self, keys: RoleKeys) -> None:
        self.authenticator = Authenticator(self.context, {"interchange": [keys.peers["interchange"]]})
        self.authenticator.watch(self.waiter)

    def add(self, channel: C) -> C:
        self.heard[channel] = []
        channel.watch(self.waiter)
        return channel

    def hang_up(self, channel: Channel) -> None:
        channel.close()
        del self.heard[channel]

    def turn(self, patience: float = PATIENCE_S) -> None:
        """Take what comes within some time, or what has been missed when that is over."""
        due = min(channel.deadline() for channel in self.heard)
        ready = self.waiter.wait(min(patience, due - time.monotonic()))
        for channel, heard in self.heard.items():
            channel.keep_up(time.monotonic())
            while channel in ready and (parts := channel.receive()) is not None:
                frame, *buffers = parts[1:] if isinstance(channel, LocalListener | TcpListener) else parts
                if frame:
                    heard.append((protocol.decode(frame), [content(part) for part in buffers]))
        if self.authenticator is not None:
            self.authenticator.handle()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not come to that"
            self.turn(0.01)

    def close(self) -> None:
        for channel in list(self.heard):
            self.hang_up(channel)
        self.waiter.close()
        if self.authenticator is not None:
            self.authenticator.close()
        if self._context is not None:
            self._context.term()
            lender.stop()  # pyzmq's thread, which lives as long as its process once a large part was sent


def content(part: Any) -> bytes:
    return bytes(part.copied() if isinstance(part, Segment) else part)


class Side:
    """Two links with the interchange."""

    def __init__(self, post: Post, data: Channel, control: Channel, to: bytes | None = None) -> None:
        self.post, self._to = post, to
        self.data, self.control = post.add(data), post.add(control)
        self.buffers: list[bytes] = []

    def tell(self, message: protocol.Message) -> None:
        self.put(self.control, protocol.encode(message))

    def send(self, message: protocol.Message, *buffers: Any) -> None:
        self.put(self.data, protocol.encode(message), *buffers)

    def put(self, channel: Channel, frame: bytes, *buffers: Any) -> None:
        """Send, as soon as there is a connection."""
        self.post.until(lambda: channel.send(frame, buffers, to=self._to))

    def wait(self, kind: type[M], *, data: bool = False, patience: float = PATIENCE_S) -> M:
        """The next message of a kind; others stay for later."""
        waiting = self.post.heard[self.data if data else self.control]
        deadline = time.monotonic() + patience
        while True:
            for index, (message, buffers) in enumerate(waiting):
                if isinstance(message, kind):
                    del waiting[index]
                    self.buffers += buffers
                    return message
            left = deadline - time.monotonic()
            if left < 0:
                raise TimeoutError(f"no {kind.__name__}, but {waiting}")
            self.post.turn(left)

    def wait_for_nothing(self, kind: type[M], *, data: bool = False) -> None:
        with pytest.raises(TimeoutError):
            self.wait(kind, data=data, patience=PAUSE_S)


class Driver(Side):
    """Listens on the two links and starts an interchange."""

    def __init__(self, stack: ExitStack, directory: str, **changes: Any) -> None:
        self.stack = stack
        self._managers: list[Manager] = []
        self.directory = Path(directory)
        create_keys(self.directory / "keys")
        post = Post(stack)
        data, control = self._listen_on_tcp(post) if changes.pop("driver_over_tcp", False) else self._listen_here()
        super().__init__(post, data, control, protocol.INTERCHANGE)
        self._process(changes)

    def _listen_here(self) -> tuple[Channel, Channel]:
        self.endpoint = Endpoint(*(f"ipc://{self.directory}/driver-{link}" for link in ("data", "control")))
        return LocalListener(self.endpoint.data), LocalListener(self.endpoint.control)

    def _listen_on_tcp(self, post: Post) -> tuple[Channel, Channel]:
        keys = load_keys(self.directory / "keys", "driver")
        post.guard(keys)
        data = TcpListener(post.context, "data", keys, "interchange")
        control = TcpListener(post.context, "control", keys, "interchange")
        self.endpoint = Endpoint(data.bind("127.0.0.1"), control.bind("127.0.0.1"))
        return data, control

    def _process(self, changes: dict[str, Any]) -> None:
        pid = changes.pop("driver_pid", os.getpid())
        stdin = changes.pop("stdin", subprocess.PIPE)
        options = InterchangeOptions(
            **{
                "run_id": "run",
                "label": "htex",
                "logdir": str(self.directory / "logs"),
                "driver": self.endpoint,
                "driver_pid": pid,
                "driver_started": process_started(pid) or 0.0,
                "ipc_dir": str(self.directory),
                "cert_dir": str(self.directory / "keys"),
                "address": "127.0.0.1",
                **changes,
            }
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *options.to_argv()], stdin=stdin, stderr=subprocess.PIPE, text=True
        )
        self.stack.callback(self._end)

    def _end(self) -> None:
        for manager in self._managers:
            if manager.control in self.post.heard:
                manager.control.send(protocol.encode(Goodbye("the test is over")))
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(5)  # in good order if it can, so that its coverage is written
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def ready(self) -> InterchangeReady:
        self.listening = self.wait(InterchangeReady)
        return self.listening

    def log(self) -> str:
        return (self.directory / "logs" / "interchange.log").read_text()

    def end(self) -> tuple[int, str]:
        """Let the interchange end; gives its exit code and what it wrote to stderr."""
        code = self.process.wait(PATIENCE_S)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def manager(self, name: bytes = b"m", *, tcp: bool = False, role: Role = "manager", keyed: bool = True) -> Manager:
        urls = self.listening.remote[-2:] if tcp else self.listening.local
        keys = load_keys(self.directory / "keys", role) if tcp and keyed else None
        self._managers.append(Manager(self.post, name, urls, keys))
        return self._managers[-1]


class Manager(Side):
    """A manager that does what the test says."""

    def __init__(self, post: Post, name: bytes, urls: list[str], keys: RoleKeys | None = None) -> None:
        self.name, self.urls, self.keys, self.sequence = name, urls, keys, 0
        super().__init__(post, self._dial(post, "data"), self._dial(post, "control"))

    def _dial(self, post: Post, link: Link) -> Channel:
        url = self.urls[link == "control"]
        if url.startswith("ipc:"):
            return LocalDialer(url, self.name)
        return TcpDialer(post.context, url, self.name, link=link, keys=self.keys, peer="interchange")

    def reopen_data(self) -> None:
        """As if the connection had broken, with all that was on its way to the manager."""
        self.post.hang_up(self.data)
        self.data = self.post.add(self._dial(self.post, "data"))
        self.post.until(self.data.is_connected)

    def vanish(self) -> None:
        self.post.hang_up(self.data)
        self.post.hang_up(self.control)

    def card(self, **changes: Any) -> Register:
        base = Register(
            protocol.PROTOCOL_VERSION,
            "run",
            self.name,
            "0",
            "node1",
            1,
            slots=2,
            capacity=2,
            cores=2,
            memory=1,
            accelerators=[],
            python=platform.python_version(),
            package=VERSION,
            packages={},
            transport="",
        )
        return msgspec.structs.replace(base, **changes)

    def register(self, **changes: Any) -> Registered:
        self.tell(self.card(**changes))
        return self.wait(Registered)

    def finish(self, *items: TaskItem, buffers: tuple[Any, ...] = (), capacity: int = 2) -> None:
        self.sequence += 1
        results = [ResultItem(i.attempt, protocol.OUTCOME_VALUE, i.body, i.buffers) for i in items]
        self.put(self.data, protocol.encode_results(self.name, self.sequence, capacity, results), *buffers)


def task(attempt: int, **changes: Any) -> TaskItem:
    return msgspec.structs.replace(TaskItem(attempt, b"abc", b"body %d" % attempt), **changes)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def directory(stack: ExitStack) -> str:
    made = socket_directory()
    stack.callback(shutil.rmtree, made, ignore_errors=True)
    return made


@pytest.fixture
def driver(stack: ExitStack, directory: str) -> Driver:
    made = Driver(stack, directory)
    made.ready()
    return made


# --- work


def test_a_task_goes_to_a_manager_and_its_result_comes_back(driver: Driver) -> None:
    assert driver.listening.version == protocol.PROTOCOL_VERSION
    assert driver.listening.pid == driver.process.pid
    manager = driver.manager()
    assert manager.register().incarnation == 1
    news = driver.wait(ManagerNews)
    assert (news.what, news.manager, news.hostname) == ("connected", b"m", "node1")
    driver.send(ABC)
    driver.send(Tasks([task(1)]))
    assert manager.wait(Function, data=True) == ABC
    assert manager.wait(Tasks, data=True).items == [task(1)]
    manager.finish(task(1))
    results = driver.wait(Results, data=True)
    assert (results.manager, results.sequence, results.attempts) == (b"m", 1, [1])
    assert protocol.decode_items(results.items)[0].body == b"body 1"
    driver.send(Tasks([task(2)], [(b"m", 1)]))
    assert manager.wait(Tasks, data=True) == Tasks([task(2)], [(b"m", 1)])
    driver.send(Tasks([], [(b"m", 1)]))
    assert manager.wait(Acknowledged) == Acknowledged(1)


def test_managers_come_over_encrypted_tcp_as_well(driver: Driver) -> None:
    here, there = driver.manager(b"here"), driver.manager(b"there", tcp=True)
    here.register(capacity=1, slots=1)
    there.register(capacity=1, slots=1)
    driver.send(ABC)
    driver.send(Tasks([task(1), task(2)]))
    assert {here.wait(Tasks, data=True).items[0].attempt, there.wait(Tasks, data=True).items[0].attempt} == {1, 2}


def test_what_is_most_urgent_goes_first(driver: Driver) -> None:
    driver.send(ABC)
    driver.send(Tasks([task(1, priority=2), task(2), task(3, priority=-1), task(4)]))
    manager = driver.manager()
    manager.register(capacity=3)
    assert [item.attempt for item in manager.wait(Tasks, data=True).items] == [3, 2, 4]


def test_a_thousand_tasks_through_two_managers_each_once(driver: Driver) -> None:
    managers = [driver.manager(b"a"), driver.manager(b"b", tcp=True)]
    for manager in managers:
        manager.register(capacity=50)
    driver.send(ABC)
    everything = [task(n) for n in range(1000)]
    for start in range(0, 1000, 100):
        driver.send(Tasks(everything[start : start + 100]))
    done: list[int] = []
    heard = driver.post.heard
    while len(done) < 1000:
        driver.post.turn()
        for manager in managers:
            messages, heard[manager.data] = heard[manager.data], []
            for message, _ in messages:
                if isinstance(message, Tasks):
                    manager.finish(*message.items, capacity=50)
        messages, heard[driver.data] = heard[driver.data], []
        done += [attempt for message, _ in messages if isinstance(message, Results) for attempt in message.attempts]
    assert sorted(done) == list(range(1000))


def test_large_values_pass_while_heartbeats_flow(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, heartbeat_period=0.02)
    driver.ready()
    manager = driver.manager(tcp=True)
    manager.register()
    driver.send(ABC)
    large, small = os.urandom(1000) * 50_000, b"small"
    driver.send(Tasks([task(1, buffers=2)]), large, small)
    item = manager.wait(Tasks, data=True).items[0]
    assert [hashlib.sha256(part).digest() for part in manager.buffers] == [
        hashlib.sha256(part).digest() for part in (large, small)
    ]
    beats = [manager.wait(Heartbeat), driver.wait(Heartbeat)]
    manager.finish(item, buffers=tuple(manager.buffers))
    driver.wait(Results, data=True)
    assert driver.buffers == manager.buffers
    assert manager.wait(Heartbeat).sent > beats[0].sent
    assert driver.wait(Heartbeat).sent > beats[1].sent


def test_a_function_that_nobody_sent_is_asked_of_the_driver(driver: Driver) -> None:
    manager = driver.manager()
    manager.register()
    driver.send(Tasks([task(1)]))
    assert manager.wait(Tasks, data=True).items == [task(1)]
    assert driver.wait(NeedFunction, data=True).hashes == [b"abc"]
    driver.send(ABC)
    assert manager.wait(Function, data=True) == ABC
    manager.send(NeedFunction([b"abc"]))
    assert manager.wait(Function, data=True) == ABC


def test_cancelling_reaches_the_manager_and_comes_back(driver: Driver) -> None:
    manager = driver.manager()
    manager.register()
    driver.send(Tasks([task(1)]))
    manager.wait(Tasks, data=True)
    driver.tell(Cancel([1, 2]))
    assert driver.wait(Cancelled).attempts == [2]
    assert manager.wait(Cancel).attempts == [1]
    manager.tell(Cancelled([1]))
    assert driver.wait(Cancelled).attempts == [1]


def test_an_idle_block_is_told(driver: Driver) -> None:
    driver.manager().register()
    assert driver.wait(BlockIdle).blocks == {"0": True}


# --- who may come in


def test_another_version_is_refused_with_both_named_and_the_others_go_on(driver: Driver) -> None:
    stranger = driver.manager(b"old")
    stranger.tell(stranger.card(version=77))
    assert "protocol 77" in stranger.wait(Refused).reason
    news = driver.wait(ManagerNews)
    assert news.what == "refused"
    assert f"protocol {protocol.PROTOCOL_VERSION}" in news.reason
    assert driver.manager().register().incarnation == 1


def test_a_key_of_another_role_or_of_nobody_opens_nothing(driver: Driver) -> None:
    wrong_role = driver.manager(b"x", tcp=True, role="driver")
    notice = driver.wait(Notice)
    assert "the key of the role driver on the manager links" in notice.text
    stranger = zmq.curve_keypair()
    keys = RoleKeys("manager", *stranger, load_keys(driver.directory / "keys", "manager").peers)
    unknown = Manager(driver.post, b"y", driver.listening.remote[-2:], keys)
    assert "an unknown key" in driver.wait(Notice).text
    without = Manager(driver.post, b"z", driver.listening.remote[-2:])
    for nobody in (wrong_role, unknown, without):
        assert not nobody.data.send(b"x")
        assert not nobody.control.send(b"x")
    assert driver.manager(tcp=True).register().incarnation == 1


def test_over_tcp_the_driver_lets_only_its_interchange_in(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, driver_over_tcp=True)
    driver.ready()
    keys = load_keys(driver.directory / "keys", "manager")
    url = driver.endpoint.control
    # The manager's file has no key of the driver, so a thief has to have it from elsewhere; still it does not help.
    stolen = RoleKeys("manager", keys.public, keys.secret, {"driver": driver_public(driver)})
    thief = TcpDialer(driver.post.context, url, b"t", link="control", keys=stolen, peer="driver")
    driver.post.add(thief)
    authenticator = driver.post.authenticator
    assert authenticator is not None
    driver.post.until(lambda: bool(authenticator._strangers))
    assert not thief.send(b"x")
    driver.post.hang_up(thief)
    manager = driver.manager()
    manager.register()
    driver.send(Tasks([task(1)]))
    assert manager.wait(Tasks, data=True).items == [task(1)]


def driver_public(driver: Driver) -> bytes:
    return load_keys(driver.directory / "keys", "driver").public


def test_without_encryption_only_this_machine_is_listened_to_and_that_is_said(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, encrypted=False, cert_dir=None, address="*")
    assert all(url.startswith("tcp://127.0.0.1:") for url in driver.ready().remote)
    assert "NOT encrypted" in driver.wait(Notice).text
    assert driver.manager(tcp=True, keyed=False).register().incarnation == 1


def test_every_address_is_listened_to_and_named_if_none_is_given(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, address="*", transport="tcp", ipc_dir=None)
    ready = driver.ready()
    assert ready.local == []
    assert [url.startswith("tcp://127.") for url in ready.remote[-2:]] == [True, True]
    assert len(ready.remote) % 2 == 0
    assert driver.manager(tcp=True).register().incarnation == 1


# --- what is malformed


@pytest.mark.parametrize("link", ["data", "control"])
def test_garbage_of_a_manager_is_dropped_and_counted(driver: Driver, link: str) -> None:
    manager = driver.manager()
    manager.register()
    channel = getattr(manager, link)
    foreign = protocol.encode_results(b"other", 1, 1, [])
    for frame in (b"\x00", b"\xc1", b"\x93\x01\x02", protocol.encode(Stop("x")), os.urandom(200), foreign):
        assert channel.send(frame)
    assert channel.send(b"\x00", [b"a", b"b"])
    notice = driver.wait(Notice)
    assert "from manager m was dropped" in notice.text
    driver.send(Tasks([task(1)]))
    assert manager.wait(Tasks, data=True).items == [task(1)]
    assert driver.process.poll() is None


def test_garbage_on_the_drivers_links_is_dropped_and_counted(driver: Driver) -> None:
    manager = driver.manager()
    manager.register()
    driver.put(driver.data, b"\xc1")
    assert "from the driver was dropped" in driver.wait(Notice).text
    driver.send(Tasks([task(7, buffers=3)]), b"one")
    assert "count 3 buffers came with 1" in driver.wait(Notice).text
    driver.send(Tasks([task(1)]))
    assert manager.wait(Tasks, data=True).items == [task(1)]


def test_a_flood_of_garbage_is_told_in_sums(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, heartbeat_period=0.2)
    driver.ready()
    for _ in range(500):
        driver.put(driver.control, b"\xc1")
    notices = [driver.wait(Notice)]
    while sum(notice.count for notice in notices) < 500:
        notices.append(driver.wait(Notice))
    assert len(notices) < 20


def test_what_is_not_zeromq_at_all_harms_nobody(driver: Driver) -> None:
    place = ("127.0.0.1", int(driver.listening.remote[0].rpartition(":")[2]))
    with ExitStack() as several:
        for first in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff" * 4096,
            b"\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x7f\x03\x00",
            b"",
        ):
            stranger = several.enter_context(sockets.create_connection(place))
            stranger.sendall(first)
        assert driver.manager(tcp=True).register().incarnation == 1


def test_what_does_not_greet_on_a_unix_socket_harms_nobody(driver: Driver) -> None:
    with ExitStack() as several:
        for first in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"\x05\x00\x00\x00\x00\x00\x00\x00hello", b""):
            for url in driver.listening.local:
                stranger = several.enter_context(sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM))
                stranger.connect(url.removeprefix("ipc://"))
                stranger.sendall(first)
        assert driver.manager().register().incarnation == 1
    assert "does not begin with a greeting" in driver.log()


def test_garbage_in_the_stream_of_a_manager_costs_it_its_connection_and_it_comes_again(driver: Driver) -> None:
    manager = driver.manager()
    manager.register()
    driver.send(Tasks([task(1)]))
    manager.wait(Tasks, data=True)
    assert isinstance(manager.data, LocalDialer)
    assert manager.data._stream is not None
    os.write(manager.data._stream.fileno(), b"\xff" * 100)
    assert manager.wait(Registered).incarnation == PRESENT_YOURSELF
    manager.register(held=[1])
    manager.finish(task(1))
    assert driver.wait(Results, data=True).attempts == [1]


# --- losses


def beating(stack: ExitStack, directory: str, **changes: Any) -> Driver:
    driver = Driver(stack, directory, **{"heartbeat_period": 0.1, "heartbeat_threshold": 0.5, **changes})
    driver.ready()
    return driver


def test_a_manager_that_vanishes_is_lost_with_what_it_held(stack: ExitStack, directory: str) -> None:
    driver = beating(stack, directory)
    manager = driver.manager()
    manager.register()
    driver.send(Tasks([task(1), task(2), task(3)]))
    manager.wait(Tasks, data=True)
    manager.vanish()
    lost = driver.wait(Lost)
    assert (lost.manager, lost.hostname, lost.started, lost.unstarted) == (b"m", "node1", [1, 2], [])
    again = driver.manager(b"again")
    again.register()
    assert [item.attempt for item in again.wait(Tasks, data=True).items] == [3]


def test_a_manager_that_was_frozen_too_long_is_told_to_stop(stack: ExitStack, directory: str) -> None:
    driver = beating(stack, directory)
    manager = driver.manager()
    manager.register()
    while driver.wait(ManagerNews).what != "lost":
        pass
    manager.tell(Heartbeat(1.0))
    manager.wait(Stop)


def test_what_cannot_be_sent_to_a_dead_manager_goes_to_another(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, manager_selector="block_id")
    driver.ready()
    first, second = driver.manager(b"first"), driver.manager(b"second")
    for manager, block in ((first, "9"), (second, "10")):
        manager.register(block=block, slots=100_000, capacity=100_000)
    driver.send(ABC)
    driver.send(Tasks([task(0)]))
    assert first.wait(Tasks, data=True).items == [task(0)]
    driver.post.hang_up(first.data)
    number = 0
    while not driver.post.heard[second.data]:
        driver.post.turn(0.02)
        number += 1
        driver.send(Tasks([task(number, buffers=1)]), b"buffer")
    assert second.wait(Function, data=True) == ABC
    assert second.wait(Tasks, data=True).items[0].attempt <= number
    assert second.buffers[0] == b"buffer"


def test_what_a_broken_connection_swallowed_is_lost_unstarted(driver: Driver) -> None:
    manager = driver.manager(tcp=True)
    manager.register()
    driver.send(Tasks([task(1)]))
    manager.wait(Tasks, data=True)
    manager.reopen_data()
    assert manager.wait(Registered).incarnation == PRESENT_YOURSELF
    manager.register(held=[])
    assert manager.wait(Cancel).attempts == [1]
    lost = driver.wait(Lost)
    assert (lost.started, lost.unstarted) == ([], [1])
    driver.send(Tasks([task(2)]))
    assert manager.wait(Tasks, data=True).items == [task(2)]


# --- ends


def test_nothing_wakes_it_between_heartbeats(stack: ExitStack, directory: str) -> None:
    driver = Driver(stack, directory, heartbeat_period=0.5)
    driver.ready()
    driver.manager().register()
    driver.wait(BlockIdle)
    driver.wait(Heartbeat)
    before = switches(driver.process.pid)
    driver.wait(Heartbeat)
    driver.wait(Heartbeat)
    assert switches(driver.process.pid) - before < 20


def switches(pid: int) -> int:
    """How often the main thread of a process went to sleep."""
    lines = Path(f"/proc/{pid}/task/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


def test_the_end_of_the_pipe_ends_managers_and_interchange(driver: Driver) -> None:
    manager = driver.manager()
    manager.register()
    assert driver.process.stdin is not None
    driver.process.stdin.close()
    assert "pipe" in manager.wait(Stop).reason
    manager.tell(Goodbye("told to"))
    assert driver.process.wait(PATIENCE_S) == 0
    assert driver.wait(Goodbye).reason
    assert not driver.directory.exists(), "sockets and keys are removed by whoever lives longest"


def test_managers_that_do_not_answer_are_not_waited_for_long(driver: Driver) -> None:
    driver.manager().register()
    assert driver.process.stdin is not None
    driver.process.stdin.close()
    assert driver.end() == (0, "")


def test_what_the_driver_writes_into_the_pipe_is_ignored(driver: Driver) -> None:
    assert driver.process.stdin is not None
    driver.process.stdin.write("hello\n" * 100)
    driver.process.stdin.flush()
    assert driver.manager().register().incarnation == 1


@pytest.mark.parametrize("message", [Stop("enough"), Goodbye("enough")])
def test_the_driver_can_say_so(driver: Driver, message: protocol.Message) -> None:
    manager = driver.manager()
    manager.register()
    driver.tell(message)
    assert "enough" in manager.wait(Stop).reason
    manager.tell(Goodbye(""))
    assert driver.end() == (0, "")


def test_the_death_of_the_drivers_process_is_seen_without_a_pipe(stack: ExitStack, directory: str) -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        stack.callback(other.kill)
        driver = Driver(stack, directory, heartbeat_period=0.1, driver_pid=other.pid, stdin=subprocess.DEVNULL)
        driver.ready()
        manager = driver.manager()
        manager.register()
        manager.wait(Heartbeat)
        other.send_signal(signal.SIGKILL)
        assert f"process {other.pid} has ended" in manager.wait(Stop).reason
        manager.tell(Goodbye(""))
        assert driver.end() == (0, "")


def test_sigterm_ends_it_in_order_and_ctrl_c_does_not(driver: Driver) -> None:
    manager = driver.manager()
    manager.register()
    driver.process.send_signal(signal.SIGINT)
    driver.send(Tasks([task(1)]))
    manager.wait(Tasks, data=True)
    driver.process.send_signal(signal.SIGTERM)
    assert "signal 15" in manager.wait(Stop).reason
    manager.tell(Goodbye("", [1]))
    assert driver.wait(Lost).unstarted == [1]
    assert driver.end() == (0, "")


def test_a_port_that_is_taken_is_named_on_stderr(stack: ExitStack, directory: str) -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, errors = Driver(stack, directory, worker_port=port).end()
    assert code == 70
    assert f"port {port}" in errors


@pytest.mark.parametrize(("changes", "words"), [({"transport": "ipc", "ipc_dir": None}, "ipc_dir"), ({}, "--options")])
def test_options_that_cannot_be_meant_are_said(
    stack: ExitStack, directory: str, changes: dict[str, Any], words: str
) -> None:
    if changes:
        code, errors = Driver(stack, directory, **changes).end()
    else:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, "x"], capture_output=True, text=True, timeout=60, check=False
        )
        code, errors = done.returncode, done.stderr
    assert (code, words in errors) == (70, True)


def test_the_log_tells_of_managers_and_never_of_tasks(driver: Driver) -> None:
    manager = driver.manager()
    manager.register(capacity=100)
    driver.wait(ManagerNews)
    before = len(driver.log())
    for n in range(50):
        driver.send(Tasks([task(n)]))
    for n in range(50):
        manager.finish(task(n), capacity=100)
    for _ in range(50):
        driver.wait(Results, data=True)
    assert len(driver.log()) == before
    assert "manager m of block 0 on node1 connected" in driver.log()
