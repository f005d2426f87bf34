"""Files from and to FTP servers, before and after a task or within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.data_provider.transfers import InTask, SeparateTasks


@spelled()
@dataclass(kw_only=True)
class FTPSeparateTaskStaging(SeparateTasks):
    """Fetches ``ftp:`` and ``ftps:`` files by a task of their own, once for all tasks of an executor that want them.

    The executor's workers have to share a file system: the task may run on another of its nodes. A file in ``outputs``
    is sent.
    """

    schemes: ClassVar[tuple[str, ...]] = ("ftp", "ftps")


@spelled()
@dataclass(kw_only=True)
class FTPInTaskStaging(InTask):
    """Fetches ``ftp:`` and ``ftps:`` files within the task that wants them, once for all tasks of a node.

    Nothing has to be shared between the nodes. A file in ``outputs`` is sent.
    """

    schemes: ClassVar[tuple[str, ...]] = ("ftp", "ftps")
