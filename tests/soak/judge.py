"""What a soak must show, and whether it has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WARM_UP_S = 30.0
"""The driver's memory is not looked at before: modules are still being loaded and pools filled."""

GROWTH_MB = 12.0
GROWTH_MB_PER_MINUTE = 0.5
"""The driver may grow by so much, whatever the length of the soak, and by so much more for each of its minutes."""

CLEANUP_S = 30.0


@dataclass(slots=True)
class Evidence:
    """What was seen. Times in seconds, memory in bytes.

    Attributes:
        reports: The driver's accounts, in order; the last is the one after the last task.
        closed: Its words after the cleanup; None if it never came so far.
        memory: Pairs of time and resident memory.
        exit_code: The driver's; None if it had to be killed.
        left: Processes, files and shared memory that were still there at the end.
        stuck: Why the soak was broken off, if it was.
    """

    reports: list[Mapping[str, Any]] = field(default_factory=list)
    closed: Mapping[str, Any] | None = None
    memory: list[tuple[float, float]] = field(default_factory=list)
    exit_code: int | None = None
    left: list[str] = field(default_factory=list)
    stuck: str = ""


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How fast the second of each pair grows with the first: the line with the least squares."""
    count = len(points)
    if count < 2:
        return 0.0
    middle_x, middle_y = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def growth(memory: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """By how many bytes the driver has grown since the warm-up, by the slope, and in how many seconds."""
    steady = [point for point in memory if point[0] >= WARM_UP_S]
    seconds = steady[-1][0] - steady[0][0] if len(steady) > 1 else 0.0
    return slope(steady) * seconds, seconds


def violations(evidence: Evidence) -> list[str]:
    """Everything that is not as it must be, in words; nothing if all is well."""
    found = [evidence.stuck] if evidence.stuck else []
    last: Mapping[str, Any] = evidence.reports[-1] if evidence.reports else {}
    found += _of_tasks(last)
    found += _of_the_end(evidence)
    grown, seconds = growth(evidence.memory)
    allowed = (GROWTH_MB + GROWTH_MB_PER_MINUTE * seconds / 60) * 1e6
    if grown > allowed:
        found.append(f"the driver grew by {grown / 1e6:.1f} MB in {seconds:.0f} s, and may by {allowed / 1e6:.1f} MB")
    return found


def _of_tasks(last: Mapping[str, Any]) -> list[str]:
    if not last:
        return ["the driver never reported"]
    found = [f"wrong: {text}" for text in last["wrong"]]
    submitted, settled, right = last["submitted"], last["settled"], last["right"]
    if not submitted:
        found.append("no task was submitted")
    if settled != submitted:
        found.append(f"{submitted - settled} of {submitted} items are lost")
    if right != settled:
        found.append(f"{settled - right} items did not end as they must")
    if last["twice"]:
        found.append(f"{last['twice']} items counted twice")
    return found


def _of_the_end(evidence: Evidence) -> list[str]:
    found = list(evidence.left)
    if evidence.exit_code != 0:
        found.append(f"the driver ended with exit code {evidence.exit_code}")
    closed = evidence.closed
    if closed is None:
        return [*found, "the driver did not come to its end"]
    if closed["seconds"] > CLEANUP_S:
        found.append(f"the cleanup took {closed['seconds']} s")
    found += [f"descriptor {number} is open after the cleanup: {to}" for number, to in closed["left_open"].items()]
    found += [f"thread {name} runs after the cleanup" for name in closed["threads"]]
    last = evidence.reports[-1] if evidence.reports else {"tasks": 0, "hogs": 0}
    done, failed = closed["states"].get("exec_done", 0), closed["states"].get("failed", 0)
    if (done, failed) != (last["tasks"] - last["hogs"], last["hogs"]):
        found.append(
            f"of {last['tasks']} tasks, {last['hogs']} of them memory hogs, "
            f"the summary says {done} ended well and {failed} badly"
        )
    return found
