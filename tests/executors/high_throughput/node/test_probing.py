"""Which addresses lead to an interchange: real sockets, answering, refusing and silent."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from parsl_like.executors.high_throughput.node.probing import reachable
from parsl_like.executors.high_throughput.options import Endpoint

if TYPE_CHECKING:
    from pathlib import Path


def endpoint(url: str) -> Endpoint:
    return Endpoint(f"{url}-data", url)


@pytest.fixture
def never() -> Iterator[int]:
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


@pytest.fixture
def listening() -> Iterator[Endpoint]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield endpoint(f"tcp://127.0.0.1:{server.getsockname()[1]}")


@pytest.fixture
def refusing() -> Iterator[Endpoint]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield endpoint(f"tcp://127.0.0.1:{bound.getsockname()[1]}")


@pytest.fixture
def silent() -> Iterator[Endpoint]:
    """A listener whose queue is full: connections to it neither succeed nor fail."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        place = server.getsockname()
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(place)
            fillers.append(filler)
        yield endpoint(f"tcp://127.0.0.1:{place[1]}")
        for filler in fillers:
            filler.close()


@pytest.fixture
def local() -> Iterator[Endpoint]:
    with tempfile.TemporaryDirectory(prefix="pl-") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/control")
        server.listen()
        yield endpoint(f"ipc://{folder}/control")


def test_the_first_that_answers_wins_over_those_that_do_not(
    silent: Endpoint, refusing: Endpoint, listening: Endpoint, never: int
) -> None:
    found = reachable([silent, refusing, listening], None, 30.0, never)
    assert found.endpoints == [listening, silent] or (
        found.endpoints == [listening] and silent.control in found.failures
    )
    assert found.failures[refusing.control] == "Connection refused"


def test_a_unix_socket_of_this_host_comes_first(local: Endpoint, listening: Endpoint, never: int) -> None:
    assert reachable([local, listening], None, 30.0, never).endpoints[0] == local
    assert reachable([local, listening], "tcp", 30.0, never).endpoints == [listening]
    assert reachable([local, listening], "ipc", 30.0, never).endpoints == [local]


def test_a_unix_socket_that_is_not_there_is_told(listening: Endpoint, never: int, tmp_path: Path) -> None:
    missing = endpoint(f"ipc://{tmp_path}/none")
    found = reachable([missing, listening], None, 30.0, never)
    assert found.endpoints == [listening]
    assert "No such file" in found.failures[missing.control]


def test_a_unix_socket_of_another_network_namespace_is_another_host(
    local: Endpoint, listening: Endpoint, never: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "samestat", lambda _here, _there: False)
    found = reachable([local, listening], None, 30.0, never)
    assert found.endpoints == [listening]
    assert "network namespace" in found.failures[local.control]
    assert reachable([local], "ipc", 30.0, never).endpoints == [local]


def test_a_listener_that_cannot_be_seen_belongs_to_another_host(
    local: Endpoint, never: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "stat", lambda path: (_ for _ in ()).throw(FileNotFoundError(path)))
    assert reachable([local], None, 30.0, never).endpoints == []
    monkeypatch.delattr(socket, "SO_PEERCRED")  # a system that does not tell has no such namespaces
    assert reachable([local], None, 30.0, never).endpoints == [local]


def test_silence_has_a_limit(silent: Endpoint, never: int) -> None:
    found = reachable([silent], None, 0.05, never)
    assert found == ([], {silent.control: "no answer within 0.05 s"})


def test_waiting_can_be_interrupted(silent: Endpoint) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x")
    assert reachable([silent], None, None, reading).endpoints == []
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1", "tcp://nowhere.invalid:1", "tcp://127.0.0.1:99999"])
def test_an_address_that_is_none_is_told(url: str, listening: Endpoint, never: int) -> None:
    found = reachable([endpoint(url), listening], None, 30.0, never)
    assert found.endpoints == [listening]
    assert found.failures[url]


def test_an_address_to_which_no_way_leads_has_not_answered(listening: Endpoint, never: int) -> None:
    broadcast = endpoint("tcp://255.255.255.255:9")  # refused by this system itself, at once
    found = reachable([broadcast, listening], None, 30.0, never)
    assert found.endpoints == [listening]
    assert found.failures[broadcast.control]


def test_no_address_at_all(never: int) -> None:
    assert reachable([], None, None, never) == ([], {})
