"""Slurm's partitions, accounts, qualities of service and nodes (manuals: sinfo(1), sacctmgr(1))."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsl_like.doctor.sightings import NodeKind, Queue
from parsl_like.doctor.systems.base import BatchSystem, Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMAT = "%P|%a|%l|%s|%F|%c|%m|%G|%f"
"""Partition, whether it is up, time limit, job size, nodes by state, processors, memory, resources, features."""
FIELDS = 9

_TIME = re.compile(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)")


def slurm(clusters: str | None) -> BatchSystem:
    """The questions for Slurm.

    Args:
        clusters: The cluster to ask about, None for the one of this machine.
    """
    where = () if clusters is None else (f"--clusters={clusters}",)
    mine = 'exec sacctmgr --noheader --parsable2 show associations user="$(id -un)" format=account'
    return BatchSystem(
        name="Slurm",
        word="partition",
        field="partition",
        queues=("sinfo", *where, "--all", "--exact", "--noheader", f"--format={FORMAT}"),
        read_queues=read_partitions,
        accounts=Names(("sh", "-c", mine), read_words),
        qualities=Names(("sacctmgr", "--noheader", "--parsable2", "show", "qos", "format=name"), read_words),
        hosts=Names(("sinfo", *where, "--noheader", "--Node", "--format=%o"), read_words),
    )


def read_partitions(text: str) -> tuple[Queue, ...]:
    """Partitions from lines of :data:`FORMAT`: one for each kind of node of each partition."""
    rows: dict[str, list[list[str]]] = {}
    for line in _lines(text):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == FIELDS:
            rows.setdefault(parts[0], []).append(parts)
    return tuple(_partition(name, lines) for name, lines in rows.items())


def _partition(name: str, rows: list[list[str]]) -> Queue:
    _, available, limit, size, *_ = rows[0]
    counts = [_counts(row[4]) for row in rows]
    kinds = [_kind(row, total) for row, (_, total) in zip(rows, counts, strict=True)]
    return Queue(
        name=name.removesuffix("*"),
        default=name.endswith("*"),
        open=available == "up",
        state=available,
        longest=seconds(limit),
        most_nodes=_most(size),
        usable=sum(usable for usable, _ in counts),
        kinds=tuple(kind for kind in kinds if kind.nodes),
    )


def _kind(row: list[str], nodes: int) -> NodeKind:
    cores, memory, gres, features = row[5:]
    return NodeKind(
        nodes=nodes,
        cores=_whole(cores),
        memory=_whole(memory),
        gres=tuple(sorted(words(gres))),
        features=frozenset(words(features)),
    )


def _counts(text: str) -> tuple[int, int]:
    """Nodes that jobs can have, and all: from ``allocated/idle/other/total``."""
    parts = [int(part) if part.isdecimal() else 0 for part in text.split("/")]
    return (parts[0] + parts[1], parts[3]) if len(parts) == 4 else (0, 0)


def seconds(text: str) -> int | None:
    """A time limit as Slurm prints it, ``[days-][[hours:]minutes:]seconds``; None for none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _most(text: str) -> int | None:
    """The larger number of a job's size, ``1-4``, ``1-infinite`` or ``1``."""
    return _whole(text.rpartition("-")[2])


def _whole(text: str) -> int | None:
    """The number that a text begins with: some columns end in a plus sign."""
    match = re.match(r"\d+", text)
    return int(match[0]) if match else None


def words(text: str) -> Iterator[str]:
    """What a column lists, without what Slurm appends in brackets: ``gpu:2(S:0-1),shm``; ``(null)`` is nothing."""
    for word in re.sub(r"\([^)]*\)", "", text).split(","):
        if word.strip():
            yield word.strip()


def read_words(text: str) -> frozenset[str]:
    """One name on each line."""
    return frozenset(line.strip() for line in _lines(text))


def _lines(text: str) -> Iterable[str]:
    """Those that are not the heading of one cluster of several."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("CLUSTER:")]
