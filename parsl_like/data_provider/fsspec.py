"""Files of any system that fsspec knows: object stores, WebDAV, archives within archives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect_whole
from parsl_like.data_provider.staging import Staging

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.data_provider.files import File

_OTHERS = ("file", "zip", "globus")
"""Schemes that mean something else here."""


@spelled()
@dataclass
class FsspecStaging(Staging, Description):
    """Fetches and sends files of URLs like ``s3://bucket/key``, within the task or by tasks of their own.

    ``fsspec``, and what it needs for the scheme (``s3fs`` for ``s3:``), must be installed where tasks run. Keys and
    tokens are best left to the places where those packages look for them: ``options`` travel with every task.
    """

    schemes: tuple[str, ...] | list[str] = field(
        default=(), metadata={"help": "Schemes of the URLs that it takes; none for all but file:, zip: and globus:."}
    )
    options: Mapping[str, Any] | None = field(
        default=None, repr=False, metadata={"help": "For the file system, as fsspec takes them. Never printed."}
    )
    in_task: bool = field(
        default=True,
        metadata={"help": "Within the task; False for tasks of their own, where nodes share files."},
    )
    tries: int = field(default=5, metadata={"help": "Tries in a row that may bring nothing new."})

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_whole(self, "tries", least=1)

    def can_stage_in(self, file: File) -> bool:
        """Whether the file's URL has a scheme that it takes."""
        return file.scheme in self.schemes if self.schemes else file.scheme not in _OTHERS

    def can_stage_out(self, file: File) -> bool:
        """Whether the file's URL has a scheme that it takes."""
        return self.can_stage_in(file)

    def stage_in(
        self, dm: DataManager, executor: str, file: File, parent_fut: Future[Any] | None
    ) -> Future[Any] | None:
        """Submit the task that fetches the file; None if that is done within the one that wants it."""
        if self.in_task:
            return None
        from parsl_like.remote.transfers.anywhere import BringAny, fetch_any

        return dm.transfer(fetch_any, self._step(BringAny, dm, executor, file), file, executor, parent_fut)

    def stage_out(self, dm: DataManager, executor: str, file: File, app_fu: Future[Any]) -> Future[Any] | None:
        """Submit the task that sends the file; None if that is done within the one that makes it."""
        if self.in_task:
            return None
        from parsl_like.remote.transfers.anywhere import TakeAny, send_any

        take = self._step(TakeAny, dm, executor, file)
        dm.forget(file)
        return dm.transfer(send_any, take, file, executor, app_fu)

    def replace_task(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The function that fetches the file first."""
        if not self.in_task:
            return None
        from parsl_like.remote.transfers.anywhere import BringAny
        from parsl_like.remote.transfers.intask import staged

        return staged(func, self._step(BringAny, dm, executor, file))

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The function that sends the file when it has been called."""
        if not self.in_task:
            return dm.with_room(file, executor, func)
        from parsl_like.remote.transfers.anywhere import TakeAny
        from parsl_like.remote.transfers.intask import staged

        dm.next_token(file)
        return staged(func, self._step(TakeAny, dm, executor, file))

    def _step(self, kind: Any, dm: DataManager, executor: str, file: File) -> Any:
        from parsl_like.remote.transfers.limits import Limits

        file.local_path = dm.local_path(file, executor)
        return kind(file.url, file.local_path, dm.token(file), dict(self.options or {}), Limits(tries=self.tries))
