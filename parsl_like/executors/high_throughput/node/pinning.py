"""Which processors and which accelerator belong to which worker of a node."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.options import processor_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Pin:
    """What one worker gets.

    Attributes:
        processors: Numbers of the processors it may run on; empty for all.
        environment: Variables that tell its libraries about them and about its accelerator.
    """

    processors: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def pins(workers: int, processors: Sequence[int], affinity: str, accelerators: Sequence[str]) -> list[Pin]:
    """One pin for each worker.

    Args:
        workers: How many workers the node has.
        processors: Numbers of the processors that may be used.
        affinity: ``none``, ``block`` (neighbours together), ``block-reverse`` (the same from the last processor),
            ``alternating`` (dealt out like cards) or ``list:0-3:4-7``.
        accelerators: One for each worker, in order; dealt out again from the first if there are too few.

    Raises:
        ValueError: if the affinity is none of these, or names a processor that may not be used.
    """
    groups = _groups(workers, processors, affinity)
    return [
        Pin(
            group,
            _of_processors(group) | _of_accelerator(accelerators[number % len(accelerators)] if accelerators else ""),
        )
        for number, group in enumerate(groups)
    ]


def apply(pid: int, pin: Pin) -> None:
    """Let a process run on its processors only; threads it starts from now on do the same.

    Raises:
        OSError: if the system refuses.
    """
    if pin.processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, pin.processors)


def usable_processors() -> list[int]:
    """Numbers of the processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _groups(workers: int, processors: Sequence[int], affinity: str) -> list[tuple[int, ...]]:
    total = len(processors)
    size = max(1, total // workers)
    if affinity == "none":
        return [()] * workers
    if affinity == "block":
        return [_block(processors, number * size, size) for number in range(workers)]
    if affinity == "block-reverse":
        backwards = list(reversed(processors))
        return [tuple(sorted(_block(backwards, number * size, size))) for number in range(workers)]
    if affinity == "alternating":
        return [tuple(processors[number % total :: workers]) for number in range(workers)]
    listed = processor_groups(affinity)
    if unusable := {number for group in listed for number in group} - set(processors):
        raise ValueError(f"{affinity!r} names processors {sorted(unusable)}; this node has {list(processors)}")
    return [listed[number % len(listed)] for number in range(workers)]


def _block(processors: Sequence[int], start: int, size: int) -> tuple[int, ...]:
    start %= len(processors)
    return tuple(processors[start : start + size])


def _of_processors(group: Sequence[int]) -> dict[str, str]:
    # The variables of OpenMP, of GCC's libgomp and of Intel's runtime, as their manuals spell them.
    if not group:
        return {}
    return {
        "OMP_NUM_THREADS": str(len(group)),
        "GOMP_CPU_AFFINITY": " ".join(map(str, group)),
        "KMP_AFFINITY": f"explicit,proclist=[{','.join(map(str, group))}]",
    }


def _of_accelerator(name: str) -> dict[str, str]:
    return dict.fromkeys(("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"), name) if name else {}
