"""The blocks of an executor that runs without a kernel: as many as there were at first, or as asked for by hand."""

from __future__ import annotations

import itertools
import logging
import os
import threading
from typing import TYPE_CHECKING, Self

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.ports import BlockContext, ElasticSession, ExecutorSession
from parsl_like.errors import ParslError
from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from parsl_like.core.job_states import JobReport
    from parsl_like.core.ports import ProviderSession, RunContext
    from parsl_like.executors.base import ParslExecutor
    from parsl_like.plugins.manager import PluginManager

logger = logging.getLogger(__name__)


class Blocks:
    """The blocks of an executor that runs without a kernel: as many as there were at first, or as asked for by hand.

    Args:
        session: Whose managers run in the blocks.
        provider: Where blocks come from.
        initial: How many to start with.
    """

    def __init__(self, session: ElasticSession, provider: ProviderSession, initial: int) -> None:
        self.initial = initial
        self._session = session
        self._provider = provider
        self._jobs: dict[BlockId, JobId] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @classmethod
    def of(
        cls, description: ParslExecutor, session: ExecutorSession, plugins: PluginManager, context: RunContext
    ) -> Self | None:
        """The blocks an executor wants; None if it has no provider."""
        provider = getattr(description, "provider", None)
        if provider is None or not isinstance(session, ElasticSession):
            return None
        scripts = os.path.join(context.run.run_dir, "submit_scripts")
        os.makedirs(scripts, exist_ok=True)
        place = BlockContext(context.run, context.label, scripts, context.clock)
        return cls(session, plugins.open_provider(provider, place), int(provider.init_blocks))

    def scale_out(self, blocks: int) -> list[str]:
        """Submit blocks; the ids they have.

        Raises:
            ExecutionProviderException: the provider refused one; those before it are there.
        """
        started = []
        with self._lock:
            for _ in range(blocks):
                block = BlockId(str(next(self._numbers)))
                self._jobs[block] = self._provider.submit(self._session.block_request(block))
                started.append(str(block))
        return started

    def scale_in(self, blocks: int) -> list[str]:
        """Cancel the blocks that were started last.

        Returns:
            The ids of those that the batch system ends, or that were over; the others are still there.

        Raises:
            ExecutionProviderException: nobody could be told; all of them are still there.
        """
        with self._lock:
            chosen = list(self._jobs)[-blocks:] if blocks > 0 else []
            accepted = self._provider.cancel([self._jobs[block] for block in chosen])
            ended = [block for block in chosen if accepted.get(self._jobs[block], False)]
            for block in ended:
                del self._jobs[block]
                self._session.block_ended(block, "it was scaled in by hand")
        return [str(block) for block in ended]

    def status(self) -> dict[str, JobStatus]:
        """What the batch system says of each block; one that it does not mention is left out."""
        with self._lock:
            reports = self._provider.status(list(self._jobs.values()))
            return {str(block): self._status(job, reports[job]) for block, job in self._jobs.items() if job in reports}

    def _status(self, job: JobId, report: JobReport) -> JobStatus:
        return JobStatus(report.state, report.message, report.exit_code, *self._provider.output(job))

    def close(self) -> None:
        """Cancel what is left and release the provider."""
        try:
            if self._jobs:
                self._provider.cancel(list(self._jobs.values()))
        except ParslError:
            logger.warning("the jobs %s could not be cancelled", list(self._jobs.values()), exc_info=True)
        finally:
            self._jobs.clear()
            self._provider.close()
