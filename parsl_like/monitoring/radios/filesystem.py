"""Measurements as files in a directory that nodes and the program share."""

from __future__ import annotations

from dataclasses import dataclass

from parsl_like.core.arguments import spelled
from parsl_like.monitoring.radios.base import RadioConfig


@spelled()
@dataclass
class FilesystemRadio(RadioConfig):
    """Describes measurements that come back as files in a directory that all share."""
