"""Executors whose workers live in blocks from a provider: what a program may ask of them, and ask them to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parsl_like.errors import UnsupportedFeatureError
from parsl_like.executors.answers import CallableDict, CallableInt
from parsl_like.executors.base import ParslExecutor, is_foreign

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.executors.standalone_blocks import Blocks
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.status import JobStatus


class BlockProviderExecutor(ParslExecutor):
    """The base of executors that get their workers from a provider.

    Questions are answered by the one run that uses the description: by its session's property or method of the same
    name. While no run uses it, there are no tasks, workers and blocks; while several do, ConfigurationError says so;
    what the session cannot tell is an UnsupportedFeatureError.

    A user's class that does all by itself has ``start``, ``submit`` and ``shutdown``, says by ``_get_launch_command``
    what a block runs, by ``workers_per_node`` and ``outstanding`` how much there is to do and to do it with, and keeps
    the futures it has given in ``tasks``. A run looks after its blocks.

    Args:
        provider: Where blocks come from; None for an executor that is given its workers in another way.
        block_error_handler: What to do when blocks fail: True for the usual rule, False for nothing, or a function
            ``(executor, status)``.
        **kwargs: As for :class:`~parsl_like.executors.base.ParslExecutor`.
    """

    provider: ExecutionProvider | None = None
    block_error_handler: bool | Callable[..., None] = True

    def __init__(
        self,
        provider: ExecutionProvider | None,
        block_error_handler: bool | Callable[..., None] = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.provider = provider
        self.block_error_handler = block_error_handler

    # --- questions -----------------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> CallableInt:
        """Tasks submitted and not yet finished; both ``x.outstanding`` and ``x.outstanding()``."""
        return CallableInt(self._answer("outstanding", 0))

    @property
    def tasks(self) -> CallableDict:
        """The tasks it has, by their attempts' ids; what a user's own class keeps in it stays there."""
        if is_foreign(self) and self._standalone() is None:
            own: CallableDict = self.__dict__.setdefault("_own_tasks", CallableDict())
            return own
        return CallableDict(self._answer("tasks", {}))

    @property
    def bad_state_is_set(self) -> bool:
        """Whether it is broken for good."""
        return bool(self._answer("bad_state_is_set", False))

    @property
    def executor_exception(self) -> BaseException | None:
        """Why it is broken, if it is."""
        error: BaseException | None = self._answer("executor_exception", None)
        return error

    def status(self) -> Mapping[str, JobStatus]:
        """What is known of each block's job, by block id."""
        blocks = self._own_blocks()
        known: Mapping[str, JobStatus] = self._answer("status", {}) if blocks is None else blocks.status()
        return known

    @property
    def status_facade(self) -> Mapping[str, JobStatus]:
        """The newer name of :meth:`status`."""
        return self.status()

    def poll_facade(self) -> None:
        """Nothing: the run asks after blocks by itself."""

    def create_monitoring_info(self, status: Mapping[str, JobStatus]) -> list[dict[str, Any]]:
        """One dictionary for each block, with the keys that Parsl's monitoring has."""
        return [
            {
                "run_id": self.run_id,
                "executor_label": self.label,
                "job_id": None,
                "block_id": block,
                "status": known.status_name,
            }
            for block, known in status.items()
        ]

    def send_monitoring_info(self, status: Mapping[str, JobStatus]) -> None:
        """Nothing: a run records every change of a block by itself."""

    # --- orders --------------------------------------------------------------------------------------------------

    def handle_errors(self, *given: Any) -> None:
        """Ask the executor's own ``block_error_handler``, if it has one, as a run does after each change of a block.

        Args:
            *given: The status of all blocks by id, the last of the arguments; 1.2 has its error handler before it.
        """
        if callable(self.block_error_handler):
            self.block_error_handler(self, given[-1])

    def set_bad_state_and_fail_all(self, exception: BaseException) -> None:
        """Break it: all its tasks, and all later ones, fail with ``exception``."""
        self.live_session().fail(exception)

    def scale_out_facade(self, n: int) -> list[str]:
        """Ask for ``n`` blocks; the ids they have."""
        blocks = self._own_blocks()
        return list(self._ordered("scale_out_facade", n)) if blocks is None else blocks.scale_out(n)

    def scale_in_facade(self, n: int, max_idletime: float | None = None) -> list[str]:
        """End ``n`` blocks, only those idle for ``max_idletime`` seconds if given; the ids they had."""
        blocks = self._own_blocks()
        return list(self._ordered("scale_in_facade", n, max_idletime)) if blocks is None else blocks.scale_in(n)

    def scale_out(self, blocks: int = 1) -> list[str]:
        """The older name of :meth:`scale_out_facade`."""
        return self.scale_out_facade(blocks)

    def scale_in(self, blocks: int | None = None, max_idletime: float | None = None, **_ignored: Any) -> list[str]:
        """The older name of :meth:`scale_in_facade`; ``block_ids`` and ``force`` of 1.2 have no effect."""
        return self.scale_in_facade(1 if blocks is None else blocks, max_idletime)

    # --- settings ------------------------------------------------------------------------------------------------

    @property
    def status_polling_interval(self) -> float:
        """Seconds between two looks at the batch system; the provider says it."""
        return 0.0 if self.provider is None else float(self.provider.status_polling_interval)

    @property
    def scaling_enabled(self) -> bool:
        """Whether blocks come and go by themselves."""
        return self.provider is not None

    @property
    def error_management_enabled(self) -> bool:
        """Whether failing blocks may break the executor."""
        return bool(self.block_error_handler)

    def _own_blocks(self) -> Blocks | None:
        run = self._standalone()
        return None if run is None else run.blocks

    def _answer(self, question: str, resting: Any) -> Any:
        """What the running session says, ``resting`` while there is none."""
        return self._ordered(question) if self._is_in_use() else resting

    def _is_in_use(self) -> bool:
        return any(ref() is not None for ref in self.__dict__.get("_live", ()))

    def _ordered(self, question: str, *args: Any) -> Any:
        session = self.live_session()
        if question not in dir(session):
            raise UnsupportedFeatureError(question, self.label, None)
        value = getattr(session, question)
        return value(*args) if callable(value) else value
