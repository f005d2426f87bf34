"""The relay as a process: what goes through, what does not, and when it ends."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from parsl_like.channels.tunnel import relay, relay_place
from parsl_like.channels.tunnel.relay_text import relay_program
from parsl_like.channels.tunnel.relay_words import Beat, Listening, understood
from tests.channels.tunnel.near import PATIENCE_S, Echo, NearProcess, answer, connected, echoed, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

NAME = f"parsl_like-relay-test-{os.getpid()}"  # a relay ends former ones of its name, also those of a neighbour


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as echo:
        yield echo


@pytest.fixture
def begin() -> Iterator[Callable[..., tuple[NearProcess, Listening]]]:
    started: list[NearProcess] = []

    def begin(*ways: str, name: str = NAME, python: str = sys.executable) -> tuple[NearProcess, Listening]:
        started.append(NearProcess([python, "-c", relay_program(), name, *ways]))
        said = understood(started[-1].read_line(PATIENCE_S))
        assert isinstance(said, Listening)
        return started[-1], said

    yield begin
    for process in started:
        process.close()


def beat(process: NearProcess, holds: Callable[[Beat], object] = bool) -> Beat:
    """The first beat for which something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        said = understood(process.read_line(PATIENCE_S))
        if isinstance(said, Beat) and holds(said):
            return said
    raise AssertionError("no such beat")


def test_what_is_sent_comes_back_whole(begin: Any, echo: Echo) -> None:
    process, said = begin(f"54001:{echo.port}:0")
    assert said.host == socket.gethostname()
    (route, *_) = said.routes()[54001]
    text = os.urandom(5 << 20)
    got: list[bytes] = []
    with connected(route) as end:
        reader = threading.Thread(target=lambda: got.extend(pieces(end)), name="reader")
        reader.start()
        end.sendall(text)
        end.shutdown(socket.SHUT_WR)
        reader.join(PATIENCE_S)
    assert hashlib.sha256(b"".join(got)).digest() == hashlib.sha256(text).digest()
    beat(process, lambda said: said.taken == 1 and said.connections == 0)


def test_each_port_has_its_own_way(begin: Any) -> None:
    with Echo() as other, socket.create_server(("127.0.0.1", 0)) as silent:
        _, said = begin(f"1:{other.port}:0", f"2:{silent.getsockname()[1]}:0")
        assert set(said.ports) == {1, 2}
        assert echoed(said.routes()[1][0], b"hello") == b"hello"
        with connected(said.routes()[2][0]) as end:
            end.sendall(b"x")
            there, _ = silent.accept()
            with there:
                there.sendall(b"who is there")
                assert end.recv(100) == b"who is there"


def test_many_connections_do_not_disturb_each_other(begin: Any, echo: Echo) -> None:
    _, said = begin(f"1:{echo.port}:0")
    route = said.routes()[1][0]
    ends = [connected(route) for _ in range(200)]
    try:
        for number, end in enumerate(ends):
            end.sendall(struct.pack("!I", number))
        assert [struct.unpack("!I", end.recv(4))[0] for end in ends] == list(range(200))
    finally:
        for end in ends:
            end.close()


def test_who_does_not_read_is_waited_for_and_costs_no_memory(begin: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        process, said = begin(f"1:{door.getsockname()[1]}:0")
        with connected(said.routes()[1][0]) as end:
            end.sendall(b"x")
            there, _ = door.accept()
            with there:
                end.settimeout(1.0)
                sent = 1
                with suppress(TimeoutError):
                    while sent < 1 << 30:
                        sent += end.send(bytes(1 << 20))
                assert sent < 1 << 30, "it was stopped"
                memory = psutil.Process(process.process.pid).memory_info().rss
                assert memory < 64 << 20, "only the system's own buffers are full"
                beat(process)
                received = 0
                there.settimeout(PATIENCE_S)
                while received < sent:
                    received += len(there.recv(1 << 20))
                assert received == sent


def test_a_reset_on_one_side_is_one_on_the_other(begin: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        process, said = begin(f"1:{door.getsockname()[1]}:0")
        with connected(said.routes()[1][0]) as end:
            end.sendall(b"x")
            there, _ = door.accept()
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.close()
            with pytest.raises(ConnectionResetError):
                end.recv(1)
        beat(process, lambda said: said.connections == 0)


def test_nobody_there_is_said_and_the_connection_is_reset(begin: Any) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        port = reserved.getsockname()[1]
        process, said = begin(f"1:{port}:0")
        with pytest.raises(ConnectionResetError):
            answer(said.routes()[1][0])
        assert beat(process, lambda said: said.failed).failed == f"127.0.0.1:{port}: Connection refused"
        assert beat(process).failed == "", "it is said once"


def test_who_only_looks_is_not_passed_on(begin: Any) -> None:
    """Managers try all addresses first, and would be taken for strangers: a reset gets lost on the way."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        process, said = begin(f"1:{door.getsockname()[1]}:0")
        for reset in (False, True):
            with connected(said.routes()[1][0]) as end:
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        beat(process, lambda said: said.taken == 2 and said.connections == 0)
        door.settimeout(0)
        with pytest.raises(BlockingIOError):
            door.accept()


def test_it_ends_with_its_standard_input(begin: Any, echo: Echo) -> None:
    process, said = begin(f"1:{echo.port}:0")
    with connected(said.routes()[1][0]) as end:
        end.sendall(b"x")
        assert end.recv(1) == b"x"
        process.process.stdin.close()
        assert process.process.wait(PATIENCE_S) == 0
        assert end.recv(1) == b"", "and whoever is connected hears of it"


def test_it_ends_when_nobody_reads_what_it_says(echo: Echo) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", relay_program(), NAME, f"1:{echo.port}:0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 0
    process.stdin.close()


def test_without_a_pipe_for_its_input_it_goes_on(echo: Echo) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", relay_program(), NAME, f"1:{echo.port}:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = understood(process.stdout.readline())
        assert isinstance(first, Listening)
        assert isinstance(understood(process.stdout.readline()), Beat)
        assert echoed(first.routes()[1][0], b"hello") == b"hello"
        process.kill()


def test_the_next_one_of_a_name_ends_the_former_and_takes_its_ports(begin: Any, echo: Echo) -> None:
    former, said = begin(f"1:{echo.port}:0")
    another, _ = begin(f"1:{echo.port}:0", name="parsl_like-relay-another")
    with connected(said.routes()[1][0]) as end:
        end.sendall(b"x")
        assert end.recv(1) == b"x"
        former.process.send_signal(signal.SIGSTOP)  # as one whose machine hangs
        _, again = begin(f"1:{echo.port}:{said.ports[1]}")
    assert former.process.wait(PATIENCE_S) == -signal.SIGKILL
    assert again == said
    assert echoed(said.routes()[1][0], b"hello") == b"hello"
    assert another.alive


def test_a_port_that_somebody_has_taken_is_another_one(begin: Any, echo: Echo) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        began = time.monotonic()
        _, said = begin(f"1:{echo.port}:{port}")
        assert time.monotonic() - began >= relay.FORMER_S, "it has waited for it"
    assert said.ports[1] != port
    assert echoed(said.routes()[1][0], b"hello") == b"hello"


def test_with_few_descriptors_it_takes_no_more_than_it_can_and_goes_on(echo: Echo) -> None:
    few = relay_place.SPARE_DESCRIPTORS + 2 * 5
    limited = ["sh", "-c", f'ulimit -n {few}; exec "$@"', "sh"]
    with subprocess.Popen(
        [*limited, sys.executable, "-c", relay_program(), NAME, f"1:{echo.port}:0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = understood(process.stdout.readline())
        assert isinstance(said, Listening)
        route = said.routes()[1][0]
        ends = [connected(route) for _ in range(8)]  # three of them are taken by the system alone
        for end in ends[:5]:
            end.sendall(b"x")
            assert end.recv(1) == b"x"
        failed = ""
        while not failed:
            beat_said = understood(process.stdout.readline())
            assert isinstance(beat_said, Beat)
            assert beat_said.connections <= 5
            failed = beat_said.failed
        assert failed == "there are 5 connections, and no room for more"
        for end in ends[:5]:
            end.close()
        for end in ends[5:]:
            end.sendall(b"y")
            assert end.recv(1) == b"y", "as soon as there is room again"
            end.close()
        process.kill()
