from __future__ import annotations

import inspect

import pluggy
import pytest

from parsl_like.plugins import hookspecs
from parsl_like.plugins.markers import PROJECT

HOOKS = {name: function for name, function in vars(hookspecs).items() if hasattr(function, f"{PROJECT}_spec")}
OPENING = {"parsl_like_open_executor", "parsl_like_open_provider", "parsl_like_open_channel"}


def test_every_hook_that_plugins_may_rely_on_is_there() -> None:
    arguments = {name: tuple(inspect.signature(function).parameters) for name, function in HOOKS.items()}
    names_only = {
        *("provider_types", "launcher_types", "channel_types", "executor_types", "scaling_policies"),
        *("default_staging", "memo_hashers", "cli_commands", "dashboard_pages", "site_configs"),
    }
    assert arguments == {
        **{f"parsl_like_{name}": () for name in names_only},
        **dict.fromkeys(OPENING, ("description", "context")),
        "parsl_like_open_monitoring_sink": ("description", "run"),
        "parsl_like_run_started": ("run",),
        "parsl_like_run_finished": ("run", "summary"),
    }


def test_the_first_answer_opens_a_description() -> None:
    assert {name for name, hook in HOOKS.items() if getattr(hook, f"{PROJECT}_spec")["firstresult"]} == OPENING


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented(name: str) -> None:
    assert len(inspect.getdoc(HOOKS[name]) or "") > 60


def test_pluggy_accepts_them() -> None:
    registry = pluggy.PluginManager(PROJECT)
    registry.add_hookspecs(hookspecs)
    assert set(vars(registry.hook)) >= set(HOOKS)
