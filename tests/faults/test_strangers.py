"""Strangers at every port of a run: nothing of theirs is executed or received, nobody is disturbed, all are counted."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import zmq

from parsl_like import python_app
from parsl_like.executors.high_throughput.keys import load_keys
from tests.faults import processes, strangers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 60
HERE = Path(__file__).parent

KINDS: dict[str, dict[str, Any]] = {
    "default": {},
    "tcp": {"transport": "tcp"},
    "tcp, not encrypted": {"transport": "tcp", "encrypted": False},
}


@python_app
def note(path: str) -> str:
    """Leaves a line in a file each time it runs."""
    with open(path, "a") as file:
        file.write("once\n")
    return path


def count(run: DataFlowKernel) -> int:
    return int(run.status()["executors"]["htex"]["strangers"])


@pytest.fixture(params=KINDS)
def attacked(
    request: pytest.FixtureRequest, make_run: Callable[..., DataFlowKernel], tmp_path: Path
) -> Iterator[DataFlowKernel]:
    """A run that has tasks before, while and after strangers come; in the end each has run once, and no bomb."""
    run = make_run(heartbeat_period=1, heartbeat_threshold=10, **KINDS[request.param])
    paths = [tmp_path / f"task-{number}" for number in range(60)]
    assert [note(str(path)).result(WAIT) for path in paths[:20]] == [str(path) for path in paths[:20]]
    pids = {role: processes.of(role) for role in ("interchange", "manager", "worker")}
    meanwhile = [note(str(path)) for path in paths[20:40]]
    yield run
    assert [future.result(WAIT) for future in meanwhile] == [str(path) for path in paths[20:40]]
    assert [note(str(path)).result(WAIT) for path in paths[40:]] == [str(path) for path in paths[40:]]
    assert all(path.read_text() == "once\n" for path in paths)
    assert not (tmp_path / "bomb").exists()
    assert {role: processes.of(role) for role in ("interchange", "manager", "worker")} == pids
    health = run.status()["executors"]["htex"]
    assert (health["managers"], health["lost"], health["restarts"], health["dropped"]) == (1, 0, 0, 0)


def key_directory(run: DataFlowKernel) -> Path:
    return Path(run.run_dir) / "htex" / "certificates"


def ports(run: DataFlowKernel) -> list[tuple[str, strangers.Peer]]:
    """Who listens where, at least at the two ports for managers, and those of the driver if it uses TCP."""
    found = strangers.doors()
    assert len(found["interchange"]) == 2
    return [(role, where) for role, places in found.items() for where in places]


FREE = {"without a key": strangers.with_nothing, "with a password": strangers.with_password}


@pytest.mark.fault(
    "security", "strangers with the mechanisms NULL and PLAIN", "nothing runs or is answered; they are counted", bound=5
)
def test_without_a_key(attacked: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    for _, where in ports(attacked):
        for prepare in FREE.values():
            before = count(attacked)
            with closing(strangers.ZeroMQ(where, tmp_path / "bomb", prepare)) as stranger:
                with stopwatch:
                    processes.until(lambda before=before: count(attacked) > before, stopwatch.limit)
                assert stranger.answers() == []


@pytest.mark.fault(
    "security",
    "strangers with a key of their own, or for another server",
    "nothing runs or is answered; they are counted",
    bound=5,
)
def test_with_a_wrong_key(attacked: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    interchange = load_keys(key_directory(attacked), "interchange")
    driver = load_keys(key_directory(attacked), "driver")
    for role, where in ports(attacked):
        server = interchange.public if role == "interchange" else driver.public
        for key in (server, zmq.curve_keypair()[0]):
            before = count(attacked)
            prepare = strangers.with_keys(zmq.curve_keypair(), key)
            with closing(strangers.ZeroMQ(where, tmp_path / "bomb", prepare)) as stranger:
                with stopwatch:
                    processes.until(lambda before=before: count(attacked) > before, stopwatch.limit)
                assert stranger.answers() == []


@pytest.mark.fault(
    "security",
    "a manager's key at the driver's door, a driver's at the managers'",
    "each is refused and counted: it opens its own role's links only",
    bound=5,
)
def test_with_the_key_of_another_role(
    make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch
) -> None:
    run = make_run(transport="tcp", heartbeat_period=1, heartbeat_threshold=10)
    assert note(str(tmp_path / "0")).result(WAIT)
    keys = {role: load_keys(key_directory(run), role) for role in ("interchange", "driver", "manager")}
    assert keys["driver"].public.decode() not in (key_directory(run) / "manager.key").read_text()
    for door, where in ports(run):
        wrong = ("driver", "interchange") if door == "interchange" else ("driver", "manager")
        for thief in wrong:
            before = count(run)
            # The thief knows more than he can: the server's key, and the name under which the right one would come.
            prepare = strangers.with_stolen(keys[thief], keys[door].public)
            with closing(strangers.ZeroMQ(where, tmp_path / "bomb", prepare, b"interchange")) as stranger:
                with stopwatch:
                    processes.until(lambda before=before: count(run) > before, stopwatch.limit)
                assert stranger.answers() == []
    assert note(str(tmp_path / "1")).result(WAIT)
    assert not (tmp_path / "bomb").exists()
    texts = "\n".join(trouble["text"] for trouble in run.status()["executors"]["htex"]["troubles"])
    assert "the key of the role driver on the manager links" in texts
    assert run.summary().states["exec_done"] == 2


@pytest.mark.fault(
    "security",
    "a manager's stolen key at the managers' door",
    "it takes no task from the link of another, submits none",
    bound=5,
)
def test_with_a_stolen_managers_key(
    make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch
) -> None:
    """He is let in, and that is all: he does not know the run, nor the name under which others get their tasks."""
    run = make_run(transport="tcp", heartbeat_period=1, heartbeat_threshold=10)
    assert note(str(tmp_path / "0")).result(WAIT)
    keys = load_keys(key_directory(run), "manager")
    thieves = []
    with ExitStack() as stack:
        for where in strangers.doors()["interchange"]:
            prepare = strangers.with_stolen(keys, keys.peers["interchange"])
            thieves.append(stack.enter_context(closing(strangers.ZeroMQ(where, tmp_path / "bomb", prepare))))
        with stopwatch:
            processes.until(lambda: run.status()["executors"]["htex"]["dropped"], stopwatch.limit)
        futures = [note(str(tmp_path / f"later-{number}")) for number in range(50)]
        assert [future.result(WAIT) for future in futures] == [
            str(tmp_path / f"later-{number}") for number in range(50)
        ]
        said = b"".join(word for thief in thieves for word in thief.answers())
    assert b"later-" not in said
    assert b"note" not in said
    assert run.summary().states["exec_done"] == 51
    health = run.status()["executors"]["htex"]
    assert (health["managers"], health["lost"], health["restarts"]) == (1, 0, 0)


@pytest.mark.parametrize("kind", ["default", "tcp"])
@pytest.mark.fault(
    "security",
    "HTTP, TLS, noise, broken handshakes and a frame of 15 GiB at every port",
    "they are hung up on and counted",
    bound=5,
)
def test_nonsense(make_run: Callable[..., DataFlowKernel], tmp_path: Path, kind: str, stopwatch: Stopwatch) -> None:
    run = make_run(heartbeat_period=1, heartbeat_threshold=10, **KINDS[kind])
    assert note(str(tmp_path / "before")).result(WAIT)
    for _, where in ports(run):
        for what, data in strangers.NONSENSE.items():
            before = count(run)
            with stopwatch:
                strangers.say(where, data)
                processes.until(lambda before=before: count(run) > before, stopwatch.limit, f"counting {what}")
    assert note(str(tmp_path / "after")).result(WAIT)


@pytest.mark.fault(
    "security", "a stranger sends gigabytes before any handshake", "the memory of who listens does not grow", bound=20
)
def test_much_before_any_handshake(
    make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch
) -> None:
    run = make_run(transport="tcp", heartbeat_period=1, heartbeat_threshold=10)
    assert note(str(tmp_path / "before")).result(WAIT)
    chunk = bytes(1 << 20)
    with stopwatch:
        for role, where in ports(run):
            process = psutil.Process(processes.one("interchange") if role == "interchange" else None)
            before = process.memory_info().rss
            for size in (15 << 30, 2_100_000):
                with socket.create_connection(where, timeout=1) as caller:
                    try:
                        caller.sendall(strangers.GREETING + b"\x06" + size.to_bytes(8, "big"))
                        for _ in range(400):
                            caller.sendall(chunk)
                    except OSError:  # hung up
                        pass
                    grown = process.memory_info().rss - before
                    assert grown < 50_000_000, f"{role} has grown by {grown / 1e6:.0f} MB"
        assert note(str(tmp_path / "after")).result(WAIT)


@pytest.mark.fault(
    "security", "connections that say nothing", "closed after the handshake's time and counted; tasks go on", bound=15
)
def test_silence(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    run = make_run(heartbeat_period=1, heartbeat_threshold=10)
    assert note(str(tmp_path / "before")).result(WAIT)
    where = strangers.doors()["interchange"]
    with ExitStack() as stack, stopwatch:
        callers = [stack.enter_context(socket.create_connection(where[number % 2])) for number in range(200)]
        assert note(str(tmp_path / "meanwhile")).result(WAIT)
        processes.until(lambda: count(run) >= len(callers), stopwatch.limit)


@pytest.mark.fault(
    "security",
    "more silent connections than a process with few descriptors can bear",
    "the oldest are closed before the descriptors are used up; tasks go on",
    bound=10,
)
def test_a_flood_of_connections(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    limited = ["bash", "-c", 'ulimit -n 512 && exec "$@"', "limited"]
    command = [*limited, sys.executable, "-m", processes.MODULES["interchange"]]
    run = make_run(heartbeat_period=1, heartbeat_threshold=10, interchange_launch_cmd=command)
    assert note(str(tmp_path / "before")).result(WAIT)
    where = strangers.doors()["interchange"]
    process = psutil.Process(processes.one("interchange"))
    before = process.num_fds()
    with ExitStack() as stack, stopwatch:
        for number in range(700):
            stack.enter_context(socket.create_connection(where[number % 2], timeout=5))
            if number % 50 == 0:
                assert note(str(tmp_path / f"meanwhile-{number}")).result(WAIT)
                processes.until(lambda: process.num_fds() <= before + 2 * 512 // 8 + 2, stopwatch.limit)
        processes.until(lambda: count(run) >= 700 - 2 * 512 // 8, stopwatch.limit)
    assert note(str(tmp_path / "after")).result(WAIT)
    assert processes.one("interchange") == process.pid


@pytest.mark.fault(
    "security",
    "strangers knock at the driver's door while the interchange is stopped",
    "they do not make it look alive: it is killed and restarted",
    bound=13,
)
def test_knocking_for_a_frozen_interchange(
    make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch
) -> None:
    run = make_run(transport="tcp", heartbeat_period=1, heartbeat_threshold=5)
    assert note(str(tmp_path / "before")).result(WAIT)
    where = strangers.doors()["driver"]
    stop = threading.Event()

    def knock() -> None:
        while not stop.wait(0.05):
            for place in where:
                with suppress(OSError):
                    strangers.say(place, b"GET / HTTP/1.1\r\n\r\n")

    knocking = threading.Thread(target=knock)
    os.kill(processes.one("interchange"), signal.SIGSTOP)
    with stopwatch:
        knocking.start()
        try:
            processes.until(lambda: run.status()["executors"]["htex"]["restarts"] == 1, stopwatch.limit)
        finally:
            stop.set()
            knocking.join()
    assert count(run) > 20
    assert note(str(tmp_path / "in the end")).result(WAIT)


def is_manager(process: psutil.Process) -> bool:
    """Whether it is one of this test's that goes through proxies."""
    try:
        here = process.environ().get(processes.MARK) == os.environ[processes.MARK]
        return here and process.cmdline()[1:2] == [str(HERE / "scripts" / "detour.py")]
    except psutil.Error:
        return False


def detour(where: list[strangers.Proxy]) -> str:
    """A launch_cmd for managers that go through proxies."""
    urls = [f"tcp://127.0.0.1:{proxy.where[1]}" for proxy in where]
    return shlex.join([sys.executable, str(HERE / "scripts" / "detour.py"), *urls])


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.fault(
    "security",
    "bytes of a real session, recorded and replayed to the interchange",
    "refused and counted if encrypted; nothing runs again, nothing is disturbed",
    bound=15,
)
def test_replay(make_run: Callable[..., DataFlowKernel], tmp_path: Path, encrypted: bool, stopwatch: Stopwatch) -> None:
    data, control = strangers.free_ports(2)
    with strangers.proxies(("127.0.0.1", data), ("127.0.0.1", control)) as between:
        run = make_run(
            transport="tcp",
            encrypted=encrypted,
            worker_port=data,
            control_port=control,
            launch_cmd=detour(between),
            heartbeat_period=1,
            heartbeat_threshold=10,
        )
        paths = [tmp_path / f"task-{number}" for number in range(30)]
        assert [note(str(path)).result(WAIT) for path in paths[:15]] == [str(path) for path in paths[:15]]
        recorded = [
            (port, bytes(max(proxy.said, key=lambda two: len(two[0]))[0]))
            for port, proxy in zip((data, control), between, strict=True)
        ]
        assert all(len(said) > 200 for _, said in recorded)
        assert (b"task-3" in between[0].said[-1][1]) is not encrypted
        if encrypted:
            before = count(run)
            with stopwatch:
                for port, said in recorded:
                    strangers.say(("127.0.0.1", port), said)
                    strangers.say(("127.0.0.1", port), said[: len(said) // 2])
                processes.until(lambda: count(run) >= before + 2, stopwatch.limit)
        else:  # he has seen the password, and is the manager now; the tasks are still run once, by that or another one
            with stopwatch:
                for port, said in recorded:
                    strangers.say(("127.0.0.1", port), said, patience=1)
        assert [note(str(path)).result(WAIT) for path in paths[15:]] == [str(path) for path in paths[15:]]
        assert all(path.read_text() == "once\n" for path in paths)


@pytest.mark.fault(
    "security",
    "bytes of a real session, replayed to a manager by a false interchange",
    "the manager runs nothing",
    bound=25,
)
def test_replay_to_a_manager(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    data, control = strangers.free_ports(2)
    with strangers.proxies(("127.0.0.1", data), ("127.0.0.1", control)) as between:
        run = make_run(transport="tcp", worker_port=data, control_port=control, launch_cmd=detour(between))
        path = tmp_path / "task"
        assert note(str(path)).result(WAIT)
        recorded = [bytes(max(proxy.said, key=lambda two: len(two[1]))[1]) for proxy in between]
        (words,) = (process.cmdline() for process in psutil.process_iter() if is_manager(process))
        with ExitStack() as stack:
            false = [stack.enter_context(closing(strangers.Impostor(said))) for said in recorded]
            words[2:4] = [f"tcp://127.0.0.1:{impostor.where[1]}" for impostor in false]
            with stopwatch:  # the manager of a second block, as it were
                victim = stack.enter_context(psutil.Popen(words, stderr=subprocess.PIPE, cwd=tmp_path))
                assert victim.wait(stopwatch.limit) == 1
            assert b"its keys do not fit" in victim.stderr.read()
            assert all(impostor.callers for impostor in false)
        assert path.read_text() == "once\n"
        assert run.status()["executors"]["htex"]["managers"] == 1
