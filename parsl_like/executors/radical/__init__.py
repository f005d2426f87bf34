"""RADICAL-Pilot: tasks of any size in one allocation, at Parsl's path; so far descriptions."""

from __future__ import annotations

from parsl_like.executors.radical.executor import RadicalPilotExecutor
from parsl_like.executors.radical.rpex_resources import ResourceConfig

__all__ = ["RadicalPilotExecutor", "ResourceConfig"]
