"""The files speak of the project, not of the machine they were written on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# Put together from pieces, so that this file does not match itself.
PLACES = "|".join(["wor" + "k", "roo" + "t", "hom" + "e/(?!user/|you/)[\\w.-]+", "User" + "s/(?!user/|you/)[\\w.-]+"])
MACHINE_PATH = re.compile(rf"(?<![\w.~$}}/)-])/(?:{PLACES})/|\b[A-Z]:\\{'User' + 's'}\\")
PACKAGE_INDEX = re.compile("|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "anaconda" + r"\.org"]))


def sources() -> list[Path]:
    """Every file that is, or is about to be, under version control."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=False, text=True)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def matches(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in sources():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    return found


def test_no_path_of_a_developers_machine() -> None:
    assert matches(MACHINE_PATH) == []


def test_no_package_index_is_named() -> None:
    """Which index packages come from is for the site to say."""
    assert matches(PACKAGE_INDEX) == []


@pytest.mark.parametrize(
    "line", ["cd /hom" + "e/ann/x", "'/roo" + "t/.venv'", "=/wor" + "k/main", "C:\\User" + "s\\ann"]
)
def test_such_a_path_is_seen(line: str) -> None:
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["/hom" + "e/user/data", "a/wor" + "k/b", "$HOME/wor" + "k/x", "~/roo" + "t/"])
def test_other_paths_are_not(line: str) -> None:
    assert not MACHINE_PATH.search(line)
