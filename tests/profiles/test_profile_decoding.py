"""What a profile says wrongly is refused with its file and line, and with what would be right."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.config import Config
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.profiles.decoding import decoded
from parsl_like.profiles.nodes import Place, ProfileError, placed
from parsl_like.profiles.overlay import with_listed_executors
from parsl_like.profiles.special import KINDS
from parsl_like.profiles.texts import from_toml, from_yaml
from parsl_like.providers import SlurmProvider

HEAD = '[[executors]]\ntype = "HighThroughputExecutor"\n'
PROVIDER = f'{HEAD}[executors.provider]\ntype = "SlurmProvider"\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("retires = 1", 1, r"Config has no 'retires'\. Try: did you mean 'retries'\?"),
        (
            f"{HEAD}max_worker_per_node = 1",
            3,
            r"HighThroughputExecutor has no 'max_worker_per_node'.*'max_workers_per_node'",
        ),
        (f'{PROVIDER}accounts = "x"', 5, r"SlurmProvider has no 'accounts'.*did you mean 'account'"),
        ("zzz = 1", 1, r"Config has no 'zzz'\. Try: known are .*retries"),
        ("retries = -1", 1, r"Config\.retries is -1; expected a number of at least 0"),
        ('retries = "2"', 1, r"Config\.retries is '2'; expected a number"),
        (f"{PROVIDER}\n\nnodes_per_block = 0", 7, r"SlurmProvider\.nodes_per_block is 0"),
        (f'{PROVIDER}walltime = "1h"', 5, r"walltime is '1h'"),
        (f'{PROVIDER}exclusive = "yes"', 5, r"SlurmProvider\.exclusive is 'yes'; expected True or False"),
        (f"{HEAD}worker_port_range = [5]", 3, r"worker_port_range"),
        ('[[executors]]\nlabel = "x"', 1, r"this table has no type"),
        (
            '[[executors]]\ntype = "HighThroughputExecuter"',
            2,
            r"no type 'HighThroughputExecuter'.*'HighThroughputExecutor'",
        ),
        ('[[executors]]\ntype = "slurmprovider"', 2, r"did you mean 'SlurmProvider'"),
        ('[[executors]]\ntype = "SlurmProvider"', 1, r"Config\.executors"),
        ("[[executors]]\ntype = 3", 2, r"type says which class"),
        (f'{HEAD}[executors.provider]\ntype = "LocalProvider"\nlauncher = "srun"', 5, r"srun"),
        (
            f'{HEAD}[executors.provider]\ntype = "LocalProvider"\nlauncher = "nowhere:srun"',
            5,
            r"cannot be imported: ModuleNotFound",
        ),
        (f'{PROVIDER}launcher = "SrunLauncher"', 5, r'Bad launcher.* Try: write \{ type = "SrunLauncher" \}$'),
        (f'{PROVIDER}channel = "LocalChannel()"', 5, r'channel is .* Try: write \{ type = "LocalChannel" \}$'),
        (f'{HEAD}provider = "SlurmProvider"', 3, r'provider is .* Try: write \{ type = "SlurmProvider" \}$'),
        ('retry_handler = "json:dump_"', 1, r"no attribute 'dump_'.*did you mean 'dumps?'"),
        ('retry_handler = "json"', 1, r"Config\.retry_handler is 'json'"),
        (
            f'{HEAD}[executors.provider]\ntype = "LocalProvider"\n[executors.provider.channel]\ntype = "SSHChannel"\n',
            5,
            "needs hostname",
        ),
        ('strategy = { type = "none", x = 1 }', 1, r"a table of type 'none' has no 'x'"),
        ('run_dir = { type = "path" }', 1, r"a table of type 'path' needs 'path'"),
        ('run_dir = { type = "path", path = 3 }', 1, r"expected text"),
        ('memoizer = { type = "bytes", base64 = "?" }', 1, r"no base64"),
        ('memoizer = { type = "python", name = "x y" }', 1, r"no name of a Python object"),
        ('memoizer = { type = "dict", items = [[1]] }', 1, r"lists of two"),
        ('memoizer = { type = "set", items = [[1]] }', 1, r"this is no set"),
        ('memoizer = { type = "tuple", items = 3 }', 1, r"items are a list"),
        ('run_dir = { type = "env", name = "NO_SUCH_VARIABLE" }', 1, r"no variable NO_SUCH_VARIABLE.*export"),
        ('run_dir = { type = "env", name = 3 }', 1, r"the name of a variable is text"),
        ('type = "SlurmProvider"', 1, r"a configuration is no SlurmProvider"),
        (
            '[executors.htex]\nlabel = "other"\ntype = "ThreadPoolExecutor"',
            2,
            r"this executor's label is its key, 'htex'",
        ),
        ("[executors]\nhtex = 3", 2, r"'htex' is none"),
        ('memoizer = { type = "json:dumps" }', 1, r"'json:dumps' is no class"),
        (
            'memoizer = { type = "fractions:Fraction", numerator = 1, denominator = 0 }',
            1,
            r"Fraction: ZeroDivisionError",
        ),
    ],
)
def test_it_is_refused_where_it_stands(text: str, line: int, said: str) -> None:
    with pytest.raises(ProfileError, match=said) as caught:
        from_toml(text, "site.toml", environment={})
    assert (caught.value.file, caught.value.line) == ("site.toml", line)
    assert str(caught.value).startswith(f"site.toml:{line}: ")
    assert isinstance(caught.value, ConfigurationError)


def test_yaml_says_it_as_toml_does() -> None:
    pytest.importorskip("yaml")
    provider = "    provider:\n      type: SlurmProvider\n      accounts: x\n"
    text = f"retries: 1\nexecutors:\n  - type: HighThroughputExecutor\n{provider}"
    with pytest.raises(
        ProfileError, match=r"^site\.yaml:6: SlurmProvider has no 'accounts'\. Try: did you mean 'account'"
    ):
        from_yaml(text, "site.yaml")
    with pytest.raises(ProfileError, match=r"Try: write \{ type: SrunLauncher \}$"):
        from_yaml(text.replace("accounts: x", "launcher: SrunLauncher"), "site.yaml")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('{ type = "none" }', None),
        ('{ type = "tuple", items = [1, "a"] }', (1, "a")),
        ('{ type = "list", items = [] }', []),
        ('{ type = "set", items = [1] }', {1}),
        ('{ type = "frozenset", items = [1] }', frozenset({1})),
        ('{ type = "bytes", base64 = "YWI=" }', b"ab"),
        ('{ type = "path", path = "a/b" }', Path("a/b")),
        ('{ type = "text", text = "a:b" }', "a:b"),
        ('{ type = "dict", items = [[1, { type = "none" }]] }', {1: None}),
        ('{ type = "env", name = "MINE" }', "from outside"),
        ('{ type = "env", name = "OTHER", default = [1] }', [1]),
        ('{ a = { b = { type = "tuple", items = [] } } }', {"a": {"b": ()}}),
    ],
)
def test_values_that_files_have_no_notation_for(written: str, value: Any) -> None:
    text = f'[monitoring]\ntype = "{__name__}:Anything"\n'.replace(__name__, "anything_of_mine")
    text += f"value = {written}\n"
    found: Any = from_toml(text, environment={"MINE": "from outside"}).monitoring
    assert (type(found.value), found.value) == (type(value), value)


@pytest.fixture(autouse=True)
def _a_class_that_takes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    class Anything:
        def __init__(self, value: Any) -> None:
            self.value = value

    module = types.ModuleType("anything_of_mine")
    module.Anything = Anything  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "anything_of_mine", module)


def test_executors_may_be_tables_by_label() -> None:
    config = from_toml(
        '[executors.big]\ntype = "HighThroughputExecutor"\n[executors.small]\ntype = "ThreadPoolExecutor"\n'
    )
    assert [executor.label for executor in config.executors or ()] == ["big", "small"]  # type: ignore[union-attr]


def test_a_module_of_the_current_directory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "handlers_of_mine", raising=False)
    Path("handlers_of_mine.py").write_text("def cost(error, record):\n    return 2\n")
    handler: Any = from_toml('retry_handler = "handlers_of_mine:cost"').retry_handler
    assert handler(None, None) == 2
    monkeypatch.delitem(sys.modules, "handlers_of_mine")


TYPES = (
    *("HighThroughputExecutor", "ThreadPoolExecutor", "SlurmProvider", "LocalProvider", "SrunLauncher", "SSHChannel"),
    *("BasicMemoizer", "FileLogging", "MonitoringHub", "NoOpFileStaging", "nobody", *KINDS),
)
FIELDS = [f.name for cls in (Config, HighThroughputExecutor, SlurmProvider) for f in dataclasses.fields(cls)]
KEYS = st.sampled_from([*FIELDS, "items", "name", "path", "text", "base64", "other"])
LEAVES = st.none() | st.booleans() | st.integers(-2, 70000) | st.floats() | st.text(max_size=5)
TREES = st.recursive(
    LEAVES | st.sampled_from(["json:dumps", "json:nothing", "nowhere:x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(lambda name, rest: {"type": name, **rest}, st.sampled_from(TYPES), st.dictionaries(KEYS, inner))
    ),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(Config)]), TREES, max_size=4))
def test_whatever_is_said_becomes_a_configuration_or_an_error_with_its_place(table: dict[str, Any]) -> None:
    made, refusal = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = decoded(with_listed_executors(placed(table, Place("some.toml", 1))), environment={})
        except ProfileError as error:
            refusal = str(error)
    assert isinstance(made, Config) or refusal.startswith("some.toml:1: ")
