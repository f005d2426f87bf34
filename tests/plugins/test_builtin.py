from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

from parsl_like.errors import PluginError
from parsl_like.plugins import builtin as builtins_module
from parsl_like.plugins.builtin import BUILTINS, Builtin, StandIn, implementation_of
from parsl_like.plugins.markers import PROJECT, hookimpl


@pytest.mark.parametrize("builtin", BUILTINS, ids=lambda b: b.name)
def test_the_list_says_exactly_the_hooks_of_each_module(builtin: Builtin) -> None:
    module = importlib.import_module(builtin.module)
    marked = {name for name, value in vars(module).items() if hasattr(value, f"{PROJECT}_impl")}
    assert marked == {f"{PROJECT}_{short}" for short in builtin.hooks}


def test_names_are_unique() -> None:
    assert len({builtin.name for builtin in BUILTINS}) == len(BUILTINS)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("a_builtin_for_tests")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def stand_in(*hooks: str, home: str = "") -> Any:
    return StandIn(Builtin("test", "a_builtin_for_tests", hooks, home))


def test_a_stand_in_gives_what_the_module_gives(module: ModuleType) -> None:
    @hookimpl
    def parsl_like_open_executor(description: str) -> str:  # takes fewer arguments than there are
        return f"opened {description}"

    module.parsl_like_open_executor = parsl_like_open_executor  # type: ignore[attr-defined]
    assert stand_in("open_executor").parsl_like_open_executor("x", "context") == "opened x"


def test_it_asks_the_module_only_about_descriptions_from_its_home(module: ModuleType) -> None:
    @hookimpl
    def parsl_like_open_executor(description: object, context: object) -> str:
        return "opened"

    class Near:
        __module__ = "some.home.inside"

    class Derived(Near):
        __module__ = "users"

    class Far:
        __module__ = "some.homeless"

    module.parsl_like_open_executor = parsl_like_open_executor  # type: ignore[attr-defined]
    ask = stand_in("open_executor", home="some.home").parsl_like_open_executor
    assert [ask(d, None) for d in (Near(), Derived(), Far())] == ["opened", "opened", None]


def test_a_module_is_not_imported_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(builtins_module.importlib, "import_module", asked.append)
    ask = stand_in("open_executor", home="some.home").parsl_like_open_executor
    assert ask(object(), None) is None
    assert asked == []


def test_a_module_that_cannot_be_imported_is_an_error_that_names_it() -> None:
    with pytest.raises(PluginError, match=r"builtin:x.*no_such_module cannot be imported") as caught:
        implementation_of(Builtin("x", "no_such_module", ()), "parsl_like_run_started")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_hook_that_is_missing_or_not_marked_is_an_error(module: ModuleType) -> None:
    module.parsl_like_run_started = lambda run: None  # type: ignore[attr-defined]
    for hook in ("parsl_like_run_started", "parsl_like_run_finished"):
        with pytest.raises(PluginError, match="does not implement it"):
            implementation_of(Builtin("x", "a_builtin_for_tests", ()), hook)
