"""Where an interchange awaits its managers."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.exchange.listeners import (
    Listeners,
    open_listeners,
)
from parsl_like.executors.high_throughput.options import Endpoint, InterchangeOptions
from parsl_like.executors.high_throughput.places import socket_directory


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def directory() -> Iterator[str]:
    made = socket_directory()
    yield made
    shutil.rmtree(made)


def opened(context: zmq.Context[zmq.Socket[bytes]] | None, **changes: Any) -> Listeners:
    options: dict[str, Any] = {
        "run_id": "run",
        "label": "htex",
        "logdir": "/nowhere",
        "driver": Endpoint("", ""),
        "driver_pid": 1,
        "driver_started": 0.0,
        "worker_port_range": (49200, 60900),
        **changes,
    }
    made = open_listeners(context, InterchangeOptions(**options), None)
    for one in (*made.data, *made.control):
        one.close()
    return made


def test_both_transports_are_there_by_default(context: zmq.Context[zmq.Socket[bytes]], directory: str) -> None:
    made = opened(context, ipc_dir=directory)
    assert made.local == [f"ipc://{directory}/manager-data", f"ipc://{directory}/manager-control"]
    assert [url.rpartition(":")[0] for url in made.remote] == ["tcp://127.0.0.1"] * 2
    assert (len(made.data), len(made.control)) == (2, 2)


def test_one_transport_can_be_forced(context: zmq.Context[zmq.Socket[bytes]], directory: str) -> None:
    assert opened(context, transport="tcp", ipc_dir=directory).local == []
    assert opened(None, transport="ipc", ipc_dir=directory).remote == []


def test_no_way_in_is_said() -> None:
    with pytest.raises(ConfigurationError, match="ipc_dir"):
        opened(None, transport="ipc")


def test_ports_can_be_given(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    with socket.socket() as one, socket.socket() as two:
        for door in (one, two):
            door.bind(("127.0.0.1", 0))
        data, control = (door.getsockname()[1] for door in (one, two))
    made = opened(context, worker_port=data, control_port=control)
    assert made.remote == [f"tcp://127.0.0.1:{data}", f"tcp://127.0.0.1:{control}"]


def test_a_given_address_is_bound_even_without_encryption(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    assert opened(context, address="127.0.0.2").remote[0].startswith("tcp://127.0.0.2:")
