"""Measurements through a queue of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from parsl_like.core.arguments import spelled
from parsl_like.monitoring.radios.base import RadioConfig


@spelled()
@dataclass
class MultiprocessingQueueRadio(RadioConfig):
    """Describes measurements that come back through a queue of this machine."""
