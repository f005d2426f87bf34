"""The queues of PBS Pro and Torque (manual: qstat(1B), queue attributes)."""

from __future__ import annotations

import re

from parsl_like.doctor.sightings import Queue
from parsl_like.doctor.systems.base import BatchSystem

_SECTION = re.compile(r"^Queue:\s*(\S+)\s*$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^\s+([\w.]+) = (.*)$", re.MULTILINE)
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+)")


def pbs(name: str) -> BatchSystem:
    """The questions for PBS.

    Args:
        name: Which one it is, for messages.
    """
    return BatchSystem(name=name, word="queue", field="queue", queues=("qstat", "-Q", "-f"), read_queues=read_queues)


def read_queues(text: str) -> tuple[Queue, ...]:
    """Queues from ``qstat -Q -f``: a heading for each, and lines ``name = value`` below it."""
    _, *parts = _SECTION.split(text)
    return tuple(_queue(name, body) for name, body in zip(parts[::2], parts[1::2], strict=True))


def _queue(name: str, body: str) -> Queue:
    told = {attribute: value.strip() for attribute, value in _ATTRIBUTE.findall(body)}
    shut = [what for what in ("enabled", "started") if told.get(what, "True") != "True"]
    limit = _TIME.fullmatch(told.get("resources_max.walltime", ""))
    nodes = told.get("resources_max.nodect", "")
    return Queue(
        name=name,
        open=not shut,
        state=" and ".join(f"not {what}" for what in shut),
        longest=None if limit is None else _seconds(limit),
        most_nodes=int(nodes) if nodes.isdecimal() else None,
    )


def _seconds(limit: re.Match[str]) -> int:
    hours, minutes, rest = (int(part or 0) for part in limit.groups())
    return (hours * 60 + minutes) * 60 + rest
