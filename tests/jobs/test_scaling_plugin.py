"""A strategy that an installed plugin brings decides in a run like one of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.errors import ConfigurationError
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
from parsl_like.core.limits import Decision
from parsl_like.plugins import hookimpl


def all_or_nothing(limits, load, *, live_blocks, now, max_idle, idle_since):
    missing = limits.maximum - len(live_blocks) if load.outstanding else 0
    return Decision(scale_out=missing, reason=f"{missing} of {limits.maximum} are missing")


@hookimpl
def parsl_like_scaling_policies():
    return {"all_or_nothing": all_or_nothing}
"""


@python_app
def double(x: int) -> int:
    return 2 * x


def config(strategy: str) -> Config:
    provider = LocalProvider(init_blocks=0, max_blocks=2)
    return Config(executors=[HighThroughputExecutor(max_workers_per_node=1, provider=provider)], strategy=strategy)


@pytest.mark.integration
def test_it_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "site" / "scaling_plugin-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: scaling_plugin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[parsl_like]\nscaling = scaling_plugin_of_a_test\n")
    (tmp_path / "site" / "scaling_plugin_of_a_test.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with parsl_like.load(config("all_or_nothing")) as kernel:
        assert double(21).result(60) == 42
        decisions = [record.fields for record in kernel.records.last("decision") if record.fields["scale_out"]]
    assert [(made["scale_out"], made["reason"]) for made in decisions] == [(2, "2 of 2 are missing")]
    parsl_like.clear()


def test_one_that_no_plugin_brings_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="strategy is 'all_or_nothing'; expected one of htex_auto_scale, none"):
        parsl_like.load(config("all_or_nothing"))
