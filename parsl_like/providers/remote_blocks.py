"""Blocks whose managers run where a channel leads: what they are told there, and the tunnel by which they come here."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from parsl_like.core.ports import BlockPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.channels.base import Channel
    from parsl_like.channels.tunnel import Tunnel
    from parsl_like.core.ports import BlockRequest, Clock, RemoteChannelSession
    from parsl_like.providers.remote_files import Mirror

logger = logging.getLogger(__name__)

PYTHON = "python3"
"""The interpreter there, for a channel that names none."""


class RemoteBlocks:
    """Turns requests for blocks into requests for blocks elsewhere.

    Args:
        channel: The description of the channel: whether there is to be a tunnel, and which interpreter there is.
        session: Gives the channel; called when a tunnel is opened.
        mirror: The files of the blocks' jobs there.
        clock: The time.
    """

    def __init__(
        self, channel: Channel, session: Callable[[], RemoteChannelSession], mirror: Mirror, clock: Clock
    ) -> None:
        self.mirror = mirror
        self._python = str(getattr(channel, "python", PYTHON))
        self._tunnelled = bool(getattr(channel, "tunnel", False))
        self._session = session
        self._clock = clock
        self._tunnels: dict[tuple[int, ...], Tunnel] = {}
        self._trouble: dict[tuple[int, ...], str | None] = {}

    @property
    def directory(self) -> str:
        """Where a block's command runs; as long as that has not been asked, where the login begins."""
        known = self.mirror.known
        return "." if known is None else known.directory

    def prepare(self, request: BlockRequest) -> None:
        """Make the folder for the job's files there, and the tunnel if there is to be one.

        Raises:
            ChannelError: the machine does not answer, or does not allow it.
        """
        self.mirror.place()
        if self._tunnelled and request.ports and request.ports not in self._tunnels:
            from parsl_like.channels.tunnel import open_tunnel

            tunnel = open_tunnel(self._session(), request.ports, self._clock, python=self._python)
            self._tunnels[request.ports] = tunnel
            logger.info("blocks on %s reach this machine at %s", self.mirror.host, dict(tunnel.routes()))

    def placed(self, request: BlockRequest, name: str) -> BlockRequest:
        """The same block for that machine.

        Args:
            request: The block, for this machine.
            name: What the names of its job's files begin with.
        """
        if request.at is None:
            return request
        there = self.mirror.names(name)
        place = BlockPlace(
            routes=self._routes(request.ports),
            folder=str(there.folder),
            files=str(there.extra),
            python=self._python,
            directory=self.directory,
        )
        return dataclasses.replace(request.at(place), walltime=request.walltime)

    def _routes(self, ports: tuple[int, ...]) -> Mapping[int, tuple[str, ...]]:
        tunnel = self._tunnels.get(ports)
        return {} if tunnel is None else tunnel.routes()

    def look(self) -> None:
        """Say in the log what is wrong with a tunnel, and that it works again; each once."""
        for ports, tunnel in self._tunnels.items():
            trouble = tunnel.look()
            before = self._trouble.get(ports)
            if trouble is not None and before is None:
                logger.warning("the tunnel to %s: %s", self.mirror.host, trouble)
            elif trouble is None and before is not None:
                logger.info("the tunnel to %s works again", self.mirror.host)
            self._trouble[ports] = trouble

    def close(self) -> None:
        """Close the tunnels; the channel stays open."""
        for tunnel in self._tunnels.values():
            tunnel.close()
        self._tunnels.clear()
