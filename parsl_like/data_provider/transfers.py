"""What staging by HTTP and by FTP have in common: their options, and the two ways in which files travel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.description import Description
from parsl_like.core.fields import expect_positive, expect_whole
from parsl_like.data_provider.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.data_provider.files import File
    from parsl_like.remote.transfers.limits import Limits


@dataclass(kw_only=True)
class ServerStaging(Staging, Description):
    """Says which files it takes, and how long and how often a transfer is tried.

    Attributes:
        schemes: Those of the URLs that it takes.
    """

    schemes: ClassVar[tuple[str, ...]] = ()

    timeout: float = field(default=60.0, metadata={"help": "Seconds without news from a server that end a try."})
    total: float | None = field(
        default=None, metadata={"help": "Seconds that one transfer may take in all; None for no such bound."}
    )
    tries: int = field(default=5, metadata={"help": "Tries in a row that may bring nothing new."})
    ca_file: str | None = field(
        default=None,
        metadata={"help": "Certificates of authorities, where tasks run, to trust instead of the system's."},
    )
    keep_partial: bool = field(
        default=False,
        metadata={
            "help": "Whether what has come of a file is kept, hidden, when its transfer fails, for the next one."
        },
    )
    progress_period: float = field(
        default=10.0, metadata={"help": "Seconds between two records of how far a transfer is."}
    )

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_positive(self, "timeout")
        expect_positive(self, "total", optional=True)
        expect_positive(self, "progress_period")
        expect_whole(self, "tries", least=1)

    def can_stage_in(self, file: File) -> bool:
        """Whether the file's URL has a scheme that it knows."""
        return file.scheme in self.schemes

    def can_stage_out(self, file: File) -> bool:
        """Whether the file's URL has a scheme that it knows."""
        return file.scheme in self.schemes

    def limits(self) -> Limits:
        """The bounds as a transfer takes them."""
        from parsl_like.remote.transfers.limits import Limits

        return Limits(
            silence=self.timeout,
            total=self.total,
            tries=self.tries,
            ca_file=self.ca_file,
            keep_partial=self.keep_partial,
            progress_period=self.progress_period,
        )


@dataclass(kw_only=True)
class SeparateTasks(ServerStaging):
    """Files travel in tasks of their own, once for all tasks of the same executor that want them."""

    def stage_in(self, dm: DataManager, executor: str, file: File, parent_fut: Future[Any] | None) -> Future[Any]:
        """Submit the task that fetches the file; the future of the file."""
        from parsl_like.remote.transfers.intask import Bring, fetch_file

        file.local_path = dm.local_path(file, executor)
        made = dm.made_here(file, executor, parent_fut)
        if made is not None:
            return made
        bring = Bring(file.url, file.local_path, dm.token(file), self.limits())
        return dm.transfer(fetch_file, bring, file, executor, parent_fut)

    def replace_task(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The function itself, or one that fetches first what another task should have made, and did not."""
        if not dm.has_maker(file, executor):
            return None
        from parsl_like.remote.transfers.intask import Fill, staged

        file.local_path = dm.local_path(file, executor)
        return staged(func, Fill(file.url, file.local_path, dm.token(file), self.limits()))

    def stage_out(self, dm: DataManager, executor: str, file: File, app_fu: Future[Any]) -> Future[Any]:
        """Submit the task that sends the file when its maker has ended; the future of the file."""
        from parsl_like.remote.transfers.intask import Take, send_file

        file.local_path = dm.local_path(file, executor)
        dm.note_maker(file, executor, app_fu)
        take = Take(file.url, file.local_path, dm.token(file), self.limits())
        return dm.transfer(send_file, take, file, executor, app_fu)

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The function with a directory for the file, if the executor has one for files."""
        return dm.with_room(file, executor, func)


@dataclass(kw_only=True)
class InTask(ServerStaging):
    """Files travel within the task: to where it runs, once for all tasks that run there, and from there."""

    def replace_task(self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function that fetches the file first, unless a task has done it there before."""
        from parsl_like.remote.transfers.intask import Bring, staged

        file.local_path = dm.local_path(file, executor)
        return staged(func, Bring(file.url, file.local_path, dm.token(file), self.limits()))

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any]:
        """The function that sends the file when it has been called."""
        from parsl_like.remote.transfers.intask import Take, staged

        file.local_path = dm.local_path(file, executor)
        return staged(func, Take(file.url, file.local_path, dm.next_token(file), self.limits()))
