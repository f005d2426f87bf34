"""Staging at submission: which provider brings or takes each file of a call, and what the call becomes by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from parsl_like.core.unbuilt import Unbuilt, is_unbuilt
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.data_provider.files import File
from parsl_like.data_provider.ftp import FTPSeparateTaskStaging
from parsl_like.data_provider.http import HTTPSeparateTaskStaging
from parsl_like.data_provider.staging import Staging  # noqa: TC001 - older programs look for it here
from parsl_like.data_provider.zip import ZipFileStaging
from parsl_like.errors import StagingError

T = TypeVar("T")

Function = Callable[..., Any]
FileFutures = Callable[[Future[Any], File, int | None], Future[Any]]
"""Makes the future of a file: of a task or transfer, the file, and the task's id."""

Place = Literal["outputs", "stdout", "stderr"]
STREAMS: tuple[Place, ...] = ("stdout", "stderr")
INHIBIT = ("_parsl_staging_inhibit", "_parsl_like_staging_inhibit")
"""Keywords by which the tasks of a staging provider say that their files are to be left alone."""

default_staging: list[Staging] = [
    NoOpFileStaging(),
    FTPSeparateTaskStaging(),
    HTTPSeparateTaskStaging(),
    ZipFileStaging(),
]
"""What executors can do without being told, tried after their ``storage_access``."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file, or anything else, that a call promises to make.

    Attributes:
        place: The keyword that promises it.
        given: What the caller wrote.
        file: The call's own copy of it; None if it is no file, or is left alone.
        staging: Who takes it away; None if nobody.
    """

    place: Place
    given: Any
    file: File | None = None
    staging: Staging | None = None


@dataclass(frozen=True, slots=True)
class StagedCall:
    """A call after staging: with files of its own, wrapped where its files travel inside the task.

    Attributes:
        func: What to run.
        args: Positional arguments; a file that has to be brought is a future, and so one more dependency.
        kwargs: Keyword arguments likewise; the caller's dict and lists are not changed.
        outgoing: What the call promises to make, in order.
        executor: The executor's label.
        manager: Who staged it.
    """

    func: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outgoing: tuple[Outgoing, ...]
    executor: str
    manager: DataManager

    def output_futures(self, app_future: Future[Any], make: Callable[[Future[Any], Any], T]) -> list[T]:
        """One future for each of ``outputs``. Asked before the call is packed: a transfer may say where its file is.

        Args:
            app_future: The task's future.
            make: Makes the future of a file from the one it ends with and what the caller wrote.
        """
        return [make(self._end(out, app_future), out.given) for out in self.outgoing if out.place == "outputs"]

    def stream_future(self, place: Place, app_future: Future[Any], make: Callable[[Future[Any], Any], T]) -> T | None:
        """The future of ``stdout`` or ``stderr``, if a File was given there; else None."""
        for out in self.outgoing:
            if out.place == place:
                return make(self._end(out, app_future), out.given)
        return None

    def _end(self, out: Outgoing, app_future: Future[Any]) -> Future[Any]:
        if out.staging is None or out.file is None:
            return app_future
        transfer = out.staging.stage_out(self.manager, self.executor, out.file, app_future)
        return app_future if transfer is None else transfer


class DataManager:
    """Knows who moves files. Called by the threads that submit; the kernel's own threads never do.

    A transfer that is under way is shared by all calls that want the same URL at the same place.

    Args:
        dfk: The kernel, for staging providers that submit tasks.
        defaults: Tried after an executor's own ``storage_access``.
        file_future: Makes the future of a file; needed where a provider works inside the task on a file that
            another task makes.
    """

    def __init__(
        self, dfk: Any = None, defaults: Sequence[Staging] = default_staging, file_future: FileFutures | None = None
    ) -> None:
        self.dfk = dfk
        self._defaults = tuple(defaults)
        self._file_future = file_future
        self._transfers: dict[tuple[str, str, str], Future[Any]] = {}

    def stage(self, kwargs: Mapping[str, Any], args: Sequence[Any], func: Function, executor: Any) -> StagedCall:
        """What a call becomes so that its files travel. Worth calling only if :func:`carries_files` says so.

        Args:
            kwargs: Keyword arguments.
            args: Positional arguments.
            func: What they are for.
            executor: The description of the executor that will run it, or its label.

        Raises:
            StagingError: nobody takes a file.
            Exception: whatever a staging provider raises.
        """
        staged = dict(kwargs)
        label = str(getattr(executor, "label", executor))
        if any(kwargs.get(word) for word in INHIBIT):
            left_alone = tuple(Outgoing("outputs", given) for given in kwargs.get("outputs") or ())
            return StagedCall(func, tuple(args), staged, left_alone, label, self)
        if kwargs.get("inputs"):
            inputs = []
            for given in kwargs["inputs"]:
                brought, func = self.optionally_stage_in(given, func, executor)
                inputs.append(brought)
            staged["inputs"] = inputs
        for name, given in kwargs.items():
            if name not in STREAMS and _may_travel(given):
                staged[name], func = self.optionally_stage_in(given, func, executor)
        brought_args = []
        for given in args:
            brought, func = self.optionally_stage_in(given, func, executor)
            brought_args.append(brought)
        outgoing, func = self._stage_outputs(staged, func, executor)
        return StagedCall(func, tuple(brought_args), staged, outgoing, label, self)

    # --- one file, by Parsl's names -----------------------------------------------------------------------------

    def optionally_stage_in(self, input: Any, func: Function, executor: Any) -> tuple[Any, Function]:
        """An argument and the function as they become by bringing the argument, if it is a file or the future of one.

        Raises:
            StagingError: nobody takes the file.
        """
        if not _may_travel(input):
            return input, func
        file: File = (input if isinstance(input, File) else input.file_obj).cleancopy()
        brought = self.stage_in(file, input, executor)
        wrapped = self.replace_task(file, func, executor)
        if brought is input and not isinstance(input, File) and (wrapped is not func or file.local_path is not None):
            if self._file_future is None:
                raise StagingError(file.url, "the kernel makes no futures of files, so a transfer cannot wait for one")
            brought = self._file_future(input, file, getattr(input, "tid", None))
        return brought, wrapped

    def stage_in(self, file: File, input: Any, executor: Any) -> Any:
        """What an argument becomes: the future of a transfer, the call's own copy of the file, or itself.

        Raises:
            StagingError: nobody takes the file.
        """
        staging = self._taker("can_stage_in", file, executor)
        label = str(getattr(executor, "label", executor))
        if not isinstance(input, File):
            future = staging.stage_in(self, label, file, input)
            return input if future is None else future
        key = (file.url, label, str(getattr(executor, "working_dir", None)))
        under_way = self._transfers.get(key)
        if under_way is not None:
            return under_way
        future = staging.stage_in(self, label, file, None)
        if future is None:
            return file
        self._transfers[key] = future
        future.add_done_callback(partial(self._transferred, key))
        return future

    def _transferred(self, key: tuple[str, str, str], future: Future[Any]) -> None:
        if self._transfers.get(key) is future:  # and not one that another thread has begun at the same moment
            del self._transfers[key]

    def replace_task(self, file: File, func: Function, executor: Any) -> Function:
        """The function that brings the file itself, or the same function."""
        staging = self._taker("can_stage_in", file, executor)
        return staging.replace_task(self, str(getattr(executor, "label", executor)), file, func) or func

    def stage_out(self, file: File, executor: Any, app_fu: Future[Any]) -> Future[Any] | None:
        """The future of the transfer that takes a file away, None if there is none.

        Raises:
            StagingError: nobody takes the file.
        """
        staging = self._taker("can_stage_out", file, executor)
        return staging.stage_out(self, str(getattr(executor, "label", executor)), file, app_fu)

    def replace_task_stage_out(self, file: File, func: Function, executor: Any) -> Function:
        """The function that takes the file away itself, or the same function."""
        staging = self._taker("can_stage_out", file, executor)
        return staging.replace_task_stage_out(self, str(getattr(executor, "label", executor)), file, func) or func

    # --- parts ---------------------------------------------------------------------------------------------------

    def _stage_outputs(
        self, kwargs: dict[str, Any], func: Function, executor: Any
    ) -> tuple[tuple[Outgoing, ...], Function]:
        promised: list[tuple[Place, Any]] = [("outputs", given) for given in kwargs.get("outputs") or ()]
        promised += [(name, kwargs[name]) for name in STREAMS if isinstance(kwargs.get(name), File)]
        outgoing = []
        for place, given in promised:
            if not isinstance(given, File):
                outgoing.append(Outgoing(place, given))
                continue
            file = given.cleancopy()
            staging = self._taker("can_stage_out", file, executor)
            func = self.replace_task_stage_out(file, func, executor)
            outgoing.append(Outgoing(place, given, file, staging))
        if kwargs.get("outputs"):
            kwargs["outputs"] = [out.file or out.given for out in outgoing if out.place == "outputs"]
        kwargs |= {out.place: out.file for out in outgoing if out.place in STREAMS}
        return tuple(outgoing), func

    def _taker(self, question: str, file: File, executor: Any) -> Staging:
        """The first staging provider that says it takes a file.

        Raises:
            StagingError: none does.
        """
        tried = [*(self._storage_access(executor) or ()), *self._defaults]
        described = None
        for staging in tried:
            if getattr(staging, question)(file):
                if not is_unbuilt(staging):
                    return staging
                described = described or staging
        way = "to" if question == "can_stage_in" else "away from"
        text = f"no staging provider takes a {file.scheme}: URL {way} executor {getattr(executor, 'label', executor)!s}"
        if isinstance(described, Unbuilt):
            lacks = f"{type(described).__name__} is described only: this version cannot {described.missing}"
            raise StagingError(file.url, f"{text} ({lacks}). Instead, {described.meanwhile}")
        names = ", ".join(dict.fromkeys(type(staging).__name__ for staging in tried)) or "none"
        raise StagingError(file.url, f"{text} (tried: {names}). Add one to its storage_access.")

    def _storage_access(self, executor: Any) -> Sequence[Staging] | None:
        if isinstance(executor, str):
            session = self.dfk.executors[executor]
            executor = getattr(session, "description", session)
        access: Sequence[Staging] | None = executor.storage_access
        return access


def carries_files(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call has to be staged: it has ``inputs`` or ``outputs``, or a file among its arguments."""
    if kwargs and ("inputs" in kwargs or "outputs" in kwargs or any(map(_may_travel, kwargs.values()))):
        return True
    return any(map(_may_travel, args))


def _may_travel(argument: Any) -> bool:
    """Whether an argument is a file or the future of one."""
    if isinstance(argument, File):
        return True
    # Asked of the class: the futures of apps answer any attribute asked of an instance with one more future.
    return isinstance(argument, Future) and hasattr(type(argument), "file_obj")
