"""Every field of every description of the package refuses values of wrong types, in the constructor and later."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest

from parsl_like import Config, HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.core.description import Description, WrongType, _typed_fields
from parsl_like.errors import BadLauncher, ConfigurationError
from parsl_like.launchers import SimpleLauncher, SingleNodeLauncher
from parsl_like.providers import LocalProvider

ROOT = Path(__file__).resolve().parents[2]
WRONG: tuple[Any, ...] = (b"bytes", 1.5j, [b"bytes"], {1: b"bytes"}, Description, {1.5j})


def classes() -> list[type[Description]]:
    skipped = ("parsl_like.testing", "parsl_like.__main__", "parsl_like.joblib")
    for module in pkgutil.walk_packages([str(ROOT / "parsl_like")], "parsl_like."):
        if not module.name.startswith(skipped):
            importlib.import_module(module.name)
    found, left = [], [Description]
    while left:
        for cls in left.pop().__subclasses__():
            left.append(cls)
            if cls.__module__.startswith("parsl_like.") and "__dataclass_fields__" in vars(cls):
                found.append(cls)
    return sorted(set(found), key=lambda cls: (cls.__module__, cls.__name__))


FIELDS = [
    pytest.param(cls, field, id=f"{cls.__name__}.{field.name}")
    for cls in classes()
    for field in dataclasses.fields(cls)
    if field.init
]


@pytest.mark.parametrize(("cls", "field"), FIELDS)
def test_a_field_refuses_what_its_annotation_does_not_allow(
    cls: type[Description], field: dataclasses.Field[Any]
) -> None:
    typed = _typed_fields(cls).get(field.name)
    if typed is None:
        assert "Any" in str(field.type), f"{field.type} says nothing that can be seen: write Any, or a type"
        return
    wrong = [value for value in WRONG if not typed.accepts(value)]
    assert wrong
    blank = object.__new__(cls)
    for value in wrong:
        with pytest.raises((ConfigurationError, TypeError)) as caught:
            setattr(blank, field.name, value)
        if "refusal" not in field.metadata:
            assert isinstance(caught.value, WrongType)
            assert f"{cls.__name__}.{field.name} is {value!r}; expected {typed.words}" in str(caught.value)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: Config(executors=ThreadPoolExecutor()), r"Config\.executors is .*; expected a list of ParslExecutor"),  # type: ignore[arg-type]
        (lambda: Config(executors=[ThreadPoolExecutor]), r"Config\.executors"),  # type: ignore[list-item]
        (lambda: Config(executors=[LocalProvider()]), r"Config\.executors"),  # type: ignore[list-item]
        (lambda: Config(retries="3"), r"Config\.retries is '3'; expected a number"),  # type: ignore[arg-type]
        (lambda: Config(run_dir=3), r"Config\.run_dir is 3; expected text or a path"),  # type: ignore[arg-type]
        (lambda: ThreadPoolExecutor(max_threads="4"), r"ThreadPoolExecutor\.max_threads is '4'; expected a whole"),  # type: ignore[arg-type]
        (lambda: HighThroughputExecutor(provider=LocalProvider), r"HighThroughputExecutor\.provider"),  # type: ignore[arg-type]
        (lambda: HighThroughputExecutor(provider="local"), r"expected an ExecutionProvider or None"),  # type: ignore[arg-type]
        (lambda: HighThroughputExecutor(provider=SimpleLauncher()), r"HighThroughputExecutor\.provider"),  # type: ignore[arg-type]
        (lambda: HighThroughputExecutor(max_workers_per_node="4"), r"expected a number or None"),  # type: ignore[arg-type]
        (lambda: LocalProvider(nodes_per_block="2"), r"LocalProvider\.nodes_per_block is '2'; expected a whole"),  # type: ignore[arg-type]
        (lambda: LocalProvider(worker_init=None), r"LocalProvider\.worker_init is None; expected text"),  # type: ignore[arg-type]
        (lambda: SingleNodeLauncher(debug="yes"), r"SingleNodeLauncher\.debug is 'yes'; expected True or False"),  # type: ignore[arg-type]
    ],
)
def test_a_constructor_says_which_field_and_what_was_expected(build: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        build()
    assert isinstance(caught.value, TypeError)


def test_what_is_no_launcher_is_a_bad_launcher() -> None:
    with pytest.raises(BadLauncher):
        LocalProvider(launcher="srun")  # type: ignore[arg-type]
