from __future__ import annotations

import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from parsl_like.plugins.entry_points import declared

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "parsl_like_test_group"


def install(place: Path, distribution: str, points: str, group: str = GROUP) -> None:
    folder = place / f"{distribution}-1.5.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (folder / "entry_points.txt").write_text(f"[{group}]\n{points}\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "importlib.metadata", raising=False)
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)


@pytest.mark.usefixtures("no_reader")
def test_without_any_the_standard_reader_is_not_loaded(place: Path) -> None:
    install(place, "other", f"{GROUP} = {GROUP}", group="console_scripts")
    assert declared(GROUP) == ()


def test_a_declared_one_is_found_with_its_distribution(place: Path) -> None:
    (place / "some_plugin.py").write_text("here = 7\n")
    install(place, "dist_b", "second = some_plugin:here")
    install(place, "dist_a", "first = some_plugin")
    first, second = declared(GROUP)
    assert (first.name, first.value, first.distribution) == ("first", "some_plugin", "dist_a 1.5")
    assert (second.name, second.distribution) == ("second", "dist_b 1.5")
    assert first.load().here == second.load() == 7


def test_one_that_was_installed_meanwhile_is_found(place: Path) -> None:
    assert declared(GROUP) == ()
    install(place, "late", "late = some_plugin")
    assert [point.name for point in declared(GROUP)] == ["late"]


def test_one_in_an_archive_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "unpacked", "packed", "packed = some_plugin")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in (tmp_path / "unpacked").rglob("*"):
            archive.write(path, path.relative_to(tmp_path / "unpacked"))
    monkeypatch.syspath_prepend(tmp_path / "archive.zip")
    assert [point.name for point in declared(GROUP)] == ["packed"]


def test_a_metadata_file_that_is_no_folder_is_left_to_the_standard_reader(place: Path) -> None:
    (place / "old.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n")
    assert declared(GROUP) == ()
    assert "importlib.metadata" in sys.modules


def test_one_that_only_a_finder_knows_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import DistributionFinder, PathDistribution

    install(tmp_path, "hidden", "hidden = some_plugin")

    class Finder(DistributionFinder):
        def find_spec(self, *arguments: object) -> None:
            return None

        def find_distributions(self, context: object = None) -> list[PathDistribution]:  # type: ignore[override]
            return [PathDistribution(tmp_path / "hidden-1.5.dist-info")]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert [point.name for point in declared(GROUP)] == ["hidden"]


@pytest.mark.usefixtures("no_reader")
def test_folders_of_the_path_that_do_not_exist_or_cannot_be_read_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "nowhere")
    monkeypatch.syspath_prepend("")
    assert declared(GROUP) == ()
