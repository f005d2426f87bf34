"""Cables that are cut, switches that swallow, strangers at the ports; managers on hosts of their own, over TCP."""

from __future__ import annotations

import os
import signal
import socket
import struct
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from parsl_like import python_app
from parsl_like.executors.high_throughput.links.local import MOST_SILENT
from parsl_like.providers import LocalProvider
from tests.faults import processes
from tests.faults.apps import add, let_go, note, ran_in
from tests.faults.namespaces import Cluster, cluster, tcp_peers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

    MakeRun = Callable[..., DataFlowKernel]

WAIT = 90


@pytest.fixture
def host() -> Iterator[Cluster]:
    """One host beside this one."""
    with cluster(1) as made:
        yield made


@pytest.fixture
def hosts() -> Iterator[Cluster]:
    """Three of them."""
    with cluster(3) as made:
        yield made


def run_there(make_run: MakeRun, there: Cluster, blocks: int = 1, **options: Any) -> DataFlowKernel:
    """A run whose blocks are on those hosts; a task has run, and it came over TCP."""
    provider = LocalProvider(init_blocks=blocks, min_blocks=0, max_blocks=blocks, launcher=there.launcher())
    kernel = make_run(provider=provider, address=there.address, **options)
    processes.until(lambda: health(kernel)["managers"] == blocks, WAIT)
    assert add(1, 2).result(WAIT) == 3
    for manager in processes.of("manager"):
        assert tcp_peers(manager) == {there.address}
    return kernel


def health(kernel: DataFlowKernel) -> dict[str, Any]:
    return dict(kernel.status()["executors"]["htex"])


@pytest.mark.fault("network", "cut for 2 s while tasks run and wait", "nothing is lost, each task runs once", bound=6)
def test_short_cut(make_run: MakeRun, host: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, host)
    paths = [tmp_path / str(number) for number in range(10)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(map(len, map(ran_in, paths))) == 2, WAIT)
    host.unplug(host.hosts[0])
    for path in paths[:2]:
        let_go(path)
    waiting = [add(number, 0) for number in range(500)]
    with pytest.raises(TimeoutError):
        futures[0].result(2)
    host.mend(host.hosts[0])
    for path in paths:
        let_go(path)
    with stopwatch:
        assert all(future.result(WAIT) for future in futures)
        assert [each.result(WAIT) for each in waiting] == list(range(500))
    assert [len(ran_in(path)) for path in paths] == [1] * 10
    assert kernel.summary().losses == 0
    assert health(kernel)["lost"] == 0


@pytest.mark.fault(
    "network",
    "a switch swallows everything for less than the threshold",
    "nothing is lost, each task runs once",
    bound=8,
)
def test_silence_below_the_threshold(make_run: MakeRun, host: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, host, heartbeat_period=1, heartbeat_threshold=15)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: ran_in(path), WAIT)
    host.silence(host.hosts[0])
    let_go(path)
    waiting = [add(number, 0) for number in range(500)]
    with pytest.raises(TimeoutError):
        future.result(7.5)  # longer than links go without an acknowledgement: they are made again
    host.mend(host.hosts[0])
    with stopwatch:
        assert future.result(WAIT)
        assert [each.result(WAIT) for each in waiting] == list(range(500))
    assert len(ran_in(path)) == 1
    assert health(kernel)["lost"] == 0


@pytest.mark.fault(
    "network", "a switch swallows everything for longer than the threshold", "its tasks run elsewhere", bound=10
)
def test_silence_beyond_the_threshold(make_run: MakeRun, hosts: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, hosts, 2, workers=1, heartbeat_period=1, heartbeat_threshold=5)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: ran_in(path), WAIT)
    lost = hosts.host_of(ran_in(path)[0])
    there = [pid for role in ("manager", "worker") for pid in processes.of(role) if hosts.host_of(pid) == lost]
    hosts.silence(lost)
    with stopwatch:
        processes.until(lambda: len(ran_in(path)) == 2, WAIT)
    let_go(path)
    assert future.result(WAIT) == ran_in(path)[1]
    assert hosts.host_of(ran_in(path)[1]) != lost
    assert not processes.wait_for_end(there, WAIT)  # whoever hears nothing ends, too
    assert health(kernel)["lost"] == 1
    assert kernel.summary().losses == 1


@pytest.mark.fault("network", "cut and mended while nothing runs", "the next task runs at once", bound=6)
def test_cut_while_idle(make_run: MakeRun, host: Cluster, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, host, heartbeat_period=1, heartbeat_threshold=15)
    manager = processes.one("manager")
    host.unplug(host.hosts[0])
    assert processes.wait_for_end([manager], 5) == [manager]
    host.mend(host.hosts[0])
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4
    assert processes.one("manager") == manager
    assert health(kernel)["lost"] == 0


@pytest.mark.fault(
    "network",
    "half-open: a manager dies while its cable is out, so that nothing tells of it",
    "the task runs again in a new block",
    bound=10,
)
def test_half_open_manager(make_run: MakeRun, hosts: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, hosts, heartbeat_period=1, heartbeat_threshold=5)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: ran_in(path), WAIT)
    hosts.silence(hosts.host_of(ran_in(path)[0]))
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        processes.until(lambda: len(ran_in(path)) == 2, WAIT)
    let_go(path)
    assert future.result(WAIT) == ran_in(path)[1]
    assert health(kernel)["lost"] == 1


@pytest.mark.fault(
    "network",
    "half-open: the interchange is killed while the cable is out",
    "managers find the next one; each task runs once",
    bound=12,
)
def test_half_open_interchange(make_run: MakeRun, host: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, host)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: ran_in(path), WAIT)
    before = processes.one("interchange")
    host.silence(host.hosts[0])
    os.kill(before, signal.SIGKILL)
    processes.until(lambda: processes.of("interchange") not in ([], [before]), WAIT)
    host.mend(host.hosts[0])
    let_go(path)
    with stopwatch:
        assert future.result(WAIT)
        assert add(2, 2).result(WAIT) == 4
    assert len(ran_in(path)) == 1
    assert kernel.summary().losses == 0


@pytest.mark.fault("network", "a manager of another host is killed", "its task runs again in a new block", bound=6)
def test_killed_on_another_host(make_run: MakeRun, host: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, host)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: ran_in(path), WAIT)
    os.kill(processes.one("manager"), signal.SIGKILL)
    with stopwatch:
        processes.until(lambda: len(ran_in(path)) == 2, WAIT)
    let_go(path)
    assert future.result(WAIT) == ran_in(path)[1]
    assert health(kernel)["lost"] == 1


@pytest.mark.fault(
    "network", "cut for 2 s in the middle of an argument of 200 MB", "the task gets it whole, once", bound=30
)
def test_cut_in_a_large_argument(make_run: MakeRun, host: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    @python_app
    def weigh(data: bytes, path: str) -> tuple[int, int]:
        import zlib

        with open(path, "a") as file:
            file.write("1\n")
        return len(data), zlib.crc32(data)

    import zlib

    kernel = run_there(make_run, host)
    host.slow(host.hosts[0], "400mbit")
    data = os.urandom(1 << 20) * 200
    path = tmp_path / "weigh"
    before = host.sent(host.hosts[0])
    future = weigh(data, str(path))
    processes.until(lambda: host.sent(host.hosts[0]) - before > 50_000_000, WAIT)
    host.silence(host.hosts[0])
    assert not path.exists()
    with pytest.raises(TimeoutError):
        future.result(2)
    host.mend(host.hosts[0])
    with stopwatch:
        assert future.result(WAIT) == (len(data), zlib.crc32(data))
    assert len(ran_in(path)) == 1
    assert kernel.summary().losses == 0


@pytest.mark.fault(
    "network", "one of several addresses is a black hole", "managers come by another one, without delay", bound=9
)
def test_black_hole_among_addresses(make_run: MakeRun, host: Cluster, stopwatch: Stopwatch) -> None:
    hole = host.add_black_hole()
    provider = LocalProvider(init_blocks=1, min_blocks=0, max_blocks=1, launcher=host.launcher())
    with stopwatch:
        make_run(provider=provider)
        assert add(1, 2).result(WAIT) == 3
    assert tcp_peers(processes.one("manager")) == {host.address}
    listening = {each.laddr.ip for each in psutil.Process(processes.one("interchange")).net_connections("tcp4")}
    assert listening.intersection({"0.0.0.0", hole})  # it is among those that are offered


@pytest.mark.fault(
    "network", "both ends of a link are stopped and continued", "nothing is lost, each task runs once", bound=6
)
def test_both_ends_stopped(make_run: MakeRun, host: Cluster, tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = run_there(make_run, host, heartbeat_period=1, heartbeat_threshold=6)
    path = tmp_path / "task"
    future = note(str(path))
    processes.until(lambda: ran_in(path), WAIT)
    ends = [processes.one("manager"), processes.one("interchange")]
    for pid in ends:
        os.kill(pid, signal.SIGSTOP)
    let_go(path)
    waiting = [add(number, 0) for number in range(100)]
    with pytest.raises(TimeoutError):
        future.result(4)
    for pid in ends:
        os.kill(pid, signal.SIGCONT)
    with stopwatch:
        assert future.result(WAIT)
        assert [each.result(WAIT) for each in waiting] == list(range(100))
    assert [processes.one("manager"), processes.one("interchange")] == ends
    assert len(ran_in(path)) == 1
    assert kernel.summary().losses == 0


# --- strangers at the ports

GREETING = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1%b\0" + 31 * b"\0"
"""How ZMTP begins (https://rfc.zeromq.org/spec/37/), with a mechanism of 20 bytes to be filled in."""

HUGE = (1 << 62).to_bytes(8, "big")

NONSENSE = {
    "random bytes": b"\x17" + bytes(range(256)) * 400,
    "zeros": bytes(100_000),
    "HTTP": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4611686018427387904\r\n\r\n" + b"x" * 10_000,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "an old ZMTP with a huge frame": b"\xff" + HUGE + b"\1" + b"x" * 10_000,
    "half a greeting": GREETING[:5],
    "a greeting without security, then a huge frame": GREETING % b"NULL".ljust(20, b"\0")
    + b"\x02"
    + HUGE
    + b"x" * 10_000,
    "a greeting, then a huge command": GREETING % b"CURVE".ljust(20, b"\0") + b"\x06" + HUGE + b"x" * 10_000,
    "a greeting, then a bad HELLO": GREETING % b"CURVE".ljust(20, b"\0") + b"\x04\xc8\5HELLO" + bytes(194),
    "a greeting with an unknown mechanism": GREETING % b"OPEN_SESAME".ljust(20, b"\0") + bytes(500),
}

MARGIN = 40 * 1024 * 1024
"""Bytes by which a process may be larger afterwards: room for what it does in any case."""


def doors() -> list[tuple[str, int]]:
    """The TCP ports at which the interchange listens."""
    listening = [
        each.laddr
        for each in psutil.Process(processes.one("interchange")).net_connections("tcp4")
        if each.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    return [("127.0.0.1" if place.ip == "0.0.0.0" else place.ip, place.port) for place in listening]


def size(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def over_tcp(make_run: MakeRun, **options: Any) -> DataFlowKernel:
    """A run on this host all of whose links are on TCP; a task has run."""
    kernel = make_run(transport="tcp", **options)
    assert add(1, 2).result(WAIT) == 3
    assert tcp_peers(processes.one("manager"))
    return kernel


@pytest.mark.fault(
    "network", "garbage, HTTP, TLS, oversize frames at the ports", "tasks go on, no memory is taken", bound=5
)
def test_garbage_at_the_ports(make_run: MakeRun, stopwatch: Stopwatch) -> None:
    kernel = over_tcp(make_run)
    interchange = processes.one("interchange")
    before = size(interchange)
    with ExitStack() as strangers:
        for place in doors():
            for nonsense in NONSENSE.values():
                for _ in range(20):
                    stranger = strangers.enter_context(socket.create_connection(place, 10))
                    with suppress(OSError):  # whoever talks nonsense may be shown out before the end
                        stranger.sendall(nonsense)
        with stopwatch:
            assert [each.result(WAIT) for each in [add(number, 1) for number in range(1000)]] == list(range(1, 1001))
        assert size(interchange) < before + MARGIN
    assert processes.one("interchange") == interchange
    assert health(kernel)["lost"] == 0


@pytest.mark.fault(
    "network", "2000 connections that say nothing", "tasks go on; the connections are closed by and by", bound=10
)
def test_flood_of_connections(make_run: MakeRun, stopwatch: Stopwatch) -> None:
    kernel = over_tcp(make_run)
    interchange = psutil.Process(processes.one("interchange"))
    size_before, descriptors_before = size(interchange.pid), interchange.num_fds()
    places = doors()
    with ExitStack() as strangers:
        for number in range(2000):
            stranger = strangers.enter_context(socket.socket())
            stranger.setblocking(False)
            stranger.connect_ex(places[number % 2])
        with stopwatch:
            assert [each.result(WAIT) for each in [add(number, 1) for number in range(1000)]] == list(range(1, 1001))
        processes.until(lambda: interchange.num_fds() < descriptors_before + 20, WAIT)
    assert size(interchange.pid) < size_before + MARGIN
    assert processes.one("interchange") == interchange.pid
    assert health(kernel)["lost"] == 0


# --- the sockets of this host


def socket_of(link: str) -> str:
    """The path of the interchange's socket for managers of this host."""
    listening = psutil.Process(processes.one("interchange")).net_connections("unix")
    return next(each.laddr for each in listening if str(each.laddr).endswith(f"/manager-{link}"))


def stranger_at(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(10)
    made.connect(path)
    return made


@pytest.mark.fault(
    "network",
    "garbage and oversize frames at the unix sockets",
    "closed and counted, tasks go on, no memory is taken",
    bound=5,
)
def test_garbage_at_the_sockets(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    assert not tcp_peers(processes.one("manager"))
    interchange = processes.one("interchange")
    before = size(interchange)
    greeting = b"parsl_like link 1 stranger"
    greeted = struct.pack("<II", len(greeting), 0) + greeting
    frames = [
        *NONSENSE.values(),
        struct.pack("<II", 1 << 30, 0) + bytes(1_000_000),  # a frame that never ends, before any greeting
        struct.pack("<IIQ", 8, 1, 1 << 33) + bytes(1_000_000),
        greeted + struct.pack("<II", 0xFFFFFFFF, 0),
        greeted + struct.pack("<II", 1, 0xFFFFFFFF) + bytes(1000),
        greeted + struct.pack("<IIQ", 1, 1, (1 << 63) | 100) + bytes(100),  # a segment whose descriptor does not come
        greeted + struct.pack("<IIQ", 1, 1, 1 << 62) + bytes(100),
    ]
    with ExitStack() as strangers:
        for path in map(socket_of, ("data", "control")):
            for frame in frames:
                for _ in range(20):
                    stranger = strangers.enter_context(stranger_at(path))
                    with suppress(OSError):
                        stranger.sendall(frame)
        with stopwatch:
            assert [each.result(WAIT) for each in [add(number, 1) for number in range(1000)]] == list(range(1, 1001))
        assert size(interchange) < before + MARGIN
        processes.until(lambda: health(run)["dropped"] >= 40 * (len(frames) - 1), WAIT)
    assert processes.one("interchange") == interchange
    assert health(run)["lost"] == 0


@pytest.mark.fault(
    "network", "2000 connections to the unix sockets that never greet", "tasks go on, a bound is kept", bound=5
)
def test_flood_at_the_sockets(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    interchange = psutil.Process(processes.one("interchange"))
    size_before, descriptors_before = size(interchange.pid), interchange.num_fds()
    paths = [socket_of(link) for link in ("data", "control")]
    with ExitStack() as strangers:
        for number in range(2000):
            strangers.enter_context(stranger_at(paths[number % 2]))
        with stopwatch:
            assert [each.result(WAIT) for each in [add(number, 1) for number in range(1000)]] == list(range(1, 1001))
        assert interchange.num_fds() < descriptors_before + 2 * MOST_SILENT + 20
        assert size(interchange.pid) < size_before + MARGIN
        manager = processes.one("manager")
        os.kill(manager, signal.SIGKILL)  # the next one finds its way through the crowd
        assert add(2, 2).result(WAIT) == 4
    processes.until(lambda: health(run)["dropped"] >= 2000 - 2 * MOST_SILENT, WAIT)
