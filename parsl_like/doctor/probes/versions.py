"""The versions of this process, to compare with those on nodes."""

from __future__ import annotations

import platform

from parsl_like.doctor.sightings import NEEDED, Here
from parsl_like.executors.high_throughput.node.facts import TOLD_PACKAGES
from parsl_like.version import VERSION


def this_side() -> Here:
    """What runs here."""
    from importlib import metadata

    packages: dict[str, str | None] = {}
    for name in dict.fromkeys((*NEEDED, *TOLD_PACKAGES)):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    return Here(platform.python_version(), VERSION, packages)
