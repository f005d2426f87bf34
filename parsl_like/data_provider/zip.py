"""Files that are members of ZIP archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.data_provider.staging import Staging
from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.data_provider.files import File
    from parsl_like.remote.transfers.archives import Member


@spelled()
@dataclass
class ZipFileStaging(Staging, Description):
    """Takes ``zip:/path/to/archive.zip/name/within`` out of archives and puts them in, each by a task of its own.

    The archive's path ends with the first ``.zip`` that a ``/`` follows. Several tasks may put files into one archive;
    they do it one after the other.
    """

    def can_stage_in(self, file: File) -> bool:
        """Whether it is a ``zip:`` URL."""
        return file.scheme == "zip"

    def can_stage_out(self, file: File) -> bool:
        """Whether it is a ``zip:`` URL."""
        return file.scheme == "zip"

    def stage_in(self, dm: DataManager, executor: str, file: File, parent_fut: Future[Any] | None) -> Future[Any]:
        """Submit the task that takes the file out; the future of the file."""
        from parsl_like.remote.transfers.archives import unpack

        return dm.transfer(unpack, _member(dm, executor, file), file, executor, parent_fut)

    def stage_out(self, dm: DataManager, executor: str, file: File, app_fu: Future[Any]) -> Future[Any]:
        """Submit the task that puts the file in when its maker has ended; the future of the file."""
        from parsl_like.remote.transfers.archives import pack

        return dm.transfer(pack, _member(dm, executor, file), file, executor, app_fu)

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The function with a directory for the file."""
        _member(dm, executor, file)
        return dm.with_room(file, executor, func)


def _member(dm: DataManager, executor: str, file: File) -> Member:
    from parsl_like.remote.transfers.archives import Member

    archive, name = split(file)
    file.local_path = dm.local_path(file, executor, name)
    return Member(file.url, archive, name, file.local_path, dm.folder(executor))


def split(file: File) -> tuple[str, str]:
    """The path of the archive and the name within.

    Raises:
        StagingError: the URL does not say both.
    """
    head, dot, name = file.path.partition(".zip/")
    if not dot or not name:
        raise StagingError(file.url, "it names no member of an archive, as in zip:/path/archive.zip/name")
    return f"{head}.zip", name
