"""The base of staging providers: ways to bring files to tasks and results away from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.data_provider.files import File


class Staging:
    """A way for files to travel. A subclass says which files it takes, and overrides what it needs to.

    A transfer is done in one of two ways. *Before or after* the task: ``stage_in`` or ``stage_out`` starts it and gives
    its future; the task waits for the one, whoever wants the result for the other. Or *inside* the task:
    ``replace_task`` or ``replace_task_stage_out`` gives a function that does it around the task's own.

    All methods are called once for each file of a call, in the thread that makes the call, before it is submitted.
    They may change ``file.local_path``: the file is a copy that belongs to this one call.

    Attributes:
        once_per_place: Whether a file that ``stage_in`` has brought for one call need not be brought for others that
            want the same URL on the same executor. Then it is called once for them all, and the future that it gives
            has to end with the File.
    """

    once_per_place: ClassVar[bool] = True

    def can_stage_in(self, file: File) -> bool:
        """Whether this brings such a file to a task; the first that says so gets it."""
        return False

    def can_stage_out(self, file: File) -> bool:
        """Whether this takes such a file away from a task; the first that says so gets it."""
        return False

    def stage_in(
        self, dm: DataManager, executor: str, file: File, parent_fut: Future[Any] | None
    ) -> Future[Any] | None:
        """Start to bring a file to where the executor's tasks run.

        Args:
            dm: Knows the kernel (``dm.dfk``) and through it the executor's ``working_dir``.
            executor: The executor's label.
            file: The file; where it will be is written to its ``local_path``.
            parent_fut: The future of whoever makes the file, to be waited for; None if it is there.

        Returns:
            A future of the File, or None if nothing has to happen before the task.
        """
        return None

    def stage_out(self, dm: DataManager, executor: str, file: File, app_fu: Future[Any]) -> Future[Any] | None:
        """Arrange for a file to be taken away when its task has ended.

        Args:
            dm: As for :meth:`stage_in`.
            executor: The executor's label.
            file: The file; where the task will make it is written to its ``local_path``.
            app_fu: The future of the task, to be waited for.

        Returns:
            A future that ends when the file is where its URL says; None if that is so as soon as the task has ended.
        """
        return None

    def replace_task(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """A function that first brings the file and then does what ``func`` does, or None to leave it as it is."""
        return None

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """A function that does what ``func`` does and then takes the file away, or None to leave it as it is."""
        return None
