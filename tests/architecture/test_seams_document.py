"""The table of seams names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:tests/)?[\w/]*?(?:test_\w+\.py)?(?:::test_\w+)?)`")


def named_tests() -> list[tuple[Path, str]]:
    """Pairs of file and test name ("" for a whole file or folder), in the order of the table."""
    found = []
    for line in (ROOT / "docs" / "internals" / "seams.md").read_text(encoding="utf-8").splitlines():
        if not re.match(r"\| \d+ \|", line):
            continue
        path = ROOT
        for name in NAMED.findall(line.split("|")[-2]):
            file, _, test = name.partition("::")
            if file:
                path = ROOT / file if file.startswith("tests/") else path.parent / file
            found.append((path, test))
    return found


def test_every_seam_has_a_test_that_exists() -> None:
    named = named_tests()
    assert len(named) > 24
    missing = [str(path.relative_to(ROOT)) for path, _ in named if not path.exists()]
    missing += [test for path, test in named if test and path.is_file() and f"def {test}(" not in path.read_text()]
    assert not missing
