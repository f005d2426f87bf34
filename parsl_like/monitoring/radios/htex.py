"""Measurements over the links of the high-throughput executor."""

from __future__ import annotations

from dataclasses import dataclass

from parsl_like.core.arguments import spelled
from parsl_like.monitoring.radios.base import RadioConfig


@spelled()
@dataclass
class HTEXRadio(RadioConfig):
    """Describes measurements that come back over the links of the high-throughput executor."""
