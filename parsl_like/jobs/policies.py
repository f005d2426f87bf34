"""The scaling policies of this package, through the same door as those of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.jobs import policy
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping


@hookimpl
def parsl_like_scaling_policies() -> Mapping[str, policy.ScalingPolicy]:
    """The policies by the names that ``Config(strategy=...)`` knows."""
    return {"none": policy.none, "simple": policy.simple, "htex_auto_scale": policy.htex_auto_scale}
