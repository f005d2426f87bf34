"""Whether the folders of a run can be used, and whether nodes are likely to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.doctor.findings import Finding, Severity, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.doctor.sightings import SeenFolder

IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
LOCAL_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/scratch/local", "/local")  # noqa: S108 - nothing is put there
LITTLE = 50 << 20
"""Bytes below which a run's logs may fill the disk."""


def check_folder_use(where: str, what: str, seen: SeenFolder) -> Iterator[Finding]:
    """A folder that cannot be written to, or has next to no room.

    Args:
        where: The part of the configuration that names it.
        what: What it is for: "run_dir".
        seen: What was seen of it.
    """
    if seen.trouble is not None:
        fix = seen.advice or "Give it a folder of your own that you may write to."
        yield Finding(
            "folder-unusable", where, f"{what} is {seen.path}, which cannot be used.", sentence(fix), seen.trouble
        )
    elif seen.free is not None and seen.free < LITTLE:
        text = f"{what} is {seen.path}, where only {seen.free >> 20} MiB are free."
        yield Finding("disk-full", where, text, "Make room, or give it a folder on another disk.")


def check_sharing(where: str, what: str, seen: SeenFolder) -> Iterator[Finding]:
    """A folder that blocks on other machines have to see, and most likely do not.

    Args:
        where: The executor whose blocks they are.
        what: What it is for.
        seen: What was seen of it.
    """
    local = next((place for place in LOCAL_PLACES if f"{seen.path}/".startswith(f"{place}/")), None)
    if seen.kind in IN_MEMORY:
        why = f"it is in the memory of this machine ({seen.kind})"
    elif local is not None:
        why = f"{local} is each machine's own, as a rule"
    else:
        return
    text = f"{what} is {seen.path}, which nodes most likely do not see: {why}."
    fix = "Use a folder on a file system that all nodes share, your home as a rule. --submit tells for certain."
    yield Finding("folder-not-shared", where, text, fix, severity=Severity.WARNING)
