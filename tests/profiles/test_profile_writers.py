"""Whatever plain data is written as TOML or YAML is read back the same, by our readers and by those of others."""

from __future__ import annotations

import importlib
import math
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.likeness import difference
from parsl_like.profiles.toml_reader import read_toml
from parsl_like.profiles.toml_writer import write_toml
from parsl_like.profiles.yaml_reader import read_yaml
from parsl_like.profiles.yaml_writer import write_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(
        [
            "a\nb",
            "  x\n y\n",
            "\n\nx",
            "x\n\n",
            '"""',
            "'''",
            '\\"',
            "\\",
            "a\t\nb",
            "yes",
            "null",
            "~",
            "1",
            "- x",
            "# x",
            "x:",
            "<<",
        ]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
TABLES = st.dictionaries(TEXTS.filter(lambda key: key != "type"), VALUES, max_size=6)


def clear_of_types(value: Any) -> Any:
    """A table never has a key ``type`` that is not the name of a type."""
    if isinstance(value, dict):
        return {f"{key}_" if key == "type" else key: clear_of_types(part) for key, part in value.items()}
    return [clear_of_types(part) for part in value] if isinstance(value, list) else value


def with_none(value: Any) -> Any:
    """What TOML has in place of None, as None."""
    if value == {"type": "none"}:
        return None
    if isinstance(value, dict):
        return {key: with_none(part) for key, part in value.items()}
    return [with_none(part) for part in value] if isinstance(value, list) else value


@settings(max_examples=200, deadline=None)
@given(TABLES)
def test_toml_reads_back(table: dict[str, Any]) -> None:
    table = clear_of_types(table)
    text = write_toml(table)
    assert difference(table, with_none(read_toml(text, "x").plain()), "table") is None
    assert difference(table, with_none(tomllib.loads(text)), "table") is None


@settings(max_examples=200, deadline=None)
@given(TABLES)
def test_yaml_reads_back(table: dict[str, Any]) -> None:
    pytest.importorskip("yaml")
    table = clear_of_types(table)
    assert difference(table, read_yaml(write_yaml(table), "x").plain(), "table") is None


@settings(max_examples=200, deadline=None)
@given(TABLES)
def test_other_readers_of_yaml_agree(table: dict[str, Any]) -> None:
    yaml = pytest.importorskip("yaml")
    table = clear_of_types(table)
    assert difference(table, yaml.safe_load(write_yaml(table)), "table") is None


TABLE = {
    "retries": 2,
    "ratio": 0.5,
    "many": 1e300,
    "no_end": math.inf,
    "strategy": None,
    "ok": True,
    "executors": [
        {
            "type": "HighThroughputExecutor",
            "label": "a b",
            "provider": {"type": "SlurmProvider", "worker_init": 'module load x\nexport A="b"\n'},
            "ports": [1, 2],
            "environment": {"A": "1", "B": "2"},
            "larger": {"A": "1", "B": "2", "C d": "3"},
        },
        {"type": "ThreadPoolExecutor"},
    ],
}

TOML = '''\
retries = 2
ratio = 0.5
many = 1.0e+300
no_end = inf
strategy = { type = "none" }
ok = true

[[executors]]
type = "HighThroughputExecutor"
label = "a b"
ports = [1, 2]
environment = { A = "1", B = "2" }

[executors.provider]
type = "SlurmProvider"
worker_init = """
module load x
export A="b"
"""

[executors.larger]
A = "1"
B = "2"
"C d" = "3"

[[executors]]
type = "ThreadPoolExecutor"
'''

YAML = """\
retries: 2
ratio: 0.5
many: 1.0e+300
no_end: .inf
strategy: null
ok: true
executors:
  - type: HighThroughputExecutor
    label: "a b"
    provider:
      type: SlurmProvider
      worker_init: |2
        module load x
        export A="b"
    ports:
      - 1
      - 2
    environment:
      A: "1"
      B: "2"
    larger:
      A: "1"
      B: "2"
      "C d": "3"
  - type: ThreadPoolExecutor
"""


def test_how_it_looks() -> None:
    assert write_toml(TABLE) == TOML
    assert write_yaml(TABLE) == YAML


def test_a_table_within_another() -> None:
    text = write_toml({"retries": 1, "executors": [{"type": "ThreadPoolExecutor"}]}, ("profiles", "a.b"))
    assert text.startswith('[profiles."a.b"]\nretries = 1\n\n[[profiles."a.b".executors]]\n')
    assert tomllib.loads(text)["profiles"]["a.b"]["retries"] == 1


@pytest.mark.parametrize("write", [write_toml, write_yaml])
def test_nothing_is_a_document_too(write: Any) -> None:
    read = read_toml if write is write_toml else read_yaml
    if write is write_yaml:
        pytest.importorskip("yaml")
    assert read(write({}), "x").plain() == {}


@pytest.mark.parametrize("write", [write_toml, write_yaml])
def test_half_a_surrogate_pair_is_refused(write: Any) -> None:
    with pytest.raises(ConfigurationError, match="surrogate"):
        write({"a": "\ud800"})


def test_writing_yaml_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "yaml", None)  # type: ignore[arg-type]
    assert write_yaml({"a": 1}) == "a: 1\n"
