"""Where files of profiles may be, and what the environment says; reads none of them and imports little.

Files that somebody else may have put there, in a folder like /tmp, are left alone.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

CONFIG_VARIABLE: Final = "PARSL_LIKE_CONFIG"
"""A configuration's name, or the path of a file of profiles."""

PROFILE_VARIABLE: Final = "PARSL_LIKE_PROFILE"
"""The name of the profile to take where a program names none."""

ENDINGS: Final = (".toml", ".yaml", ".yml")
PROJECT_FILES: Final = tuple(f"parsl_like{ending}" for ending in ENDINGS)
PYPROJECT: Final = "pyproject.toml"
USER_FILES: Final = tuple(f"config{ending}" for ending in ENDINGS)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in which there may be profiles.

    Attributes:
        path: Where it is.
        whose: "environment", "project" or "user": who says that it counts.
    """

    path: Path
    whose: str


def files_in_order(environment: Mapping[str, str] | None = None, directory: Path | None = None) -> list[FoundFile]:
    """The files of profiles that count here, the nearest first: the environment's, the project's, the user's.

    Args:
        environment: Variables; None for those of this process.
        directory: Where to begin to look for the project's file; None for the current directory.
    """
    variables = os.environ if environment is None else environment
    named = variables.get(CONFIG_VARIABLE, "")
    found = [FoundFile(Path(named), "environment")] if is_data_file(named) else []
    if (project := _project_file(_here() if directory is None else directory)) is not None:
        found.append(FoundFile(project, "project"))
    if (user := _user_file(variables)) is not None:
        found.append(FoundFile(user, "user"))
    return found


def searched_places(environment: Mapping[str, str] | None = None, directory: Path | None = None) -> str:
    """Where files of profiles are looked for, in words, for whoever expects one and has none."""
    variables = os.environ if environment is None else environment
    folder = _here() if directory is None else directory
    mine = f"{USER_FILES[0]} in {user_folder(variables)}"
    if folder is None:
        return f"{mine}, and the current directory has been removed"
    top = next((above for above in (folder, *folder.parents) if os.path.exists(above / ".git")), None)
    above = "" if top == folder else f" or above it{'' if top is None else f', up to {top}'}"
    theirs = f"{PROJECT_FILES[0]} (or {PROJECT_FILES[1]}, or [tool.parsl_like] in {PYPROJECT}) in {folder}{above}"
    return f"{theirs}, nor {mine}"


def is_data_file(name: str) -> bool:
    """Whether a name is that of a file of TOML or YAML, whether or not it is there."""
    return name.endswith(ENDINGS)


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # the current directory has been removed
        return None


def _project_file(directory: Path | None) -> Path | None:
    """The file of the nearest folder above that has one; not beyond the project's repository."""
    if directory is None:
        return None
    for folder in (directory, *directory.parents):
        for path in (*(folder / name for name in PROJECT_FILES), folder / PYPROJECT):
            if os.path.isfile(path) and (path.name != PYPROJECT or _tells(path)) and _is_trusted(path):
                return path
        if os.path.exists(folder / ".git"):
            return None
    return None


def _user_file(variables: Mapping[str, str]) -> Path | None:
    for path in (user_folder(variables) / name for name in USER_FILES):
        if os.path.isfile(path):
            return path
    return None


def user_folder(variables: Mapping[str, str]) -> Path:
    """The folder of the user's own file.

    Source: XDG Base Directory Specification 0.8; on Windows, the folder for settings of applications.
    """
    chosen = variables.get("XDG_CONFIG_HOME") or (variables.get("APPDATA") if os.name == "nt" else None)
    home = variables.get("HOME") or os.path.expanduser("~")
    return Path(chosen or Path(home, ".config")) / "parsl_like"


def _tells(pyproject: Path) -> bool:
    """Whether a project's settings have a table for this package."""
    try:
        return b"[tool.parsl_like" in pyproject.read_bytes()
    except OSError:
        return False


def _is_trusted(path: Path) -> bool:
    """Whether nobody but this user, root, or those he shares the folder with can have written a file."""
    if not hasattr(os, "getuid"):
        return True
    file, folder = path.stat(), path.parent.stat()
    foreign = file.st_uid not in (0, os.getuid())
    if not file.st_mode & stat.S_IWOTH and not (foreign and folder.st_mode & stat.S_IWOTH):
        return True
    logger.warning("%s is left alone: anybody may have written it.", path)
    return False
