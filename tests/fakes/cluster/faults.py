"""Ways in which a batch system misbehaves, as data, and what becomes of a command then. Pure.

A cluster's faults are in the file ``faults.json`` in its folder, a list that the server reads before each command::

    [{"id": "1", "command": "sbatch", "kind": "fail", "times": 2, "code": 1, "stderr": "no\\n"}]
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tests.fakes.cluster.call import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.fakes.cluster.call import Call
    from tests.fakes.cluster.flavour import Flavour

KINDS = {
    "fail": "it does nothing, and ends with a code and words",
    "away": "it does nothing, and says what it says while the server is away",
    "hang": "it does nothing, and never ends; it ignores SIGTERM, and a child holds its output",
    "slow": "it does what it should, and prints it later",
    "lost": "it does what it should, and says that the answer was lost",
    "dies": "it does what it should, and dies before it has printed anything",
    "accepts and hangs": "it does what it should, and never ends",
    "empty": "it does what it should, and prints nothing",
    "half": "it does what it should, and prints the first half of it",
    "cut": "it does what it should, and the last characters of what it prints are missing",
    "html": "it does nothing, and prints a page of a web proxy",
    "binary": "it does nothing, and prints bytes that are no text",
    "binary after": "it does what it should, and prints bytes that are no text",
    "forget": "it knows nothing of some jobs, or of any",
}
GARBAGE = b'\x00\xff\xfe\x1b[2J<\xc3\x28>&\x80{"\n' * 20
PAGE = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>\n"
    "<body><center><h1>502 Bad Gateway</h1></center></body></html>\n"
)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        id: Its name, by which its uses are counted.
        command: Which command it befalls; ``*`` for all.
        kind: One of :data:`KINDS`.
        times: How often, None for ever.
        until: When it is over (seconds since the epoch), None for never.
        code: The exit code for ``fail``.
        stderr: The words for ``fail``.
        seconds: How late a slow answer is.
        jobs: Numbers of the jobs to forget, None for all.
        argument: It befalls only commands with this among their arguments; empty for all.
    """

    id: str
    command: str
    kind: str
    times: int | None = None
    until: float | None = None
    code: int = 1
    stderr: str = ""
    seconds: float = 0.0
    jobs: tuple[int, ...] | None = None
    argument: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        if fields["kind"] not in KINDS:
            raise ValueError(f"there is no fault {fields['kind']!r}")
        jobs = fields.get("jobs")
        return cls(**{**fields, "jobs": None if jobs is None else tuple(jobs)})


def befalls(
    faults: Sequence[Fault], uses: Mapping[str, int], name: str, words: Sequence[str], now: float
) -> Fault | None:
    """The first fault that befalls a command now."""
    for fault in faults:
        if fault.command not in ("*", name) or (fault.argument and fault.argument not in words):
            continue
        if (fault.times is None or uses.get(fault.id, 0) < fault.times) and (fault.until is None or now < fault.until):
            return fault
    return None


def answer(fault: Fault | None, call: Call, flavour: Flavour, run: Callable[[Call], Answer]) -> Answer:
    """What a command prints that a fault befalls; ``run`` does what it should."""
    if fault is None:
        return run(call)
    match fault.kind:
        case "fail":
            return Answer(stderr=fault.stderr, code=fault.code)
        case "away":
            return flavour.away(call.name)
        case "hang":
            return Answer(hangs=True)
        case "html":
            return Answer(PAGE)
        case "binary":
            return Answer(GARBAGE)
        case "forget":
            hidden = tuple(call.cluster.jobs) + tuple(call.cluster.archive) if fault.jobs is None else fault.jobs
            return run(dataclasses.replace(call, hidden=frozenset(hidden)))
    return _after(fault, run(call), call, flavour)


def _after(fault: Fault, true: Answer, call: Call, flavour: Flavour) -> Answer:
    changes: dict[str, dict[str, Any]] = {
        "slow": {"delay": fault.seconds},
        "dies": {"stdout": "", "stderr": "", "code": -9},
        "accepts and hangs": {"hangs": True},
        "empty": {"stdout": ""},
        "half": {"stdout": true.stdout[: len(true.stdout) // 2]},
        "cut": {"stdout": true.stdout[:-3]},
        "binary after": {"stdout": GARBAGE},
    }
    if fault.kind == "lost":
        return dataclasses.replace(flavour.lost_answer(call.name), job=true.job)
    return dataclasses.replace(true, **changes[fault.kind])
