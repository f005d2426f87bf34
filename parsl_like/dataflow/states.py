"""Parsl's path of the public task states."""

from parsl_like.core.states import FINAL_FAILURE_STATES, FINAL_STATES, States

__all__ = ["FINAL_FAILURE_STATES", "FINAL_STATES", "States"]
