"""Monitoring as a user describes it, at the path where Parsl has it."""

from __future__ import annotations

from parsl_like.monitoring.hub import MonitoringHub

__all__ = ["MonitoringHub"]
