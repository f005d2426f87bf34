"""Every import path of both versions leads to something, and the old ones to the same as the new."""

from __future__ import annotations

import builtins
import importlib
import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.config import Config
from parsl_like.dataflow.dflow import DataFlowKernel
from tests.api import surface
from tests.api.surface import DATA, ENTRIES, ERRORS, PACKAGE, complaints, listed, resolve, value_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("section", surface.SECTIONS)
def test_every_path_leads_to_a_class_or_a_function(section: str) -> None:
    def leads(path: str) -> None:
        found = resolve(path)
        assert callable(found)
        assert found.__name__ == path.rpartition(".")[2]

    assert complaints(leads, [(entry.path,) for entry in surface.section(section)]) == {}


@pytest.mark.parametrize("package", DATA["package"], ids=lambda package: package["module"] or PACKAGE)
def test_every_name_of_a_package_is_there(package: dict[str, Any]) -> None:
    names = dict.fromkeys([*package["newest"], *package["legacy"], *package["unlisted"]])
    assert complaints(resolve, [(f"{package['module']}.{name}".lstrip("."),) for name in names]) == {}


@pytest.mark.parametrize("package", DATA["package"], ids=lambda package: package["module"] or PACKAGE)
def test_a_star_import_brings_every_listed_name(package: dict[str, Any]) -> None:
    module = importlib.import_module(f"{PACKAGE}.{package['module']}".rstrip("."))
    names: dict[str, Any] = {}
    exec(f"from {module.__name__} import *", names)
    assert {*package["newest"], *package["legacy"]} <= names.keys()


def test_modules_of_their_own_have_their_names() -> None:
    names = [(f"{module['path']}.{name}",) for module in DATA["module"] for name in module["names"]]
    assert len(names) > 30
    assert complaints(resolve, names) == {}


MOVES = [(move["old"], move["new"], name) for move in DATA["move"] for name in move["names"]]


@pytest.mark.parametrize(("old", "new", "name"), MOVES)
def test_what_has_moved_is_one_object(old: str, new: str, name: str) -> None:
    there, here = resolve(f"{old}.{name}"), resolve(f"{new}.{name}")
    assert there is here or (name == "Strategy" and issubclass(there, here))  # 1.2 makes it of a kernel


SAME_CLASS = [
    (first.path, second.path)
    for first in ENTRIES
    for second in ENTRIES
    if first.path < second.path
    and "Strategy" not in first.path
    and first.path.rpartition(".")[2] == second.path.rpartition(".")[2]
]


@pytest.mark.parametrize(("first", "second"), SAME_CLASS)
def test_what_two_versions_have_at_two_paths_is_one_class(first: str, second: str) -> None:
    assert resolve(first) is resolve(second)


# --- enumerations and constants


@pytest.mark.parametrize("said", DATA["enumeration"], ids=lambda said: said["path"])
def test_members_have_the_numbers_of_both_versions(said: dict[str, Any]) -> None:
    found = resolve(said["path"])
    assert issubclass(found, Enum)
    numbers = {member.name: member.value for member in found}
    for version in surface.VERSIONS:
        assert said.get(version, {}).items() <= numbers.items()


def test_states_print_as_parsls_do() -> None:
    assert str(resolve("jobs.states.JobState").PENDING) == "JobState.PENDING"
    assert str(resolve("dataflow.states.States").exec_done) == "States.exec_done"


@pytest.mark.parametrize("said", DATA["constant"], ids=lambda said: said["path"])
def test_constants_have_parsls_values(said: dict[str, Any]) -> None:
    found = resolve(said["path"])
    if "value" in said:
        assert found == value_of(said["value"])
    elif "kind" in said:
        assert isinstance(found, resolve(surface.HOMES[said["kind"]]))
    else:
        wanted = [value_of(member) for member in said["members"]]
        assert len(found) == len(wanted)
        assert all(member in found for member in wanted)


@pytest.mark.parametrize(("path", "keys"), DATA["words"]["resources"].items())
def test_executors_know_the_keys_of_their_resource_specifications(path: str, keys: list[str]) -> None:
    assert resolve(path).resource_keys >= set(keys)


# --- errors


@pytest.mark.parametrize("version", surface.VERSIONS)
def test_an_error_is_caught_as_what_it_is_in_either_version(version: surface.Version) -> None:
    def is_caught(path: str, base: str) -> None:
        wanted = resolve(base) if "." in base else getattr(builtins, base)
        row = listed(path, "(base)")
        assert issubclass(resolve(path), wanted) or (row is not None and row.parsl == wanted.__name__)

    bases = [
        (entry.path, base) for entry, said in surface.each(ERRORS) for base in entry.bases[said] if said == version
    ]
    assert len(bases) > 30
    assert complaints(is_caught, bases) == {}


def test_only_classes_are_errors() -> None:
    assert {entry.path for entry in ERRORS if not inspect.isclass(resolve(entry.path))} == set()


# --- what programs read


def test_a_task_record_has_parsls_keys(tmp_path: Path) -> None:
    with DataFlowKernel(Config(run_dir=tmp_path, garbage_collect=False)) as dfk:
        future = dfk.submit(pow, (2, 5))
        record = future.task_record
        assert set(DATA["words"]["task_record"]) <= set(record)
        assert future.result(timeout=30) == 32


def test_constants_of_the_root_are_known_at_the_paths_of_their_parts() -> None:
    for name in ("Config", "DataFlowKernel", "File", "MonitoringHub", "bash_app", "join_app", "python_app"):
        (entry,) = [entry for entry in ENTRIES if entry.path.rpartition(".")[2] == name]
        assert resolve(name) is resolve(entry.path)
