"""Which faults a soak meets, and when: drawn from a seed before it begins. Pure.

What the product does not promise to survive is not drawn: an interchange that is lost more often than it is restarted,
or blocks that are lost faster than new ones are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

LOCAL, REMOTE, DRIVER, SITE = "local", "remote", "driver", "site"
"""Where a fault strikes: the executor on unix sockets, the one behind a network, the program, or what all share."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to break something.

    Attributes:
        name: What is done to what.
        places: Where it may strike.
        seconds: How long it lasts, at least and at most; nothing for what is over at once.
        weight: How often it is drawn, relative to the others.
        costs: What it uses up, of the budgets below.
    """

    name: str
    places: tuple[str, ...]
    seconds: tuple[float, float] | None = None
    weight: float = 1.0
    costs: str = ""


EXECUTORS = (LOCAL, REMOTE)

KINDS: tuple[Kind, ...] = (
    Kind("worker killed", EXECUTORS, weight=3),
    Kind("worker stopped", EXECUTORS, (0.5, 6.0), weight=2),
    Kind("manager killed", EXECUTORS, costs="block"),
    Kind("manager stopped", EXECUTORS, (0.5, 3.0)),
    Kind("manager frozen", EXECUTORS, (7.0, 12.0), costs="block"),
    Kind("interchange killed", EXECUTORS, costs="interchange"),
    Kind("interchange stopped", EXECUTORS, (0.5, 3.0)),
    Kind("interchange frozen", EXECUTORS, (12.0, 15.0), costs="interchange"),
    Kind("link cut", (REMOTE,), (0.5, 3.0)),
    Kind("link gone", (REMOTE,), (7.0, 14.0), costs="block"),
    Kind("connections reset", (REMOTE,)),
    Kind("memory hog", EXECUTORS),
    Kind("disk full", (SITE,), (4.0, 15.0), costs="disk"),
    Kind("clock stepped", (DRIVER, "interchange", "node"), weight=2),
    Kind("driver stopped", (DRIVER,), (0.5, 3.0)),
)
"""The heartbeat threshold of a soak is 5 s: "stopped" and "cut" are shorter, "frozen" and "gone" are longer."""

BUDGETS: dict[str, tuple[int, float]] = {"interchange": (2, 130.0), "block": (1, 20.0), "disk": (1, 40.0)}
"""So many in so many seconds, for each place: an interchange is restarted three times in 120 s, blocks that live for
less than ten seconds are replaced more and more slowly, and a full disk keeps new blocks from being started."""

GAP_S = (1.0, 5.0)
"""From the beginning of one fault to the beginning of the next; the longer ones therefore overlap."""

WARM_UP_S, COOL_DOWN_S = 8.0, 20.0
"""No fault begins so soon after the start, nor so late before the end."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to come.

    Attributes:
        at: Seconds after the start.
        kind: What.
        place: Where.
        seconds: How long; 0 for what is over at once.
        pick: A number from 0 to 1 that chooses among several victims.
    """

    at: float
    kind: str
    place: str
    seconds: float
    pick: float


def draw(seed: int, seconds: float, kinds: Collection[str] | None = None) -> list[Fault]:
    """All faults of a soak, in the order in which they begin.

    Args:
        seed: Equal seeds give equal faults.
        seconds: How long the soak takes.
        kinds: Names of those that can be done here; None for all.
    """
    random = Random(f"faults of {seed}")
    possible = [kind for kind in KINDS if kinds is None or kind.name in kinds]
    drawn: list[Fault] = []
    now = WARM_UP_S
    while possible and now < seconds - COOL_DOWN_S:
        (kind,) = random.choices(possible, [kind.weight for kind in possible])
        place, pick = random.choice(kind.places), random.random()
        lasts = random.uniform(*kind.seconds) if kind.seconds else 0.0
        pause = random.uniform(*GAP_S)
        if affordable(kind, place, now, drawn):
            drawn.append(Fault(round(now, 2), kind.name, place, round(lasts, 2), round(pick, 4)))
            now += pause
        else:
            now += pause / 4
    return drawn


def affordable(kind: Kind, place: str, now: float, earlier: Sequence[Fault]) -> bool:
    """Whether the budget allows one more, and nothing that lasts is done twice at once."""
    same = [fault for fault in earlier if fault.place == place]
    if any(fault.kind == kind.name and now <= fault.at + fault.seconds for fault in same):
        return False
    if not kind.costs:
        return True
    most, within = BUDGETS[kind.costs]
    costly = {each.name for each in KINDS if each.costs == kind.costs}
    return sum(fault.kind in costly and now < fault.at + fault.seconds + within for fault in same) < most


def counted(faults: Sequence[Fault]) -> dict[str, int]:
    """How many there are of each kind, those that do not occur left out."""
    return {kind.name: count for kind in KINDS if (count := sum(fault.kind == kind.name for fault in faults))}
