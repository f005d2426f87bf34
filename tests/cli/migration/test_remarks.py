from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from parsl_like.cli.migration.migration import migrated
from parsl_like.cli.migration.presence import found, old_arguments

if TYPE_CHECKING:
    from pathlib import Path


def remarks(text: str) -> list[tuple[int, str]]:
    return [(remark.line, remark.text) for remark in migrated(text).remarks]


@pytest.mark.parametrize(
    "text",
    [
        "import parsl\nparsl.load(parsl.Config(executors=[parsl.executors.ThreadPoolExecutor()])).cleanup()",
        "from parsl.app.app import python_app, bash_app\nfrom parsl.data_provider.files import File",
        "import parsl.dataflow.dflow",
        "'''Uses parsl.load().'''\nimport parsl\ndef f():\n    'calls parsl.clear'",
        "open('runinfo/000/parsl.log'); 'a/parsl.sh'; 'parsl'",
        "class MyError(parsl.errors.ParslError): ...\nimport parsl",
        "import logging\nlogging.getLogger('parsl.dataflow')",
    ],
)
def test_nothing_to_say(text: str) -> None:
    assert remarks(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import parsl.no_such_part", "parsl_like has no 'no_such_part'."),
        ("from parsl.executors import NoSuchExecutor", "parsl_like.executors has no 'NoSuchExecutor'."),
        ("from parsl.no_such_part.deep import x", "parsl_like has no 'no_such_part'."),
        ("from parsl.config.deep import x", "parsl_like.config has no 'deep'."),
        ("import parsl; parsl.config.NoSuchConfig()", "parsl_like.config has no 'NoSuchConfig'."),
        (
            "from parsl import App",
            "parsl_like has no 'App'; Parsl had it before 1.0: write @python_app, @bash_app or @join_app, with"
            " data_flow_kernel= if need be.",
        ),
    ],
)
def test_names_that_are_not_there(text: str, said: str) -> None:
    assert remarks(text) == [(1, said)]


def test_a_part_that_needs_more_is_told_from_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    importing = importlib.import_module

    def without_globus(name: str) -> ModuleType:
        if name == "parsl_like.cli.needing":
            raise ModuleNotFoundError("No module named 'globus_sdk'", name="globus_sdk")
        return importing(name)

    monkeypatch.setattr(importlib, "import_module", without_globus)
    assert found.__wrapped__("parsl.cli.needing").missing == (
        "parsl_like.cli.needing cannot be imported here: No module named 'globus_sdk'"
    )
    assert found.__wrapped__("parsl.cli.nothing").missing == "parsl_like.cli has no 'nothing'"


@pytest.mark.parametrize(
    "text", ["from parsl.dataflow import _x", "import parsl\nparsl._x", "import parsl\nparsl._x.y"]
)
def test_private_names(text: str) -> None:
    ((_, said),) = remarks(text)
    assert "is private to Parsl" in said


def test_a_star() -> None:
    assert remarks("from parsl import *") == [
        (1, "import * brings the names that are public here; check the others that you use.")
    ]


def test_a_name_without_an_import() -> None:
    assert remarks("x\nparsl.load()") == [(2, "parsl is used here and not imported in this file.")]


def test_arguments_without_effect_and_those_to_write_anew() -> None:
    text = (
        "from parsl.executors import HighThroughputExecutor\nHighThroughputExecutor(\n managed=True,\n worker_ports=p)"
    )
    assert remarks(text) == [
        (3, "HighThroughputExecutor(managed=) has no effect any more; it can go."),
        (4, "HighThroughputExecutor(worker_ports=) is now worker_port= and control_port=: give each its value."),
    ]


def test_a_class_of_the_programs_own() -> None:
    text = "from parsl.providers.base import ExecutionProvider as E\nclass Mine(E): ...\nclass Other(dict): ..."
    ((line, said),) = remarks(text)
    assert line == 2
    assert said.startswith("Mine extends parsl.providers.base.ExecutionProvider: its methods are called as written")


@pytest.mark.parametrize(
    "text",
    [
        "worker_init='conda activate x\\n  pip install parsl  \\n'",
        "run('python -m parsl')",
        "patch_it('parsl.config.Config')",
        "f'{x}; import parsl'",
        "os.system('parsl-perf --config x')",
        "worker_init='source activate my_parsl'",
    ],
)
def test_strings(text: str) -> None:
    ((line, said),) = remarks(text)
    assert line == 1
    assert said.startswith("a string names Parsl: '")


def test_a_long_string_is_shortened_and_its_line_quoted() -> None:
    ((_, said),) = remarks("x = '''first\n  import parsl; " + "y" * 100 + "\nlast'''")
    assert said == f"a string names Parsl: {'import parsl; ' + 'y' * 43 + '...'!r}."


def test_old_arguments_are_those_that_the_class_takes() -> None:
    htex = found("parsl.executors.HighThroughputExecutor").value
    assert old_arguments(htex) == {
        "max_workers": "max_workers_per_node",
        "worker_ports": ("worker_port", "control_port"),
        "managed": None,
    }
    assert old_arguments(3) == {}
    assert old_arguments(found("parsl.load").value) == {}


def test_what_a_name_leads_to() -> None:
    from parsl_like.config import Config

    assert found("parsl.Config").value is Config
    assert found("parsl.Config.anything").value is Config
    assert found("parsl").missing is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "parsl.providers.KubernetesProvider('python')",
            "KubernetesProvider is described only: this version cannot start pods of Kubernetes.",
        ),
        (
            "parsl.monitoring.MonitoringHub()",
            "MonitoringHub has no effect yet: the records of a run are in",
        ),
        (
            "parsl.providers.LocalProvider(channel=parsl.channels.LocalChannel())",
            "LocalProvider(channel=) has no effect: commands run where the program runs; it can go.",
        ),
        ("parsl.providers.LocalProvider(move_files=True)", "LocalProvider(move_files=) has no effect: a block's files"),
    ],
)
def test_what_has_no_effect_here(text: str, said: str) -> None:
    ((_, told),) = remarks(f"import parsl\n{text}")
    assert told.startswith(said)


@pytest.mark.parametrize("text", ["LocalProvider(channel=None, move_files=None)", "LocalProvider(nodes_per_block=1)"])
def test_what_was_left_at_nothing_is_passed_over(text: str) -> None:
    assert remarks(f"from parsl.providers import LocalProvider\n{text}") == []


def test_what_is_said_to_have_no_effect_has_none(tmp_path: Path) -> None:
    """A part that gets its machinery goes from the lists of ``presence``."""
    from parsl_like.config import Config
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.monitoring import MonitoringHub

    with pytest.warns(UserWarning, match="runs without"):
        kernel = DataFlowKernel(Config(monitoring=MonitoringHub(), run_dir=tmp_path))
    kernel.cleanup()


LATE = "its task is canceled if it has not ended with its block; ask within, or exit_mode='wait'."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("with parsl.load():\n    a = f()\nprint(a.result())", 4),
        ("with parsl.load(c) as dfk:\n    a = f()\nx = 1\nif x:\n    open(a.outputs[0].result())", 6),
        ("def g():\n    with parsl.load():\n        for i in x:\n            a = f()\n    return a.exception()", 6),
    ],
)
def test_futures_that_are_asked_for_after_their_block(text: str, line: int) -> None:
    assert remarks(f"import parsl\n{text}") == [(line, LATE)]


@pytest.mark.parametrize(
    "text",
    [
        "with parsl.load():\n    a = f()\n    a.result()",
        "with parsl.load():\n    a = f()\n    a.exception()\nprint(a.result())",
        "with parsl.load():\n    a = f().result()\nprint(a)",
        "with open(x) as y:\n    a = f()\na.result()",
        "a = f()\nwith parsl.load():\n    b = f()\na.result()",
        "parsl.load()\na = f()\na.result()",
    ],
)
def test_futures_that_are_asked_for_in_time(text: str) -> None:
    assert remarks(f"import parsl\n{text}") == []
