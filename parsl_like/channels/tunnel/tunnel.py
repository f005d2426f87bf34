"""Blocks on another machine reach ports of this one through a channel's connection, by way of a relay there.

The channel leads each port to the loopback of the other machine, where compute nodes do not reach it; a relay there
(:mod:`~parsl_like.channels.tunnel.relay`) listens at that machine's own addresses, and passes connections on.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from parsl_like.channels.tunnel.relay_words import Beat, Listening, understood
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import Clock, RemoteChannelSession, RemoteProcess

logger = logging.getLogger(__name__)

START_S = 60.0
"""Seconds that a relay may take to begin: an interpreter on a slow disk, on a busy login node."""

SILENCE_S = 15.0
"""A relay says something each second. One that is silent for so long is lost; on a slow line, full of results, what it
says may be a few seconds late."""

LOOK_S = 2.0
"""How long one look for the relay's next line takes, so that closing the tunnel never waits longer."""

CLOSE_S = 5.0
PAUSES_S = (0.5, 10.0)
"""Between tries to make it again: the first pause, doubled each time, and the longest."""

REFUSED_PAUSES_S = (60.0, 3600.0)
"""The same where trying again makes no sense as long as nobody does something: many refused logins lock an account."""

KEPT_NOISE = 20


def open_tunnel(
    session: RemoteChannelSession, ports: Sequence[int], clock: Clock, *, python: str = "python3"
) -> Tunnel:
    """A tunnel for TCP ports at which something listens on this machine's loopback; it mends itself until it is closed.

    Args:
        session: Leads to the other machine. It is not closed with the tunnel.
        ports: The ports, of this machine.
        clock: The time.
        python: The interpreter there, 3.6 or later.

    Raises:
        ChannelError: nothing listens here, the machine cannot be reached, does not allow it, or runs no relay.
    """
    tunnel = Tunnel(session, ports, clock, python=python)
    tunnel.open()
    return tunnel


class Tunnel:
    """What leads from another machine's addresses to ports of this one. Every method may be called from any thread.

    A relay that ends, or is silent, is started again with the same ports there, as soon as the channel's connection
    can be had again: whoever uses its routes only has to connect again.

    Args:
        session: Leads to the other machine.
        ports: The ports, of this machine.
        clock: The time.
        python: The interpreter there.
    """

    def __init__(self, session: RemoteChannelSession, ports: Sequence[int], clock: Clock, *, python: str) -> None:
        self._session = session
        self._ports = tuple(dict.fromkeys(ports))
        self._clock = clock
        self._python = python
        self._name = ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._relay: RemoteProcess | None = None
        self._listening: Listening | None = None
        self._cut: tuple[float, str] | None = None
        self._failed = ""
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Make it; returns when compute nodes can connect.

        Raises:
            ChannelError: nothing listens here, the machine cannot be reached, does not allow it, or runs no relay.
        """
        import uuid

        for port in self._ports:
            _expect_listener(port)
        self._name = f"parsl_like-relay-{uuid.uuid4().hex}"  # by which the next one finds one that was left behind
        self._begin()
        self._thread = threading.Thread(target=self._run, name="parsl-like-tunnel", daemon=True)
        self._thread.start()

    def routes(self) -> Mapping[int, tuple[str, ...]]:
        """By port: each ``host:port`` under which it is reached there; the same ones after a cut, if they can be had.

        Raises:
            ChannelError: it was never opened.
        """
        if self._listening is None:
            raise ChannelError("the tunnel was never opened", self._session.host)
        return self._listening.routes()

    def look(self) -> str | None:
        """What is wrong with it now, in words; None if nothing is."""
        cut = self._cut
        if cut is not None:
            return f"it has been cut for {self._clock.monotonic() - cut[0]:.0f} s: {cut[1]}"
        if self._failed:
            return f"it stands, but does not lead here: {self._failed}"
        return None

    def close(self) -> None:
        """End the relay, and with it every connection through the tunnel; the session stays as it is."""
        self._over.set()
        with self._lock:
            relay, self._relay = self._relay, None
        if relay is not None:
            _end(relay)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)

    # --- the relay

    def _begin(self) -> None:
        forwards = {port: self._session.forward(port) for port in self._ports}
        relay = self._session.start(self._command(forwards))
        try:
            listening = self._greeting(relay)
        except BaseException:
            _end(relay)
            raise
        with self._lock:
            if self._over.is_set():
                _end(relay)
                raise ChannelError("the tunnel was closed meanwhile", self._session.host)
            self._relay = relay
        self._compare(listening)
        self._listening = listening
        self._failed = ""

    def _command(self, forwards: Mapping[int, int]) -> list[str]:
        from parsl_like.channels.tunnel.relay_text import relay_program

        before = self._listening.ports if self._listening is not None else {}
        ways = [f"{port}:{forwards[port]}:{before.get(port, 0)}" for port in self._ports]
        return [self._python, "-c", relay_program(), self._name, *ways]

    def _greeting(self, relay: RemoteProcess) -> Listening:
        """What the relay says first; what a shell's start-up files print is passed over."""
        deadline = self._clock.monotonic() + START_S
        noise: list[str] = []
        while (left := deadline - self._clock.monotonic()) > 0 and len(noise) < KEPT_NOISE:
            try:
                line = relay.read_line(left)
            except ChannelError as error:
                if type(error) is not ChannelError:  # the connection's own trouble, which has its own words
                    raise
                raise self._no_relay(error.reason, noise, transient=error.transient) from error
            said = understood(line)
            if isinstance(said, Listening) and set(said.ports) == set(self._ports):
                return said
            noise.append(line[:200])
        raise self._no_relay("it does not say where it listens", noise, transient=False)

    def _no_relay(self, reason: str, noise: Sequence[str], *, transient: bool) -> ChannelError:
        said = f"; it said: {' / '.join(noise)}" if noise else ""
        text = f"the tunnel's relay does not begin: {reason}{said}"
        known_to_work = self._listening is not None
        error = ChannelError(text, self._session.host, transient=transient or known_to_work)
        error.hint = f"it needs Python 3.6 or later there; {self._python!r} is what python= of the channel says."
        return error

    def _compare(self, now: Listening) -> None:
        before = self._listening
        if before is None:
            return
        if before.host != now.host:
            logger.warning(
                "the tunnel to %s now ends on %s and not on %s any more: blocks that were started before cannot find "
                "it. Name one login node in the channel, not all of them at once.",
                *(self._session.host, now.host, before.host),
            )
        elif before.routes() != now.routes():
            logger.warning(
                "the tunnel to %s has other routes than before, %s and not %s: blocks that were started before cannot "
                "find it.",
                *(self._session.host, now.routes(), before.routes()),
            )

    # --- its thread

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                reason = self._listen()
                if reason is not None:
                    self._mend(reason)
        except Exception as error:  # the root of a thread: what a channel raises that it should not
            if self._over.is_set():
                return
            self._cut = (self._clock.monotonic(), f"{type(error).__name__}: {error}; it is not mended any more")
            logger.exception("the tunnel to %s has ended", self._session.host)

    def _listen(self) -> str | None:
        """Hear the relay until it is lost: why; None if the tunnel was closed."""
        heard = self._clock.monotonic()
        while (relay := self._relay) is not None and not self._over.is_set():
            try:
                line = relay.read_line(LOOK_S)
            except ChannelError as error:
                silence = self._clock.monotonic() - heard
                if relay.alive and silence < SILENCE_S:
                    continue
                return error.reason if not relay.alive else f"nothing was heard of its relay for {silence:.0f} s"
            heard = self._clock.monotonic()
            if isinstance(said := understood(line), Beat):
                self._failed = said.failed
        return None

    def _mend(self, reason: str) -> None:
        """Make it again, however often that fails."""
        if self._over.is_set():
            return
        since = self._clock.monotonic()
        self._cut = (since, reason)
        logger.info("the tunnel to %s is cut: %s", self._session.host, reason)
        with self._lock:
            relay, self._relay = self._relay, None
        if relay is not None:
            _end(relay)
        pause = 0.0
        while not self._over.wait(pause):
            try:
                self._begin()
            except ChannelError as error:
                self._cut = (since, error.reason)
                pause = _pause_after(error, pause)
                logger.info("the tunnel to %s: %s; next try in %g s", self._session.host, error, pause)
            else:
                self._cut = None
                took = self._clock.monotonic() - since
                logger.info("the tunnel to %s stands again, after %.1f s", self._session.host, took)
                return


def _pause_after(error: ChannelError, before: float) -> float:
    first, most = PAUSES_S if error.transient else REFUSED_PAUSES_S
    return min(most, max(first, 2 * before))


def _end(relay: RemoteProcess) -> None:
    try:
        relay.close()
    except ChannelError as error:  # without a connection it ends by itself
        logger.info("a relay could not be told to end: %s", error)


def _expect_listener(port: int) -> None:
    """Raise unless a connection to a port of this machine's loopback is taken."""
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.settimeout(5.0)
        try:
            door.connect(("127.0.0.1", port))
        except OSError as error:
            wrong = ChannelError(f"nothing answers at 127.0.0.1:{port} of this machine: {error}", transient=True)
            wrong.hint = "a tunnel leads to the loopback address: give the executor address='127.0.0.1', or none."
            raise wrong from error
        # With a reset: who only looked is no stranger that was refused.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
