"""What the placement machine asks for, put on the wire."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.parcels import parcels
from parsl_like.executors.high_throughput.exchange.placement_events import (
    Effect,
    Give,
    Report,
    Tell,
    Undelivered,
    Untold,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.links.port import Channel, Link
    from parsl_like.executors.high_throughput.protocol import Message

logger = logging.getLogger("parsl_like.interchange")


class Delivery:
    """Sends without ever waiting, to each manager through the links it was last heard on.

    Args:
        control: The control link to the driver.
        data: The data link to the driver.
        limit: The largest frame of attempts, in bytes.
    """

    def __init__(self, control: Channel, data: Channel, limit: int = protocol.MAX_FRAME) -> None:
        self._limit = limit
        self._driver: dict[Link, Channel] = {"control": control, "data": data}
        self._managers: dict[Link, dict[bytes, Channel]] = {"control": {}, "data": {}}

    def learn(self, manager: bytes, link: Link, channel: Channel) -> None:
        """A manager was heard on a link."""
        self._managers[link][manager] = channel

    def known(self) -> list[bytes]:
        """The managers that were heard and have not been given up."""
        return list(self._managers["control"])

    def say(self, message: Message, link: Link = "control") -> None:
        """Send a message to the driver."""
        self._driver[link].send(protocol.encode(message))

    def forward(self, frame: bytes, buffers: Sequence[Any]) -> None:
        """Send results to the driver as they came."""
        self._driver["data"].send(frame, buffers)

    def carry_out(self, effect: Effect) -> Undelivered | Untold | None:
        """Do what an effect says; gives back what could not be given to its manager, or that it cannot be told."""
        if type(effect) is Give:
            return self._give(effect)
        if type(effect) is Report:
            if type(effect.message) is protocol.ManagerNews:
                self._note_news(effect.message)
            self.say(effect.message, effect.link)
        elif type(effect) is Tell:
            channel = self._managers["control"].get(effect.manager)
            if channel is None or not channel.send(protocol.encode(effect.message), to=effect.manager):
                return Untold(effect.manager)
        return None

    def _give(self, effect: Give) -> Undelivered | None:
        manager, unsent = effect.manager, list(effect.items)
        channel = self._managers["data"].get(manager)
        if channel is None:
            return Undelivered(manager, unsent, effect.buffers)
        up = all(channel.send(protocol.encode(function), to=manager) for function in effect.functions)
        if up and unsent:
            acknowledged = [(manager, effect.acknowledged)] if effect.acknowledged else []
            for parcel in parcels(effect.items, effect.buffers, acknowledged, self._limit):
                up = up and channel.send(parcel.frame, parcel.buffers, to=manager)
                unsent = unsent[parcel.size :] if up else unsent
        return None if up else Undelivered(manager, unsent, effect.buffers)

    def _note_news(self, news: protocol.ManagerNews) -> None:
        name = news.manager.decode(errors="replace")
        logger.info("manager %s of block %s on %s %s %s", name, news.block, news.hostname, news.what, news.reason)
        if news.what in ("lost", "ended"):
            for ways in self._managers.values():
                if (channel := ways.pop(news.manager, None)) is not None:
                    channel.forget(news.manager)
