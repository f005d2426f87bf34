"""Where a command's output goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parsl_like.errors import BadStdStreamFile
from parsl_like.remote.streams import get_std_fname_mode, open_std_fd


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("a.txt", ("a.txt", "a+")),
        (Path("d/a"), ("d/a", "a+")),
        (("a", "w"), ("a", "w")),
        ((Path("a"), "wb"), ("a", "wb")),
    ],
)
def test_path_and_mode(spec: Any, expected: tuple[str, str]) -> None:
    assert get_std_fname_mode("stdout", spec) == expected


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (3, "stderr has the type int"),
        (-1, "int"),
        (("a",), "tuple of 1 items"),
        (("a", "w", "x"), "tuple of 3 items"),
        ((3, "w"), "int"),
        (("a", 3), "mode of type int"),
        (b"a", "path of type bytes"),
        (["a", "w"], "list"),
    ],
)
def test_wrong_descriptions(spec: Any, reason: str) -> None:
    with pytest.raises(BadStdStreamFile, match=reason):
        get_std_fname_mode("stderr", spec)


def test_nothing_asked_for() -> None:
    assert open_std_fd("stdout", None) is None


def test_directories_are_made_and_files_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "out.txt"
    for text in ("one\n", "two é\n"):
        file = open_std_fd("stdout", path)
        assert file is not None
        with file:
            file.write(text)
    assert path.read_text(encoding="utf-8") == "one\ntwo é\n"
    file = open_std_fd("stdout", (path, "wb"))
    assert file is not None
    with file:
        file.write(b"\xff")
    assert path.read_bytes() == b"\xff"


def test_a_bare_name_is_in_the_working_directory() -> None:
    file = open_std_fd("stdout", "here.txt")
    assert file is not None
    file.close()
    assert Path("here.txt").is_file()


@pytest.mark.parametrize("mode", ["r", "q", "x"])
def test_files_that_cannot_be_written_to(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "out.txt"
    path.write_text("")
    with pytest.raises(BadStdStreamFile, match=r"stdout .*out\.txt"):
        open_std_fd("stdout", (path, mode))
    with pytest.raises(BadStdStreamFile, match="cannot be opened"):
        open_std_fd("stdout", tmp_path)
