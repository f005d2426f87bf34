"""Executors with methods of a user's own, and plain pools: ``start``, ``submit``, ``shutdown`` as written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from parsl_like.errors import ConfigurationError
from parsl_like.executors.base import ParslExecutor, is_foreign
from parsl_like.executors.fields import own_lists
from parsl_like.executors.legacy_session import LegacySession
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from parsl_like.core.ports import ExecutorSession, RunContext

__all__ = ["LegacySession", "PoolExecutor", "as_executor", "parsl_like_open_executor"]


@dataclass
class PoolExecutor(ParslExecutor):
    """A ``concurrent.futures`` executor that a program made and keeps: tasks run on it, a run never shuts it down."""

    pool: Executor = field(metadata={"help": "The executor; it stays the program's own."})
    label: str = field(default="", metadata={"help": "The executor's name; '' for the name of the pool's class."})
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    working_dir: Any = field(
        default=None, metadata={"help": "Where staged files are put; None for the pool's own directory."}
    )

    def __post_init__(self) -> None:
        self.label = self.label or type(self.pool).__name__
        own_lists(self)

    def sealed(self) -> Self:
        """A copy for one run, so that several may share the pool."""
        twin = type(self)(self.pool, self.label, self.storage_access, self.working_dir)
        twin.check()
        return twin

    def start(self) -> None:
        """Nothing: the pool runs already."""

    def submit(self, func: Callable[..., Any], resource_specification: Any, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future of the pool's own.

        Raises:
            InvalidResourceSpecification: a specification was given; plain pools heed none.
        """
        self.validate_resource_spec(resource_specification)
        return self.pool.submit(func, *args, **kwargs)

    def shutdown(self, timeout: float | None = None, **_ignored: Any) -> bool:
        """Nothing: whoever made the pool ends it."""
        return True


def as_executor(given: object) -> ParslExecutor:
    """What a program gave as an executor, as one: plain pools are wrapped.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(given, ParslExecutor):
        return given
    if isinstance(given, Executor):
        return PoolExecutor(given)
    raise ConfigurationError(
        "Config.executors", given, "executors of this package, subclasses of ParslExecutor or pools"
    )


@hookimpl
def parsl_like_open_executor(description: ParslExecutor, context: RunContext) -> ExecutorSession | None:
    """A session for an executor whose methods are a user's own."""
    if not is_foreign(description):
        return None
    if getattr(description, "provider", None) is not None:
        from parsl_like.executors.legacy_blocks import LegacyBlockSession, lives_in_blocks  # few have a provider

        if lives_in_blocks(description):
            return LegacyBlockSession(description, context)  # type: ignore[arg-type]  # it has a provider
    return LegacySession(description, context)
