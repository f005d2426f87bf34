"""What can be told from the descriptions alone, and is no error to a program: it would start, and get nowhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from parsl_like.doctor.findings import Finding, Severity, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from parsl_like.core.missing import MissingValue

WHOSE = ("account", "project", "partition", "queue", "qos", "constraint")
"""Fields of providers whose values are each user's own, or each site's."""

_STAND_IN = re.compile(
    r"<.*>|\W*(?:your|change(?:_?me)?|replace(?:_?me)?|todo|fixme|xxx)(?:[\W_].*)?|.*_?placeholder_?.*", re.I
)


def check_strategy(strategy: str | None, known: Collection[str]) -> Iterator[Finding]:
    """A strategy that nobody brings.

    Args:
        strategy: ``Config(strategy=)``.
        known: Those that there are.
    """
    name = strategy or "none"
    if name not in known:
        near = nearest(name, known)
        fix = f'Did you mean strategy="{near}"?' if near else f"Use one of {listed(sorted(known))}."
        yield Finding("strategy-unknown", "Config", f'There is no strategy "{name}".', fix)


def check_blocks(where: str, provider: Any, strategy: str | None) -> Iterator[Finding]:
    """Executors that would wait for ever because no block is ever asked for, or whose blocks are mostly idle."""
    limits = provider.limits()
    if limits.maximum == 0:
        yield Finding(
            "no-blocks", where, "It may have no block at all, so its tasks would never run.", "Set max_blocks=1."
        )
    elif limits.init == 0 and (strategy or "none") == "none":
        what = 'No block is ever asked for: it begins with none (init_blocks=0), and strategy is "none".'
        yield Finding("no-blocks", where, what, 'Set init_blocks=1, or Config(strategy="simple").')
    nodes = provider.nodes_per_block
    if nodes > 1 and type(provider.launcher).__name__ == "SingleNodeLauncher":
        what = f"Blocks have {nodes} nodes, but SingleNodeLauncher uses only the first one; the others stay idle."
        fix = (
            'Give launcher=SrunLauncher(), in a profile launcher = { type = "SrunLauncher" }, on Slurm; elsewhere '
            "MpiExecLauncher; or SimpleLauncher if your tasks start processes on all nodes themselves."
        )
        yield Finding("launcher-one-node", where, what, fix, severity=Severity.WARNING)


def check_node_size(where: str, executor: Any, strategy: str | None, cores: int | None) -> Iterator[Finding]:
    """Several blocks by need, whose worth nothing tells before one has connected.

    Args:
        where: The executor.
        executor: Its description.
        strategy: ``Config(strategy=)``.
        cores: Processors of a node of the queue, None if not known.
    """
    provider = executor.provider
    limits = provider.limits()
    if (strategy or "none") == "none" or limits.maximum <= max(1, limits.minimum, limits.init):
        return
    memory_says = getattr(provider, "mem_per_node", None) and executor.mem_per_worker
    if executor.worker_limit is not None or getattr(provider, "cores_per_node", None) or memory_says:
        return
    what = (
        f"There may be {limits.maximum} blocks, and nothing says how many workers a node has: until a block has "
        "connected, a node counts as one worker, so more blocks are asked for than the tasks need."
    )
    workers = "N" if cores is None else str(max(1, int(cores / executor.cores_per_worker)))
    fix = f"Give the executor max_workers_per_node={workers}, or the provider cores_per_node={cores or 'N'}."
    yield Finding("node-size-unknown", where, what, fix, severity=Severity.WARNING)


def check_missing(missing: Iterable[MissingValue]) -> Iterator[Finding]:
    """Values that are each user's own and that nobody has said, in a configuration made for everybody."""
    for value in missing:
        what = f"Your own {value.name} has not been said; it belongs to {value.where}."
        fix = f"Set the variable {value.variable}, or say {value.name} in your profile or to fresh_config()."
        yield Finding("value-missing", "Config", what, fix)


def is_stand_in(value: object) -> bool:
    """Whether a value only stands for what each user has to put in: ``<account>``, ``YOUR_QUEUE``."""
    return isinstance(value, str) and _STAND_IN.fullmatch(value.strip()) is not None


def check_stand_ins(where: str, provider: Any, missing: Iterable[MissingValue]) -> Iterator[Finding]:
    """Values that only stand for one of the user's own, but for those that are told of as missing."""
    told = {value.where.rpartition(".")[2] for value in missing}
    for name in WHOSE:
        value = getattr(provider, name, None)
        if is_stand_in(value) and name not in told:
            what = f'{type(provider).__name__}.{name} is "{value}", which only stands for a value of your own.'
            fix = f"Put in the {name} that your site has given you; its documents or its help desk tell which."
            yield Finding("value-missing", where, what, fix)


def check_options(where: str, options: str, prefix: str) -> Iterator[Finding]:
    """Lines of ``scheduler_options`` that the batch system would not read.

    Args:
        where: The executor.
        options: The lines.
        prefix: What a line begins with that it reads: ``#SBATCH``.
    """
    for line in filter(None, map(str.strip, options.splitlines())):
        if line.startswith(prefix) or line == "#" or line.startswith(("##", "# ", "#!")):
            continue  # one that it reads, or a remark
        if line.startswith("#"):
            what = f'The batch system reads only lines that begin with {prefix}; it passes over "{line}".'
        else:
            what = f'"{line}" in scheduler_options is a command, and every option after it is passed over.'
        fix = f'Write scheduler_options="{prefix} ..."; commands belong into worker_init.'
        yield Finding("options-unread", where, what, fix)
