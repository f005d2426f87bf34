"""Messages that are not what they should be, from peers that hold the right keys; and peers of another version."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest

from parsl_like import python_app
from parsl_like.errors import BadStateException
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.links.local import LocalDialer
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.version import VERSION
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

    MakeRun = Callable[..., DataFlowKernel]

WAIT = 90

HASH = b"0123456789abcdef"
REGISTER = protocol.Register(
    protocol.PROTOCOL_VERSION, "run", b"stranger", "0", "host", 1, 2, 2, 1, 1, [], "3", "1", {}, "ipc"
)
RAW = msgspec.Raw(b"\x90")

GOOD = (
    protocol.Function(HASH, "f", b"def f"),
    protocol.Tasks([protocol.TaskItem(1 << 50, HASH, b"body")]),
    protocol.Results(b"stranger", 1, 2, [], RAW),
    protocol.NeedFunction([HASH]),
    REGISTER,
    protocol.Registered(1, 5.0, 30.0),
    protocol.Heartbeat(1.0),
    protocol.Drain(["no such block"]),
    protocol.Cancel([1 << 50]),
    protocol.Cancelled([1 << 50]),
    protocol.Acknowledged(1 << 40),
    protocol.InterchangeReady(1, 1, 1, [], [], "3"),
    protocol.ManagerNews(b"stranger", "draining", "0", "host", 2, 0),
    protocol.Lost(b"stranger", "host", "", [], []),
    protocol.BlockIdle({}),
    protocol.BlockEnded("no such block", ""),
    protocol.Notice("a notice"),
)
"""One of each kind that does not end its receiver on purpose."""


def malformed(message: Any) -> Iterator[bytes]:
    """What a message may be like that is none."""
    frame = protocol.encode(message)
    fields = msgspec.msgpack.decode(frame)
    for cut in {1, len(frame) // 2, len(frame) - 1}:
        if 0 < cut < len(frame):
            yield frame[:cut]
    for index in range(1, len(fields)):
        for wrong in (None, "wrong", -1, [[[]]], {"a": 1}, 1 << 63, b"\xff" * 300):
            yield msgspec.msgpack.encode([*fields[:index], wrong, *fields[index + 1 :]])
    yield msgspec.msgpack.encode([fields[0]])
    yield msgspec.msgpack.encode([99, *fields[1:]])
    yield msgspec.msgpack.encode(fields[0])


NONSENSE = (b"\xc1", b"\x90", b"\xc0", b"\x91" * 5000, b"\x81\xa1a\x01", b"\xdd\xff\xff\xff\xff", b"x" * 100_000)


@python_app
def add(x: int, y: int) -> int:
    return x + y


def health(kernel: DataFlowKernel) -> dict[str, Any]:
    return dict(kernel.status()["executors"]["htex"])


def go_on(stopwatch: Stopwatch) -> None:
    with stopwatch:
        assert [each.result(WAIT) for each in [add(number, 1) for number in range(1000)]] == list(range(1, 1001))


@pytest.mark.fault(
    "interchange", "malformed messages of every kind from a manager", "dropped and counted; tasks go on", bound=5
)
def test_malformed_messages_to_the_interchange(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    interchange = psutil.Process(processes.one("interchange"))
    size = interchange.memory_info().rss
    sockets = {str(each.laddr) for each in interchange.net_connections("unix")}
    dialers = [
        LocalDialer(f"ipc://{path}", b"stranger")
        for path in sockets
        if path.endswith(("/manager-data", "/manager-control"))
    ]
    waiter = Waiter()
    for dialer in dialers:
        dialer.watch(waiter)

    def all_is_counted() -> bool:
        for dialer in waiter.wait(0):
            while dialer.receive() is not None:
                pass
        return bool(health(run)["dropped"] >= dropped)

    dropped = 0
    try:
        assert [dialer.is_connected() for dialer in dialers] == [True, True]
        for message in GOOD:
            for dialer in dialers:
                for frame in (*malformed(message), *NONSENSE):
                    dropped += _is_refused(frame)
                    assert dialer.send(frame)
                dialer.send(protocol.encode(message))
                dialer.send(protocol.encode(message), [b"a part that nobody counts"])
        go_on(stopwatch)
        processes.until(all_is_counted, WAIT)
        go_on(stopwatch)
    finally:
        for dialer in dialers:
            dialer.close()
        waiter.close()
    assert dropped > 1000
    assert processes.one("interchange") == interchange.pid
    assert interchange.memory_info().rss < size + 40 * 1024 * 1024
    assert health(run)["managers"] == 1
    assert health(run)["lost"] == 0


def _is_refused(frame: bytes) -> bool:
    try:
        protocol.decode(frame)
    except Exception:  # noqa: BLE001 - whatever it is, it is not taken
        return True
    return False


POISONER = """
import sys
from parsl_like.executors.high_throughput import interchange
from tests.faults.test_messages import poison

poison(interchange.Interchange)
sys.exit(interchange.main(sys.argv[1:]))
"""


def poison(kind: Any) -> None:
    """Let an interchange say everything wrong to its first manager, and to its driver, before anything else."""
    delivery_of = kind._drain_manager

    def drain_manager(self: Any, link: Any, channel: Any, now: float) -> None:
        delivery_of(self, link, channel, now)
        ways = self._delivery._managers
        if getattr(self, "poisoned", False) or not (ways["control"] and ways["data"] and self._machine.managers()):
            return
        self.poisoned = True
        (manager,) = ways["data"]
        for message in GOOD:
            for frame in (*malformed(message), *NONSENSE):
                for way in ("data", "control"):
                    if _is_refused(frame):
                        ways[way][manager].send(frame, to=manager)
                        self._delivery._driver[way].send(frame)
        # Well-formed, and nonsense all the same.
        driver = self._delivery._driver["data"]
        driver.send(protocol.encode(protocol.Results(manager, 1 << 40, 2, [1 << 50], msgspec.Raw(b"\xc1"))))
        driver.send(protocol.encode(protocol.Results(manager, 1 << 40, 2, [1 << 50, 2 << 50], RAW)))
        driver.send(protocol.encode_results(b"nobody", 1, 2, [protocol.ResultItem(1 << 50, 77, b"?", 5)]))
        driver.send(protocol.encode(protocol.InterchangeReady(1, 1, 1, ["ipc:///one"], [], "3")))
        driver.send(protocol.encode(protocol.Heartbeat(0.0)), [b"a part that nobody counts"])
        data = ways["data"][manager]
        item = protocol.TaskItem(1 << 50, HASH, b"body", buffers=3)
        data.send(protocol.encode(protocol.Tasks([item, item])), [b"one"], to=manager)
        data.send(protocol.encode(protocol.Tasks([item])), [], to=manager)

    kind._drain_manager = drain_manager


@pytest.mark.fault(
    "interchange",
    "malformed messages of every kind to a manager and to the driver",
    "dropped and counted; tasks go on",
    bound=8,
)
def test_malformed_messages_from_the_interchange(make_run: MakeRun, tmp_path: Path, stopwatch: Stopwatch) -> None:
    script = tmp_path / "poisoner.py"
    script.write_text(POISONER)
    kernel = make_run(interchange_launch_cmd=[sys.executable, str(script)], workers=1)
    assert add(1, 2).result(WAIT) == 3
    manager = processes.one("manager")
    go_on(stopwatch)
    processes.until(lambda: health(kernel)["dropped"] > 1000, WAIT)
    log = Path(kernel.run_dir, "parsl_like.log").read_text()
    assert "a message of its interchange was dropped" in log
    assert "a message to it was dropped" in log
    assert "results cannot be read" not in log  # of no task of this run
    assert processes.one("manager") == manager
    assert health(kernel)["restarts"] == 0
    assert health(kernel)["lost"] == 0


@pytest.mark.fault(
    "interchange",
    "a manager of another version",
    "refused by name; the error and dfk.status() name both versions",
    bound=60,
)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("protocol.PROTOCOL_VERSION = 77", f"protocol 77 .* does not match protocol {protocol.PROTOCOL_VERSION} "),
        (
            "protocol.encode = lambda message, encode=protocol.encode: encode(message) if type(message) is not "
            "protocol.Register else msgspec.msgpack.encode([16, 77, 'r', b'm', '0', 'node9', 'all', 'new'])",
            f"protocol 77 of manager .* on node9 does not match protocol {protocol.PROTOCOL_VERSION} ",
        ),
        ("manager_loop.VERSION = '0.0.7'", f"parsl_like 0.0.7 .* does not match parsl_like {VERSION} "),
    ],
    ids=["protocol", "unreadable", "package"],
)
def test_another_version(make_run: MakeRun, tmp_path: Path, change: str, expected: str, stopwatch: Stopwatch) -> None:
    script = tmp_path / "manager.py"
    script.write_text(
        "import sys\n"
        "import msgspec\n"
        "from parsl_like.executors.high_throughput import manager, protocol\n"
        "from parsl_like.executors.high_throughput.node import manager_loop\n"
        f"{change}\n"
        "manager_loop.protocol.encode = protocol.encode\n"
        "import parsl_like.executors.high_throughput.node.uplink as uplink\n"
        "uplink.encode = protocol.encode\n"
        "sys.exit(manager.main(sys.argv[1:]))\n"
    )
    with stopwatch:
        kernel = make_run(launch_cmd=shlex.join([sys.executable, str(script)]))
        with pytest.raises(BadStateException, match=expected):
            add(1, 2).result(WAIT)
    assert health(kernel)["refused"] >= 1
    assert any(trouble["kind"] == "refused" for trouble in health(kernel)["troubles"])
