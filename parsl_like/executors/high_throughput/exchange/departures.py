"""Managers of this host whose process is gone, known as soon as it is: no silence has to be waited for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.executors.high_throughput.links.port import Link
    from parsl_like.executors.high_throughput.links.waiting import Waiter


class Departures:
    """Tells of a manager both of whose links have ended, and whose process has.

    Links may break and be made again, so their end alone says nothing. The end of a process does, and once its links
    have been read to their end, so has everything it had to say. Where processes cannot be watched (``man 2
    pidfd_open``), or belong to another namespace, silence has to tell.

    Args:
        waiter: Polls the processes; names this object when one has ended, and then wants :meth:`handle`.
    """

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter
        self._ended: dict[bytes, set[Link]] = {}
        self._watched: dict[bytes, int] = {}

    def opened(self, manager: bytes, link: Link) -> None:
        """A manager has connected, perhaps again."""
        if ended := self._ended.get(manager):
            ended.discard(link)
        self._unwatch(manager)

    def closed(self, manager: bytes, link: Link, process: int) -> None:
        """Everything has been read that came over a link, which is over.

        Args:
            manager: Whose link it is.
            link: Which of the two.
            process: The manager's process; 0 if it cannot be seen from here.
        """
        ended = self._ended.setdefault(manager, set())
        ended.add(link)
        if len(ended) < 2:
            return
        del self._ended[manager]
        self._unwatch(manager)
        if process > 0 and hasattr(os, "pidfd_open"):
            self._watch(manager, process)

    def _watch(self, manager: bytes, process: int) -> None:
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            self._watched[manager] = -1
            self._waiter.again(self)
            return
        except OSError:  # no descriptor left, or a system that does not let processes be watched
            return
        self._watched[manager] = descriptor
        self._waiter.add(descriptor, self)

    def handle(self, tell: Callable[[bytes], object]) -> None:
        """Tell of each manager whose process has ended since the last call."""
        for manager, descriptor in list(self._watched.items()):
            if descriptor < 0 or _is_readable(descriptor):
                self._unwatch(manager)
                tell(manager)

    def _unwatch(self, manager: bytes) -> None:
        descriptor = self._watched.pop(manager, -1)
        if descriptor >= 0:
            self._waiter.remove(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """Watch nobody any more."""
        for manager in list(self._watched):
            self._unwatch(manager)


def _is_readable(descriptor: int) -> bool:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
