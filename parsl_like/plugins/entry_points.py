"""What installed distributions declare in an entry-point group.

The standard library's reader costs tens of milliseconds, most of it for being imported; nearly always no distribution
declares anything. So the metadata files are looked through for the group's name first, and the reader is asked only
when one has it, or when there is a part of ``sys.path`` that cannot be looked through this way.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA_FOLDERS = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class Declared:
    """One entry point.

    Attributes:
        name: Its name.
        value: The module, or module:attribute, it leads to.
        distribution: Name and version of the distribution it is from.
        load: Imports it; raises whatever the import raises.
    """

    name: str
    value: str
    distribution: str
    load: Callable[[], Any]


def declared(group: str) -> tuple[Declared, ...]:
    """The entry points of a group, sorted by name; the answer is kept for as long as no folder of the path changes."""
    return _declared(group, tuple((path, _changed(path)) for path in sys.path), len(_foreign_finders()))


@lru_cache(maxsize=4)
def _declared(group: str, folders: tuple[tuple[str, int], ...], foreign_finders: int) -> tuple[Declared, ...]:
    if not foreign_finders and not any(_may_declare(path, group) for path, _ in folders):
        return ()
    from importlib.metadata import entry_points

    found = [
        Declared(point.name, point.value, f"{point.dist.name} {point.dist.version}" if point.dist else "?", point.load)
        for point in entry_points(group=group)
    ]
    return tuple(sorted(found, key=lambda point: (point.name, point.distribution)))


def _changed(path: str) -> int:
    try:
        return os.stat(path or os.curdir).st_mtime_ns
    except OSError:
        return 0


def _may_declare(path: str, group: str) -> bool:
    """Whether a distribution in a folder of ``sys.path`` names the group; an archive may always do so."""
    try:
        with os.scandir(path or os.curdir) as entries:
            folders = [entry.path for entry in entries if entry.name.endswith(METADATA_FOLDERS)]
    except NotADirectoryError:
        return True
    except OSError:
        return False
    return any(_names_group(os.path.join(folder, "entry_points.txt"), group) for folder in folders)


def _names_group(path: str, group: str) -> bool:
    try:
        with open(path, "rb") as file:
            return f"[{group}]".encode() in file.read()
    except NotADirectoryError:
        return True  # a bare .egg-info file says nothing of entry points, but is the reader's to judge
    except OSError:
        return False


def _foreign_finders() -> list[object]:
    """Finders beside the standard one that may know distributions."""
    return [f for f in sys.meta_path if hasattr(f, "find_distributions") and getattr(f, "__name__", "") != "PathFinder"]
