"""Whether a batch system has what blocks ask for: queues, their limits and nodes, accounts, qualities of service."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from parsl_like.core.fields import walltime_seconds
from parsl_like.doctor.checks.descriptions import is_stand_in
from parsl_like.doctor.findings import Finding, Severity, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsl_like.doctor.sightings import NodeKind, Queue, SeenSystem
    from parsl_like.doctor.systems.base import BatchSystem

_PLAIN_FEATURE = re.compile(r"[\w.-]+")


def check_queues(where: str, provider: Any, system: BatchSystem, seen: SeenSystem) -> Iterator[Finding]:
    """Everything about the queue that blocks go to.

    Args:
        where: The executor.
        provider: Its provider.
        system: The batch system.
        seen: What that says of itself.
    """
    wanted = getattr(provider, system.field, None)
    if seen.queues is None or is_stand_in(wanted):
        return
    if wanted is None:
        default = [queue for queue in seen.queues if queue.default]
        if default:
            yield from _check_queue(where, provider, system, default[0])
        return
    # Several may be named, and a queue of Grid Engine may be one of some hosts: the batch system chooses.
    names = [name.partition("@")[0] for name in str(wanted).split(",")]
    known = {queue.name: queue for queue in seen.queues}
    yield from (_unknown(where, system, name, seen.queues) for name in names if name not in known)
    if len(names) == 1 and names[0] in known:
        yield from _check_queue(where, provider, system, known[names[0]])


def node_cores(provider: Any, system: BatchSystem, seen: SeenSystem) -> int | None:
    """Processors of the smallest nodes of the queue that blocks go to; None if that is not known."""
    wanted = getattr(provider, system.field, None)
    queues = [queue for queue in seen.queues or () if (queue.default if wanted is None else queue.name == wanted)]
    return min((kind.cores for queue in queues for kind in queue.kinds if kind.cores is not None), default=None)


def _unknown(where: str, system: BatchSystem, name: str, known: Sequence[Queue]) -> Finding:
    near = nearest(name, [queue.name for queue in known if queue.open])
    advice = f'Did you mean {system.field}="{near}"?' if near else f"Choose one of them as {system.field}=."
    said = f"{system.name} has these: {listed(queue.name for queue in known)}."
    return Finding("queue-unknown", where, f'{system.name} has no {system.word} "{name}".', advice, evidence=said)


def _check_queue(where: str, provider: Any, system: BatchSystem, queue: Queue) -> Iterator[Finding]:
    called = f'{system.word} "{queue.name}"'
    if not queue.open:
        what = f"The {called} takes no jobs now, so blocks would wait."
        yield Finding("queue-shut", where, what, f"Choose another {system.word}, or wait.", evidence=queue.state)
    walltime = _walltime(provider)
    if queue.longest is not None and walltime is not None and walltime > queue.longest:
        what = f"Blocks ask for {provider.walltime.strip()}, and the {called} allows {clock(queue.longest)} at most."
        fix = f'Set walltime="{clock(queue.longest)}" or less, or choose another {system.word}.'
        yield Finding("walltime-too-long", where, what, fix)
    most = min((each for each in (queue.nodes, queue.most_nodes) if each is not None), default=math.inf)
    if provider.nodes_per_block > most:
        what = f"Blocks ask for {provider.nodes_per_block} nodes, and the {called} gives {most} at most."
        yield Finding("too-many-nodes", where, what, f"Set nodes_per_block={most} or fewer, and more blocks if needed.")
    elif queue.usable is not None and queue.kinds and queue.usable < provider.nodes_per_block:
        what = f"Only {queue.usable} of {queue.nodes} nodes of the {called} are in use or free; the others are down."
        yield Finding(
            "nodes-down", where, what, "Wait until they are back, or choose other nodes.", severity=Severity.WARNING
        )
    yield from _check_nodes(where, provider, called, queue.kinds)


def _check_nodes(where: str, provider: Any, called: str, kinds: tuple[NodeKind, ...]) -> Iterator[Finding]:
    cores = [kind.cores for kind in kinds if kind.cores is not None]
    wanted = provider.cores_per_node
    if cores and wanted is not None and wanted > max(cores):
        what = f"Blocks ask for {wanted} processors on each node, and nodes of the {called} have {max(cores)} at most."
        yield Finding("too-many-cores", where, what, f"Set cores_per_node={max(cores)} or fewer.")
    memory = [kind.memory for kind in kinds if kind.memory is not None]
    if memory and provider.mem_per_node is not None and provider.mem_per_node * 1024 > max(memory):
        most = math.floor(max(memory) / 1024 * 10) / 10
        asked = f"Blocks ask for {provider.mem_per_node:g} GiB on each node"
        what = f"{asked}, and nodes of the {called} have {most:g} at most."
        yield Finding("too-much-memory", where, what, f"Set mem_per_node={most:g} or less.")
    yield from _check_features(where, provider, called, kinds)
    yield from _check_gpus(where, provider, called, kinds)


def _check_features(where: str, provider: Any, called: str, kinds: tuple[NodeKind, ...]) -> Iterator[Finding]:
    known = {feature for kind in kinds for feature in kind.features}
    constraint = getattr(provider, "constraint", None)
    # What joins several of them is the batch system's to understand.
    if not kinds or constraint is None or not _PLAIN_FEATURE.fullmatch(constraint) or constraint in known:
        return
    near = nearest(constraint, known)
    fix = f'Did you mean constraint="{near}"?' if near else "Leave constraint= out, or use one that a node has."
    what = f'No node of the {called} has the feature "{constraint}".'
    yield Finding("feature-unknown", where, what, fix, evidence=f"Its nodes have: {listed(sorted(known))}.")


def _check_gpus(where: str, provider: Any, called: str, kinds: tuple[NodeKind, ...]) -> Iterator[Finding]:
    wanted = [f"gpu:{provider.gpus_per_node}"] if getattr(provider, "gpus_per_node", None) is not None else []
    wanted += [] if getattr(provider, "gres", None) is None else str(provider.gres).split(",")
    for request in wanted if kinds else ():
        if any(_offers(kind.gres, request) for kind in kinds):
            continue
        known = sorted({gres for kind in kinds for gres in kind.gres})
        what = f'No node of the {called} has "{request}".'
        fix = (
            "Ask for what its nodes have, or choose another queue." if known else "Choose a queue whose nodes have it."
        )
        yield Finding("resource-unknown", where, what, fix, evidence=f"Its nodes have: {listed(known)}.")


def _offers(offered: tuple[str, ...], request: str) -> bool:
    """Whether a node with these resources has one that is asked for as ``name[:type][:count]``."""
    name, kind, count = _resource(request)
    found = [_resource(each) for each in offered]
    return any(own == name and (not kind or kind == its) and has >= count for own, its, has in found)


def _resource(text: str) -> tuple[str, str, int]:
    name, *rest = text.strip().split(":")
    count = int(rest.pop()) if rest and rest[-1].isdecimal() else 1
    return name, ":".join(rest), count


def check_charging(where: str, provider: Any, system: BatchSystem, seen: SeenSystem) -> Iterator[Finding]:
    """Accounts and qualities of service that the batch system does not know for this user."""
    account, known = getattr(provider, "account", None), seen.accounts
    if known and not (account is None or account in known or is_stand_in(account)):
        near = nearest(account, known)
        fix = f'Did you mean account="{near}"?' if near else "Use one of these, or ask for yours to be added."
        what = f'{system.name} does not know that you may charge the account "{account}".'
        yield Finding("account-unknown", where, what, fix, evidence=f"Yours are: {listed(sorted(known))}.")
    qos, known = getattr(provider, "qos", None), seen.qualities
    if known and not (qos is None or qos in known or is_stand_in(qos)):
        near = nearest(qos, known)
        fix = f'Did you mean qos="{near}"?' if near else "Use one of these, or leave qos= out."
        what = f'{system.name} has no quality of service "{qos}".'
        yield Finding("qos-unknown", where, what, fix, evidence=f"It has: {listed(sorted(known))}.")


def clock(seconds: int) -> str:
    """Seconds as walltimes are written."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}"


def _walltime(provider: Any) -> int | None:
    try:
        return walltime_seconds(provider.walltime)
    except (AttributeError, ValueError):  # of a user's own, which says it in another way
        return None
