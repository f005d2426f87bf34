"""A module fits in a reader's head: none has more than 500 lines, and those on the way there are printed."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT, WATCHED = 500, 300


def test_no_module_is_too_long() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "parsl_like").rglob("*.py")
    }
    for name, lines in sorted(sizes.items(), key=lambda item: -item[1]):
        if lines > WATCHED:
            print(f"{lines:5d} {name}")  # noqa: T201 - shown by pytest -rP
    assert {name: lines for name, lines in sizes.items() if lines > LIMIT} == {}


def test_every_folder_with_modules_is_a_package() -> None:
    """A folder without ``__init__.py`` would be left out of the wheel."""
    folders = {path.parent for path in (ROOT / "parsl_like").rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
