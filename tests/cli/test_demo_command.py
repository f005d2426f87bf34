from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from parsl_like.cli import demo, main

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import sys
print("arguments", sys.argv[1:], __name__)
if "--fail" in sys.argv:
    sys.exit(3)
if "--say" in sys.argv:
    sys.exit("said")
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "source_census.py"
    path.write_text(PROGRAM)
    monkeypatch.setattr(demo, "INSTALLED", tmp_path / "not there")
    monkeypatch.setattr(demo, "IN_CHECKOUT", path)


@pytest.mark.usefixtures("checkout")
def test_in_a_checkout_it_runs_as_a_program_with_all_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(sys.argv)
    assert main(["demo", "folder", "--executor", "threads", "-x", "--help"]) == 0
    assert capsys.readouterr().out == "arguments ['folder', '--executor', 'threads', '-x', '--help'] __main__\n"
    assert sys.argv == before


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(("arguments", "status"), [(["--fail"], 3), (["--say"], 1), ([], 0)])
def test_its_status_is_the_status(arguments: list[str], status: int) -> None:
    assert main(["demo", *arguments]) == status


@pytest.mark.parametrize(("returned", "status"), [(0, 0), (1, 1), (None, 0)])
def test_installed_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returned: int | None, status: int
) -> None:
    given: list[list[str]] = []

    def run(argv: list[str]) -> int | None:
        given.append(argv)
        return returned

    module = ModuleType("parsl_like.examples.source_census")
    module.main = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parsl_like.examples", ModuleType("parsl_like.examples"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "source_census.py").touch()
    monkeypatch.setattr(demo, "INSTALLED", tmp_path / "source_census.py")
    assert main(["demo", "--top", "3"]) == status
    assert given == [["--top", "3"]]


def test_without_it_both_places_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "INSTALLED", tmp_path / "one.py")
    monkeypatch.setattr(demo, "IN_CHECKOUT", tmp_path / "two.py")
    assert main(["demo"]) == 2
    said = capsys.readouterr().err
    assert "one.py" in said
    assert "two.py" in said


def test_this_checkout_has_it() -> None:
    assert demo.IN_CHECKOUT.is_file()
