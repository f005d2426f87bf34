"""Futures of files: done when the task that makes the file is, with the File as their value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.dataflow.futures import CANCELLED, FAILED, SUCCEEDED, LazyFuture, run_owed
from parsl_like.dataflow.joins import error_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from parsl_like.dataflow.futures import Owed


class DataFuture(LazyFuture[Any]):
    """The future of one file.

    Args:
        fut: The future of the task (or transfer) that makes it.
        file_obj: The file; text and paths become Files.
        tid: The task's id.

    Raises:
        ValueError: ``file_obj`` is not a file, a path or text.
    """

    __slots__ = ("_parent", "file_obj", "tid")

    def __init__(self, fut: Future[Any], file_obj: Any, tid: int | None = None) -> None:
        from parsl_like.data_provider.files import File

        super().__init__()
        if not isinstance(file_obj, File):
            try:
                file_obj = File(file_obj)
            except TypeError as error:
                raise ValueError(f"DataFuture needs a File, got {type(file_obj).__name__}") from error
        self._parent = fut
        self.file_obj = file_obj
        self.tid = tid
        if isinstance(fut, LazyFuture):
            fut.watch(self._follow)
        else:
            fut.add_done_callback(self.parent_callback)

    def parent_callback(self, parent_fu: Future[Any]) -> None:
        """End as the task has ended."""
        run_owed(self._follow(parent_fu))

    def _follow(self, parent_fu: Future[Any]) -> Sequence[Owed]:
        error = error_of(parent_fu)
        if parent_fu.cancelled():
            self.settle(CANCELLED, None)
        elif error is not None:
            self.settle(FAILED, error)
        else:
            self.settle(SUCCEEDED, self.file_obj)
        return self.tell()

    @property
    def filepath(self) -> str:
        """Where the file is for whoever asks."""
        return str(self.file_obj.filepath)

    @property
    def filename(self) -> str:
        """The same path (Parsl's second name for it)."""
        return self.filepath

    def cancel(self) -> bool:
        """Cancel the task that makes the file."""
        return self._parent.cancel()

    def __repr__(self) -> str:
        from parsl_like.remote.transfers.urls import shown  # a URL may have a password

        file = f"{type(self.file_obj).__name__}({shown(self.file_obj.url)!r})"
        return f"<DataFuture of {file} from task {self.tid}>"
