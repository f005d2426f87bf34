"""What a relay says, line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

VERSION = 1
MOST_ADDRESSES = 64
MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Listening:
    """A relay has begun.

    Attributes:
        host: What its machine calls itself.
        addresses: Where other machines may find it, the likeliest first.
        ports: Where it listens, by the port that it listens for.
    """

    host: str
    addresses: tuple[str, ...]
    ports: dict[int, int]

    def routes(self) -> dict[int, tuple[str, ...]]:
        """By port: every ``host:port`` under which it is reached from there."""
        return {port: tuple(f"{address}:{there}" for address in self.addresses) for port, there in self.ports.items()}


@dataclass(frozen=True, slots=True)
class Beat:
    """A relay lives.

    Attributes:
        connections: Those that it passes on now.
        taken: Those that it has passed on so far.
        failed: Why it could not pass one on since the last beat; empty if it could.
    """

    connections: int
    taken: int
    failed: str


def understood(line: str) -> Listening | Beat | None:
    """What a line says; None if no relay has written it, but a start-up file of a shell, say."""
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    try:
        return _listening(facts) if "relay" in facts else _beat(facts)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _listening(facts: dict[str, Any]) -> Listening | None:
    if facts["relay"] != VERSION:
        return None
    ports = {_port(int(port)): _port(there) for port, there in facts["listening"].items()}
    addresses = tuple(map(_address, facts["addresses"][:MOST_ADDRESSES]))
    if not addresses:
        return None
    return Listening(_text(facts["host"]), addresses, ports)


def _beat(facts: dict[str, Any]) -> Beat:
    return Beat(_number(facts["open"]), _number(facts["taken"]), _text(facts["failed"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return "".join(letter if letter.isprintable() else " " for letter in value[:MOST_CHARACTERS])


def _address(value: object) -> str:
    import ipaddress

    return str(ipaddress.IPv4Address(_text(value)))


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("no number")
    return value


def _port(value: object) -> int:
    if not 0 < (number := _number(value)) < 1 << 16:
        raise ValueError("no port")
    return number
