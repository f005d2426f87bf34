"""What blocks on another machine are told, and the tunnel that they are given."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.clocks import SystemClock
from parsl_like.core.ids import BlockId
from parsl_like.core.ports import BlockPlace, BlockRequest
from parsl_like.errors import ChannelError
from parsl_like.providers.remote_blocks import RemoteBlocks
from parsl_like.providers.remote_files import Mirror
from tests.providers.machines import MachineChannel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Tunnel:
    """A tunnel in name only; what is wrong with it is set."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = tuple(ports)
        self.trouble: str | None = None
        self.closed = False

    def routes(self) -> Mapping[int, tuple[str, ...]]:
        return {port: (f"10.0.0.1:{port + 1}",) for port in self.ports}

    def look(self) -> str | None:
        return self.trouble

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def tunnels(monkeypatch: pytest.MonkeyPatch) -> list[Tunnel]:
    opened: list[Tunnel] = []

    def open_tunnel(session: object, ports: Sequence[int], clock: object, *, python: str) -> Tunnel:
        assert (session, python) == ("the session", "/far/python")
        opened.append(Tunnel(ports))
        return opened[-1]

    monkeypatch.setattr("parsl_like.channels.tunnel.open_tunnel", open_tunnel)
    return opened


def asking(places: list[BlockPlace], **options: Any) -> BlockRequest:
    def at(place: BlockPlace) -> BlockRequest:
        places.append(place)
        return BlockRequest(BlockId("0"), "there")

    return BlockRequest(BlockId("0"), "here", at=at, **options)


def blocks(folder: Path, **options: Any) -> RemoteBlocks:
    home = folder / "home"
    home.mkdir()
    channel = MachineChannel(str(home), python="/far/python", **options)
    session = channel.open()
    mirror = Mirror(folder / "here", "far", None, lambda command, stdin=None: session.run(command, timeout=60))
    return RemoteBlocks(channel, lambda: "the session", mirror, SystemClock())  # type: ignore[arg-type, return-value]


def test_a_block_that_can_be_nowhere_else_runs_as_it_is(tmp_path: Path) -> None:
    request = BlockRequest(BlockId("0"), "here")
    assert blocks(tmp_path).placed(request, "job") is request


def test_without_a_tunnel_addresses_stay_and_nothing_else_does(tmp_path: Path, tunnels: list[Tunnel]) -> None:
    places: list[BlockPlace] = []
    remote, request = blocks(tmp_path), asking(places, ports=(5, 6), walltime=30.0)
    remote.prepare(request)
    placed = remote.placed(request, "job")
    assert (placed.command, placed.walltime) == ("there", 30.0)
    folder = str(remote.mirror.place().folder)
    assert places == [BlockPlace({}, folder, f"{folder}/job.files", "/far/python", str(tmp_path / "home"))]
    assert not tunnels


def test_one_tunnel_for_the_same_ports_and_another_for_others(tmp_path: Path, tunnels: list[Tunnel]) -> None:
    places: list[BlockPlace] = []
    remote = blocks(tmp_path, tunnel=True)
    for ports in ((5, 6), (5, 6), (7, 8), ()):
        remote.prepare(request := asking(places, ports=ports))
        remote.placed(request, "job")
    assert [tunnel.ports for tunnel in tunnels] == [(5, 6), (7, 8)]
    first = {5: ("10.0.0.1:6",), 6: ("10.0.0.1:7",)}
    assert [place.routes for place in places] == [first, first, {7: ("10.0.0.1:8",), 8: ("10.0.0.1:9",)}, {}]
    remote.close()
    assert all(tunnel.closed for tunnel in tunnels)


def test_what_is_wrong_with_a_tunnel_is_said_once_and_that_it_works_again(
    tmp_path: Path, tunnels: list[Tunnel], caplog: pytest.LogCaptureFixture
) -> None:
    remote = blocks(tmp_path, tunnel=True)
    remote.prepare(asking([], ports=(5,)))
    with caplog.at_level(logging.INFO):
        for trouble in (None, "its relay is gone", "its relay is still gone", None, None):
            tunnels[0].trouble = trouble
            remote.look()
    said = [record.getMessage() for record in caplog.records if "the tunnel to" in record.getMessage()]
    assert said == ["the tunnel to far: its relay is gone", "the tunnel to far works again"]


def test_a_machine_that_does_not_answer_gets_no_tunnel(tmp_path: Path, tunnels: list[Tunnel]) -> None:
    remote = blocks(tmp_path, tunnel=True)
    MachineChannel(str(tmp_path / "home")).line.cut = True
    with pytest.raises(ChannelError):
        remote.prepare(asking([], ports=(5,)))
    assert not tunnels
