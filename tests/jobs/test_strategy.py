"""Parsl's name for a policy and its time, and the options that a provider implies."""

from __future__ import annotations

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.jobs.options import LONGEST_CALL_S, SupplyOptions
from parsl_like.jobs.policy import htex_auto_scale, none, simple
from parsl_like.jobs.strategy import Strategy
from parsl_like.providers import LocalProvider


@pytest.mark.parametrize(
    ("name", "policy"), [("none", none), (None, none), ("simple", simple), ("htex_auto_scale", htex_auto_scale)]
)
def test_names(name: str | None, policy: object) -> None:
    assert Strategy(strategy=name, max_idletime=120.0).policy is policy


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(ConfigurationError, match="strategy is 'clever'; expected one of htex_auto_scale, none, simple"):
        Strategy(strategy="clever", max_idletime=120.0)


def test_what_a_provider_implies() -> None:
    options = SupplyOptions.from_provider(LocalProvider(worker_init="x", cmd_timeout=100), max_idle=7.0)
    assert options == SupplyOptions(
        provider="local", status_period=1.0, connect_timeout=600.0, call_bound=122.0, max_idle=7.0
    )


def test_what_no_provider_implies() -> None:
    class Bare:
        status_polling_interval = 0

    assert SupplyOptions.from_provider(None, decision_period=2.0) == SupplyOptions(decision_period=2.0)
    options = SupplyOptions.from_provider(Bare())
    assert (options.provider, options.status_period, options.call_bound) == ("Bare", 0.1, LONGEST_CALL_S)
