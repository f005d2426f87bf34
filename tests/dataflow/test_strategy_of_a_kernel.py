"""Parsl 1.2's path of the strategy."""

from __future__ import annotations

import parsl_like
from parsl_like.config import Config
from parsl_like.dataflow.strategy import Strategy
from parsl_like.jobs.policy import htex_auto_scale


def test_it_says_what_the_kernels_configuration_says() -> None:
    with parsl_like.load(Config(strategy="htex_auto_scale", max_idletime=7.0)) as kernel:
        strategy = Strategy(kernel)
    assert (strategy.strategy, strategy.max_idletime, strategy.policy) == ("htex_auto_scale", 7.0, htex_auto_scale)
