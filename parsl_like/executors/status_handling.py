"""Executors whose workers live in blocks from a provider: what a program may ask of them, and ask them to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parsl_like.errors import UnsupportedFeatureError
from parsl_like.executors.answers import CallableDict, CallableInt
from parsl_like.executors.base import ParslExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.executors.standalone_blocks import Blocks
    from parsl_like.providers.base import ExecutionProvider


class BlockProviderExecutor(ParslExecutor):
    """The base of executors that get their workers from a provider.

    Questions are answered by the one run that uses the description: by its session's property or method of the same
    name. While no run uses it, or several do, ConfigurationError says so; what the session cannot tell is an
    UnsupportedFeatureError.

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
        *,
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
        return CallableInt(self._answer("outstanding"))

    @property
    def tasks(self) -> CallableDict:
        """The tasks it has, by their attempts' ids."""
        return CallableDict(self._answer("tasks"))

    @property
    def bad_state_is_set(self) -> bool:
        """Whether it is broken for good."""
        return bool(self._answer("bad_state_is_set"))

    @property
    def executor_exception(self) -> BaseException | None:
        """Why it is broken, if it is."""
        error: BaseException | None = self._answer("executor_exception")
        return error

    def status(self) -> Mapping[str, Any]:
        """What is known of each block's job, by block id."""
        blocks = self._own_blocks()
        known: Mapping[str, Any] = self._answer("status") if blocks is None else blocks.status()
        return known

    # --- orders --------------------------------------------------------------------------------------------------

    def set_bad_state_and_fail_all(self, exception: BaseException) -> None:
        """Break it: all its tasks, and all later ones, fail with ``exception``."""
        self.live_session().fail(exception)

    def scale_out_facade(self, n: int) -> list[str]:
        """Ask for ``n`` blocks; the ids they have."""
        blocks = self._own_blocks()
        return list(self._answer("scale_out_facade", n)) if blocks is None else blocks.scale_out(n)

    def scale_in_facade(self, n: int, max_idletime: float | None = None) -> list[str]:
        """End ``n`` blocks, only those idle for ``max_idletime`` seconds if given; the ids they had."""
        blocks = self._own_blocks()
        return list(self._answer("scale_in_facade", n, max_idletime)) if blocks is None else blocks.scale_in(n)

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

    def _answer(self, question: str, *args: Any) -> Any:
        session = self.live_session()
        if question not in dir(session):
            raise UnsupportedFeatureError(question, self.label, None)
        value = getattr(session, question)
        return value(*args) if callable(value) else value
