"""The base of providers and the states of jobs, at the path of Parsl 1.2."""

from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.status import JobStatus

__all__ = ["TERMINAL_STATES", "ExecutionProvider", "JobState", "JobStatus"]
