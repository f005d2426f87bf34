"""Files from and to web servers, before and after a task or within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.data_provider.transfers import InTask, SeparateTasks


@spelled()
@dataclass(kw_only=True)
class HTTPSeparateTaskStaging(SeparateTasks):
    """Fetches ``http:`` and ``https:`` files by a task of their own, once for all tasks of an executor that want them.

    The executor's workers have to share a file system: the task may run on another of its nodes. A file in ``outputs``
    is sent by PUT.
    """

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")


@spelled()
@dataclass(kw_only=True)
class HTTPInTaskStaging(InTask):
    """Fetches ``http:`` and ``https:`` files within the task that wants them, once for all tasks of a node.

    Nothing has to be shared between the nodes. A file in ``outputs`` is sent by PUT.
    """

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
