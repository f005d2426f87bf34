from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from parsl_like.cli import main

OLD = (
    "import parsl  # the engine\nfrom parsl.executors import HighThroughputExecutor\n"
    "HighThroughputExecutor(max_workers=4)\n"
)
NEW = (
    "import parsl_like  # the engine\nfrom parsl_like.executors import HighThroughputExecutor\n"
    "HighThroughputExecutor(max_workers_per_node=4)\n"
)
DONE = "import os\n"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("program.py")
    path.write_text(OLD)
    return path


def test_by_default_nothing_is_changed_and_all_is_told(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "program.py"]) == 1
    assert old.read_text() == OLD
    assert capsys.readouterr().out.splitlines() == [
        "program.py: 3 to rewrite, 0 to check",
        "program.py:3: HighThroughputExecutor(max_workers=) is now max_workers_per_node=",
        "1 of 1 files would change: --diff shows how, --write does it.",
    ]


def test_write_changes_the_file_and_a_second_time_nothing(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old.chmod(0o751)
    assert main(["migrate", "--write", "program.py"]) == 0
    assert old.read_text() == NEW
    assert old.stat().st_mode & 0o777 == 0o751
    assert [path.name for path in Path().iterdir()] == ["program.py"]
    assert capsys.readouterr().out.startswith("program.py: 3 rewritten, 0 to check\n")
    before = old.stat()
    assert main(["migrate", "--write", "program.py"]) == 0
    assert old.stat() == before
    assert capsys.readouterr().out == "program.py: 0 to rewrite, 0 to check\n"


def test_what_remains_to_be_checked_is_told_with_its_line(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old.write_text("x = 1\nfrom parsl import NoSuchName\n")
    assert main(["migrate", "--write", "program.py"]) == 0
    assert "program.py:2: check: parsl_like has no 'NoSuchName'.\n" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch command")
@pytest.mark.parametrize("text", [OLD, OLD.rstrip(), "x = '\x0c\u2028'\n" + OLD])
def test_a_diff_is_one_that_patch_takes(old: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    old.write_text(text, encoding="utf-8")
    assert main(["migrate", "--diff", "program.py"]) == 1
    said = capsys.readouterr()
    assert old.read_text(encoding="utf-8") == text
    assert "program.py: 3 to rewrite" in said.err
    subprocess.run(["patch", "--silent", "--strip=0"], input=said.out.encode(), check=True, timeout=60)
    assert main(["migrate", "program.py"]) == 0
    assert "max_workers_per_node" in old.read_text(encoding="utf-8")


def test_a_diff_of_what_is_written(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--diff", "--write", "program.py"]) == 0
    said = capsys.readouterr()
    assert "+import parsl_like  # the engine\n" in said.out
    assert said.err.startswith("program.py: 3 rewritten")
    assert old.read_text() == NEW


def test_json(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.py").write_text("import parsl\nx = (\n")
    old.write_text(OLD + "import parsl.nothing\n")
    assert main(["migrate", "--json", "program.py", "broken.py"]) == 2
    said = capsys.readouterr()
    first, second = json.loads(said.out)
    assert first == {
        "path": "program.py",
        "error": None,
        "changes": 4,
        "written": False,
        "arguments": [{"line": 3, "text": "HighThroughputExecutor(max_workers=) is now max_workers_per_node="}],
        "check": [{"line": 4, "text": "parsl_like has no 'nothing'."}],
    }
    assert second["error"].startswith("broken.py:2: left alone: it is no Python of version 3: ")
    assert second["error"] in said.err


def test_one_that_does_not_parse_is_left_alone_and_the_others_are_done(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Path("broken.py")
    broken.write_text("import parsl\nprint 'x'\n")
    Path("done.py").write_text(DONE)
    assert main(["migrate", "--write", "broken.py", "program.py", "done.py"]) == 2
    assert broken.read_text() == "import parsl\nprint 'x'\n"
    assert old.read_text() == NEW
    said = capsys.readouterr()
    assert said.err.startswith("broken.py:2: left alone: it is no Python of version 3: ")
    assert said.out == "program.py: 3 rewritten, 0 to check\n" + said.out.partition("check\n")[2]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.py", None, "it cannot be read: No such file"),
        ("notebook.ipynb", b"{}", "it is a notebook; `jupyter nbconvert --to script` makes a program of it"),
        ("latin.py", b"x = '\xe9'\nimport parsl", "its encoding is not what it says"),
        ("what.py", b"# coding: no-such-encoding\n", "its encoding is not what it says"),
    ],
)
def test_what_is_no_program(
    old: Path, name: str, content: bytes | None, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert main(["migrate", "--write", name]) == 2
    assert f"{name}: left alone: {reason}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "header"), [("latin-1", "# coding: latin-1\n"), ("utf-8-sig", ""), ("utf-8", ""), ("utf-8", "\r\n")]
)
def test_encodings_and_line_ends_stay(old: Path, encoding: str, header: str) -> None:
    text = header + "import parsl  # é\r\nparsl.load()\n"
    old.write_bytes(text.encode(encoding))
    assert main(["migrate", "--write", "program.py"]) == 0
    assert old.read_bytes() == text.replace("parsl", "parsl_like").encode(encoding)


@pytest.mark.skipif(os.name != "posix", reason="links of posix")
def test_a_link_stays_a_link(old: Path) -> None:
    Path("link.py").symlink_to("program.py")
    assert main(["migrate", "--write", "link.py"]) == 0
    assert Path("link.py").is_symlink()
    assert old.read_text() == NEW


def test_what_cannot_be_written_is_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["migrate", "--write", "program.py"]) == 2
    assert old.read_text() == OLD
    assert [path.name for path in Path().iterdir()] == ["program.py"]
    assert "program.py: left alone: it cannot be written: No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--diff", "--json", "program.py"], ["--no-such-option", "program.py"]])
def test_wrong_use(old: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", *arguments]) == 2
    assert "Usage: parsl-like migrate" in capsys.readouterr().err


def test_a_program_is_not_run(old: Path) -> None:
    old.write_text("import parsl\nraise SystemExit(7)\n")
    assert main(["migrate", "program.py"]) == 1


# --- what the guide shows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "command-line.md"


def test_the_example_of_the_guide(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## migrate")[2].partition("\n## ")[0]
    program, shown = (section.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("python", "text"))
    Path("site.py").write_text(program)
    command, _, output = shown.partition("\n")
    assert main(command.removeprefix("$ parsl-like ").split()) == 1
    assert capsys.readouterr().out == output
