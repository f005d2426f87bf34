"""What outlives a driver: where the managers of an executor look for it, so that the next driver can be found there.

Pure values. The run keeps them in a file (``dataflow/blockfile.py``), the executor says and uses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """Where an executor's managers find its interchange, also the next one.

    Attributes:
        runs: Ids of the runs whose managers look for it there, this run's first.
        keys: The directory of its keys, 0700.
        sockets: The directory of its unix sockets, 0700; None if there is none.
        urls: Pairs of URLs, data and control, at which it listened.
        incarnation: Number of its interchange.
        interchange: The interchange's process on the driver's host.
        interchange_started: When that process started, as its system counts.
    """

    runs: tuple[str, ...]
    keys: str
    sockets: str | None
    urls: tuple[tuple[str, str], ...]
    incarnation: int
    interchange: int
    interchange_started: float


@dataclass(slots=True, eq=False)
class Reattachment:
    """What an executor is told if its blocks are to be kept for the next driver.

    Attributes:
        seconds: How long they wait for it.
        former: Where those of a run that has died are waiting now; None if there are none.
        tell: Takes the place where managers are to look from now on, whenever it changes. Never raises.
        leaving: Whether the driver is about to die: what is closed now is to be left as it is for the next one.
    """

    seconds: float
    former: Rendezvous | None = None
    tell: Callable[[Rendezvous], None] = field(default=lambda _: None)
    leaving: bool = False
