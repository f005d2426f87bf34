from __future__ import annotations

import pluggy
import pytest

from parsl_like import plugins
from parsl_like.plugins.markers import PROJECT, hookimpl


def hook_options(function: object) -> object:
    class Plugin:
        parsl_like_run_started = staticmethod(function)  # type: ignore[arg-type]

    return pluggy.PluginManager(PROJECT).parse_hookimpl_opts(Plugin(), "parsl_like_run_started")


def test_the_mark_is_one_that_pluggy_reads() -> None:
    @hookimpl
    def plain() -> None: ...

    @hookimpl(tryfirst=True, specname="parsl_like_run_finished")
    def with_options() -> None: ...

    def unmarked() -> None: ...

    assert hook_options(plain) == {}
    assert hook_options(with_options) == {"tryfirst": True, "specname": "parsl_like_run_finished"}
    assert hook_options(unmarked) is None


def test_the_package_offers_the_mark() -> None:
    assert plugins.hookimpl is hookimpl
    with pytest.raises(AttributeError, match="hookimple"):
        plugins.hookimple  # noqa: B018
