"""Whether the script of an executor's block can be read, by bash and by the batch system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.doctor.findings import Finding, Severity, sentence
from parsl_like.jobs.causes import cause_of_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from parsl_like.doctor.sightings import SeenScript


def check_script(where: str, name: str, seen: SeenScript) -> Iterator[Finding]:
    """A script with a slip in the user's own text, or one that the batch system would refuse.

    Args:
        where: The executor.
        name: What the batch system is called.
        seen: What was said of the script.
    """
    if seen.malformed is not None:
        what = "bash cannot read the script of its blocks: a quote or a keyword in worker_init is not closed."
        fix = "Correct worker_init, or the launcher's text; parsl-like blocks render shows the whole script."
        yield Finding("script-malformed", where, what, fix, evidence=seen.malformed)
    if seen.refused is not None:
        cause = cause_of_refusal(seen.refused) or "correct the provider's options"
        what = f"{name} would refuse its blocks."
        yield Finding("block-refused", where, what, sentence(cause), evidence=seen.refused)


def check_sources(where: str, absent: Iterable[str]) -> Iterator[Finding]:
    """Files that ``worker_init`` reads and that are not here: a slip, unless only nodes have them.

    Args:
        where: The executor.
        absent: Those that are not on this machine.
    """
    for path in absent:
        what = f"worker_init reads {path}, which is not on this machine."
        fix = "Correct the path in worker_init, unless only nodes have it; --submit tells for certain."
        yield Finding("worker-init", where, what, fix, severity=Severity.WARNING)
