"""The tunnel: what leads where, what happens when it is cut, and what is said when it cannot be made."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import parsl_like.channels.tunnel.tunnel as tunnel_module
from parsl_like.channels.tunnel import Tunnel, open_tunnel
from parsl_like.clocks import SystemClock
from parsl_like.errors import ChannelError
from tests.channels.tunnel.near import Echo, NearSession, answer, connected, echoed
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
WAIT_S = 60


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as echo:
        yield echo


@pytest.fixture
def session() -> Iterator[NearSession]:
    session = NearSession()
    yield session
    session.close()


@pytest.fixture
def tunnel(session: NearSession, echo: Echo) -> Iterator[Tunnel]:
    tunnel = open_tunnel(session, [echo.port], CLOCK, python=sys.executable)
    yield tunnel
    tunnel.close()


def route(tunnel: Tunnel, echo: Echo) -> str:
    return tunnel.routes()[echo.port][0]


def stands(tunnel: Tunnel) -> bool:
    return tunnel.look() is None


def test_its_routes_lead_to_the_port(tunnel: Tunnel, echo: Echo, session: NearSession) -> None:
    assert tunnel.look() is None
    assert session.forwarded == [echo.port]
    routes = tunnel.routes()
    assert list(routes) == [echo.port]
    for each in routes[echo.port]:
        assert echoed(each, b"hello") == b"hello"


def test_each_port_once(session: NearSession) -> None:
    with Echo() as one, Echo() as other:
        tunnel = open_tunnel(session, [one.port, other.port, one.port], CLOCK, python=sys.executable)
        try:
            assert session.forwarded == [one.port, other.port]
            for echo in (one, other):
                assert echoed(route(tunnel, echo), b"hello") == b"hello"
        finally:
            tunnel.close()


def test_closing_it_ends_its_relay_and_its_thread_and_not_the_session(
    tunnel: Tunnel, echo: Echo, session: NearSession
) -> None:
    where = route(tunnel, echo)
    tunnel.close()
    tunnel.close()
    (relay,) = session.started
    assert not relay.alive
    assert "parsl-like-tunnel" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionRefusedError):
        connected(where)
    assert session.run(["true"], timeout=WAIT_S).exit_code == 0


def test_a_relay_that_dies_is_there_again_under_the_same_routes(
    tunnel: Tunnel, echo: Echo, session: NearSession
) -> None:
    before = tunnel.routes()
    with connected(route(tunnel, echo)) as end:
        end.sendall(b"x")
        assert end.recv(1) == b"x"
        os.killpg(session.started[0].process.pid, signal.SIGKILL)
        processes.until(lambda: len(session.started) == 2 and stands(tunnel), WAIT_S, "the next relay")
    assert tunnel.routes() == before
    assert echoed(route(tunnel, echo), b"hello") == b"hello"
    assert set(session.forwarded) == {echo.port}


def test_a_relay_that_says_nothing_is_lost(
    session: NearSession, echo: Echo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(tunnel_module, "SILENCE_S", 2.5)
    monkeypatch.setattr(tunnel_module, "LOOK_S", 0.5)
    tunnel = open_tunnel(session, [echo.port], CLOCK, python=sys.executable)
    try:
        before = tunnel.routes()
        os.killpg(session.started[0].process.pid, signal.SIGSTOP)
        processes.until(lambda: len(session.started) == 2 and stands(tunnel), WAIT_S, "the next relay")
        assert tunnel.routes() == before
        assert "nothing was heard of its relay" in caplog.text
        assert not session.started[0].alive
    finally:
        tunnel.close()


def test_as_long_as_there_is_no_connection_it_says_so_and_tries_again(
    tunnel: Tunnel, echo: Echo, session: NearSession
) -> None:
    before = tunnel.routes()
    session.refusal = ChannelError("no route to host", "near", transient=True)
    os.killpg(session.started[0].process.pid, signal.SIGKILL)
    processes.until(lambda: session.tries >= 3, WAIT_S, "the third try")
    said = tunnel.look() or ""
    assert said.startswith("it has been cut for ")
    assert said.endswith(" s: no route to host")
    assert tunnel.routes() == before, "blocks may be submitted meanwhile"
    session.refusal = None
    processes.until(lambda: stands(tunnel), WAIT_S, "its return")
    assert echoed(route(tunnel, echo), b"hello") == b"hello"


def test_a_login_that_is_refused_is_not_tried_again_and_again(
    tunnel: Tunnel, session: NearSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    session.refusal = ChannelError("the login was not accepted", "near")
    os.killpg(session.started[0].process.pid, signal.SIGKILL)
    processes.until(lambda: "next try in 60 s" in caplog.text, WAIT_S, "a refusal")
    assert session.tries == 2
    assert "the login was not accepted" in (tunnel.look() or "")
    tunnel.close()  # does not wait for the next try


@pytest.mark.parametrize(
    ("transient", "expected"), [(True, [0.5, 1, 2, 4, 8, 10, 10]), (False, [60, 120, 240, 480, 960, 1920, 3600])]
)
def test_pauses_between_tries(transient: bool, expected: list[float]) -> None:
    error, pause, pauses = ChannelError("no", transient=transient), 0.0, []
    for _ in expected:
        pause = tunnel_module._pause_after(error, pause)
        pauses.append(pause)
    assert pauses == expected


def test_it_says_that_it_leads_to_nobody(session: NearSession) -> None:
    with Echo() as echo:
        tunnel = open_tunnel(session, [echo.port], CLOCK, python=sys.executable)
        where = route(tunnel, echo)
    try:
        said = ""
        while not said:
            with pytest.raises(ConnectionResetError):
                answer(where)
            said = tunnel.look() or ""
        assert said.startswith("it stands, but does not lead here: 127.0.0.1:")
        assert said.endswith("Connection refused")
    finally:
        tunnel.close()


def test_after_a_cut_it_may_end_on_another_machine(
    session: NearSession, echo: Echo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ -e {tmp_path}/first ] || {{ touch {tmp_path}/first; exec {sys.executable} "$@"; }}\n'
        f'{sys.executable} "$@" | sed -u s/{socket.gethostname()}/another/\n'
    )
    python.chmod(0o755)
    tunnel = open_tunnel(session, [echo.port], CLOCK, python=str(python))
    try:
        os.killpg(session.started[0].process.pid, signal.SIGKILL)
        processes.until(lambda: "now ends on another" in caplog.text, WAIT_S, "a warning")
    finally:
        tunnel.close()


# --- when it cannot be made


def test_nothing_listens_here(session: NearSession) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with pytest.raises(ChannelError, match=rf":{port} of this machine.*address='127") as caught:
            open_tunnel(session, [port], CLOCK)
    assert caught.value.transient
    assert session.started == []


def test_there_is_no_interpreter(session: NearSession, echo: Echo) -> None:
    with pytest.raises(ChannelError, match="No such file or directory: '/no/python'"):
        open_tunnel(session, [echo.port], CLOCK, python="/no/python")


def test_the_interpreter_is_something_else(session: NearSession, echo: Echo) -> None:
    with pytest.raises(ChannelError) as caught:
        open_tunnel(session, [echo.port], CLOCK, python="cat")
    text = str(caught.value)
    assert text.startswith("Channel to near: the tunnel's relay does not begin: it has ended: cat: ")
    assert "'cat'" in text
    assert "python=" in text
    assert not any(relay.alive for relay in session.started)


def test_what_start_up_files_print_is_passed_over(session: NearSession, echo: Echo, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho Welcome to the cluster\necho\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    tunnel = open_tunnel(session, [echo.port], CLOCK, python=str(python))
    try:
        assert echoed(route(tunnel, echo), b"hello") == b"hello"
    finally:
        tunnel.close()


def test_only_noise_is_no_relay(session: NearSession, echo: Echo, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec yes Welcome\n")
    python.chmod(0o755)
    with pytest.raises(ChannelError, match="it does not say where it listens; it said: Welcome / Welcome"):
        open_tunnel(session, [echo.port], CLOCK, python=str(python))
    assert not session.started[0].alive


class ResetError(ChannelError):
    """What a kind of channel raises when its connection is lost."""


def test_the_connections_own_trouble_keeps_its_name(
    session: NearSession, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.channels.tunnel.near import NearProcess

    def reset(self: NearProcess, timeout: float) -> str:
        raise ResetError("reset", "near", transient=True)

    monkeypatch.setattr(NearProcess, "read_line", reset)
    with pytest.raises(ResetError):
        open_tunnel(session, [echo.port], CLOCK, python=sys.executable)
    assert not session.started[0].alive


def test_one_that_was_never_opened_has_no_routes(session: NearSession) -> None:
    with pytest.raises(ChannelError, match="never opened"):
        Tunnel(session, [1], CLOCK, python="python3").routes()


def test_a_channel_that_raises_what_it_should_not_does_not_end_it_silently(
    tunnel: Tunnel, session: NearSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(argv: object) -> None:
        raise TypeError("of the channel")

    monkeypatch.setattr(session, "start", wrong)
    os.killpg(session.started[0].process.pid, signal.SIGKILL)
    processes.until(lambda: "TypeError: of the channel; it is not mended" in (tunnel.look() or ""), WAIT_S, "a word")
