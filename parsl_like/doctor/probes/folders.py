"""What can be done in a folder; one that is not there yet is judged by the nearest that is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from parsl_like.doctor.sightings import SeenFolder
from parsl_like.errors import ConfigurationError
from parsl_like.folders import check_folder

MOUNTS = Path("/proc/self/mountinfo")


def seen_folder(path: str) -> SeenFolder:
    """Look at a folder; a file is written there, and is gone again."""
    place = os.path.abspath(path)
    there = place
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    try:
        if there == place:
            check_folder(place)
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"parsl_like")
        free = shutil.disk_usage(there).free
    except ConfigurationError as error:
        return SeenFolder(place, str(error.args[0]), error.hint or "")
    except OSError as error:
        return SeenFolder(place, f"{there}: {error.strerror or error}")
    return SeenFolder(place, kind=_kind(os.path.realpath(there)), free=free)


def _kind(place: str) -> str:
    try:
        return file_system(MOUNTS.read_text(encoding="utf-8", errors="replace"), place)
    except OSError:  # no Linux
        return ""


def file_system(mounts: str, place: str) -> str:
    """The type of the file system that a place is on, from the text of ``/proc/self/mountinfo`` (proc(5)).

    Args:
        mounts: That text.
        place: An absolute path without links.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        front, _, back = line.partition(" - ")
        fields, types = front.split(), back.split()
        if len(fields) < 5 or not types:
            continue
        point = fields[4].replace("\\040", " ")
        within = point == "/" or f"{place}/".startswith(f"{point}/")
        if within and len(point) >= len(best):  # the last one counts where several are at one point
            best, kind = point, types[0]
    return kind
