"""Files of machines that are reached by ssh, before and after a task or within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.data_provider.transfers import InTask, SeparateTasks


@spelled()
@dataclass(kw_only=True)
class SFTPSeparateTaskStaging(SeparateTasks):
    """Fetches and sends ``sftp:`` files by tasks of their own, once for all tasks of an executor that want them.

    The system's ``ssh`` is run where the tasks run, with the keys and known hosts that it finds there. The executor's
    workers have to share a file system.
    """

    schemes: ClassVar[tuple[str, ...]] = ("sftp",)


@spelled()
@dataclass(kw_only=True)
class SFTPInTaskStaging(InTask):
    """Fetches and sends ``sftp:`` files within the task, once for all tasks of a node.

    The system's ``ssh`` is run where the task runs, with the keys and known hosts that it finds there.
    """

    schemes: ClassVar[tuple[str, ...]] = ("sftp",)
