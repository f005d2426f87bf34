"""The tables of fields in the guide are those of the classes."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.launchers import WrappedLauncher
from parsl_like.providers import LocalProvider

DOCS = Path(__file__).resolve().parents[2] / "docs"
DIRECTIVE = re.compile(r"```\{description-fields\} (\S+)")


@pytest.fixture(scope="module")
def table() -> Any:
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("description_fields", DOCS / "_ext" / "description_fields.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("description", [Config, HighThroughputExecutor, ThreadPoolExecutor, LocalProvider])
def test_every_field_has_a_row_with_its_default_and_meaning(table: Any, description: Any) -> None:
    rows = {row.name: row for row in table.rows(description)}
    fields = {field.name: field for field in dataclasses.fields(description) if field.init}
    assert rows.keys() == fields.keys()
    built = description()
    for name, field in fields.items():
        assert rows[name].meaning == field.metadata["help"]
        if name in ("launch_cmd", "interchange_launch_cmd"):  # None stands for a command that is there from the start
            assert rows[name].default == "None"
        elif field.default_factory is dataclasses.MISSING and name != "executors":  # a list from the start
            assert rows[name].default == repr(getattr(built, name))


def test_an_argument_without_a_default_is_required(table: Any) -> None:
    assert [(row.name, row.default) for row in table.rows(WrappedLauncher)] == [
        ("prepend", "required"),
        ("debug", "True"),
    ]


def test_a_field_that_says_nothing_is_refused(table: Any) -> None:
    silent = dataclasses.make_dataclass("Silent", [("told", int, dataclasses.field(default=1)), ("other", int, 2)])
    with pytest.raises(ValueError, match="Silent: no help in the metadata of told, other"):
        table.rows(silent)


@pytest.mark.parametrize("path", ["parsl_like.config:Nothing", "parsl_like.nothing:Config", "parsl_like.config:expect"])
def test_what_is_no_description_is_refused(table: Any, path: str) -> None:
    with pytest.raises(ValueError, match=path):
        table.described(path)


def test_the_guide_has_the_tables(table: Any) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (DOCS / "guide").glob("*.md")]
    shown = [table.described(path) for text in pages for path in DIRECTIVE.findall(text)]
    assert sorted(cls.__name__ for cls in shown) == [
        "Config",
        "HighThroughputExecutor",
        "LocalProvider",
        "ThreadPoolExecutor",
    ]
