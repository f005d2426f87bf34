"""States of jobs, at Parsl's path."""

from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.providers.status import JobStatus

__all__ = ["TERMINAL_STATES", "JobState", "JobStatus"]
