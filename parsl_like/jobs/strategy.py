"""Parsl's name for how blocks are scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.errors import ConfigurationError
from parsl_like.jobs.policies import parsl_like_scaling_policies

if TYPE_CHECKING:
    from parsl_like.jobs.policy import ScalingPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """What ``Config(strategy=..., max_idletime=...)`` says, with the policy of that name.

    Args:
        strategy: A policy of this package by name; None is "none".
        max_idletime: Seconds of idleness after which a block is not needed.

    Raises:
        ConfigurationError: there is no such policy.
    """

    strategy: str | None
    max_idletime: float

    def __post_init__(self) -> None:
        _ = self.policy

    @property
    def policy(self) -> ScalingPolicy:
        """The function that decides."""
        policies = parsl_like_scaling_policies()
        name = self.strategy or "none"
        if name not in policies:
            raise ConfigurationError("strategy", self.strategy, f"one of {', '.join(sorted(policies))}, or None")
        return policies[name]
