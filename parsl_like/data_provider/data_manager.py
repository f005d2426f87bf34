"""Staging at submission: which provider brings or takes each file of a call, and what the call becomes by it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from parsl_like.data_provider.deliveries import Deliveries
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.data_provider.files import File
from parsl_like.data_provider.ftp import FTPSeparateTaskStaging
from parsl_like.data_provider.http import HTTPSeparateTaskStaging
from parsl_like.data_provider.recalls import Recalls, is_task
from parsl_like.data_provider.services import Served, Services, TransferFuture
from parsl_like.data_provider.staging import Staging  # noqa: TC001 - older programs look for it here
from parsl_like.data_provider.whereabouts import Whereabouts
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

    A file is brought to a place once in a run: calls that want the same URL there share the transfer while it is under
    way, and find the file afterwards. Who changes a file on its server says so by :meth:`forget`.

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
        self._deliveries = Deliveries()
        self._services = Services()
        self._recalls = Recalls()
        self._whereabouts = Whereabouts(str(getattr(dfk, "run_id", "")))

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
        start = partial(staging.stage_in, self, label, file, None)
        if not getattr(staging, "once_per_place", True):
            future = start()
            return file if future is None else future
        return self._deliveries.brought((file.url, label, self.folder(executor)), file, start)

    def forget(self, file: File) -> None:
        """The file has another content from now on: tasks that are called later have it brought again."""
        self._whereabouts.next_token(file)
        self._deliveries.forget(file.url)

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

    # --- for staging providers -----------------------------------------------------------------------------------

    def folder(self, executor: Any) -> str:
        """The directory of an executor's staged files; "" for that in which its tasks run.

        Args:
            executor: Its description or its label.
        """
        working_dir = getattr(self._described(executor), "working_dir", None)
        return "" if working_dir is None else os.fspath(working_dir)

    def local_path(self, file: File, executor: str, name: str | None = None) -> str:
        """The path of a staged file for the tasks of an executor; files of one name do not meet there.

        Args:
            file: The file.
            executor: The executor's label.
            name: Its name there; None for the last part of its URL.

        Raises:
            StagingError: the name would lead out of the directory, or there is none.
        """
        return self._whereabouts.path(file, executor, self.folder(executor), name)

    def token(self, file: File) -> str:
        """What tells the file as it is now from what it was; for notes where tasks run."""
        return self._whereabouts.token(file)

    def next_token(self, file: File) -> str:
        """The same for a task that makes the file anew; who wanted it before is not served with it."""
        self.forget(file)
        return self._whereabouts.token(file)

    def service(self, name: str, make: Callable[[], Served]) -> Served:
        """What a provider keeps for a whole run: made when it is first asked for, and closed with the run.

        Args:
            name: The provider's name for it; the same for all of its kind.
            make: Makes it, for one caller at a time.

        Raises:
            Exception: what ``make`` raises.
        """
        return self._services.get(name, make)

    def close(self, deadline: float) -> None:
        """Close what providers keep; nothing is to be moved any more.

        Args:
            deadline: Until when that may take, in monotonic seconds.
        """
        self._services.close(deadline)

    def transfer(
        self, func: Function, what: Any, file: File, executor: str, after: Future[Any] | None, *, join: bool = False
    ) -> Future[Any]:
        """Submit a task that moves a file; the future of the file.

        Args:
            func: What the task does, ``func(what, after, _parsl_staging_inhibit=True)``.
            what: Its argument, small and without futures.
            file: The file, with its ``local_path``.
            executor: The label of the executor that runs it.
            after: What it has to wait for; None if it can begin.
            join: Whether ``func`` gives a future, in this process, by which somebody else tells of the end.
        """
        wanted: tuple[Any, ...] = (after,)
        if after is not None and self._file_future is not None:
            wanted = (self._file_future(after, file, getattr(after, "tid", None)),)  # not a result that may be large
        if after is not None and is_task(after):
            from parsl_like.remote.transfers.unless import unless_recalled

            func = unless_recalled(func, join=join)
            wanted = (*wanted, self._recalls.before(file.url, after))
        keywords = {INHIBIT[0]: True}
        labels = "all" if join else [executor]
        future = self.dfk.submit(func, app_args=(what, *wanted), executors=labels, app_kwargs=keywords, join=join)
        if len(wanted) > 1:
            self._recalls.note(file.url, future)
        future.add_done_callback(partial(self._tell, file, executor))
        task = getattr(future, "tid", None)
        if join:
            future = TransferFuture(future, file)
        return future if self._file_future is None else self._file_future(future, file, task)

    def made_here(self, file: File, executor: str, parent: Future[Any] | None) -> Future[Any] | None:
        """The future of a file that a task of the same executor makes, if its workers share their files; else None.

        Args:
            file: The file; its ``local_path`` is where that task leaves it.
            executor: The executor's label.
            parent: The future of the file.
        """
        if parent is None or self._file_future is None:
            return None
        if not self._whereabouts.is_made_here(file, executor, parent):
            return None
        return self._file_future(parent, file, getattr(parent, "tid", None))

    def has_maker(self, file: File, executor: str) -> bool:
        """Whether :meth:`note_maker` was told of a task that makes the file; it does not if its result is remembered.

        Args:
            file: The file.
            executor: The executor's label.
        """
        return self._whereabouts.has_maker(file, executor)

    def note_maker(self, file: File, executor: str, app_fu: Future[Any]) -> None:
        """A task of the executor makes the file and leaves it at its ``local_path``."""
        self.forget(file)
        self._whereabouts.made_by(file, executor, app_fu)

    def with_room(self, file: File, executor: str, func: Function) -> Function | None:
        """The function, called when there is a directory for a file that it makes; None if there is one anyway."""
        from parsl_like.remote.transfers.intask import Room, staged
        from parsl_like.remote.transfers.urls import shown

        path = file.local_path if file.local_path is not None else self.local_path(file, executor)
        if not os.path.dirname(path):
            return None
        return staged(func, Room(path, self.folder(executor), shown(file.url)))

    def _tell(self, file: File, executor: str, future: Future[Any]) -> None:
        """Leave a record of a transfer that has ended."""
        recorder = getattr(self.dfk, "recorder", None)
        if recorder is None or future.cancelled():
            return
        import time

        from parsl_like.core.records import Record, reason_of
        from parsl_like.remote.transfers.urls import shown

        error = future.exception()
        facts: dict[str, Any] = {"task": getattr(future, "tid", None), "executor": executor, "path": file.local_path}
        if error is not None:
            facts["failed"] = reason_of(error)
        else:
            moved = future.result()
            if moved.tries == 0:  # there was nothing to do
                return
            facts |= {"bytes": moved.size, "seconds": round(moved.seconds, 6), "tries": moved.tries}
        recorder.record(Record("transfer", time.time(), shown(file.url), facts))

    # --- parts ---------------------------------------------------------------------------------------------------

    def _stage_outputs(
        self, kwargs: dict[str, Any], func: Function, executor: Any
    ) -> tuple[tuple[Outgoing, ...], Function]:
        promised: list[tuple[Place, Any]] = [("outputs", given) for given in kwargs.get("outputs") or ()]
        promised += [(name, kwargs[name]) for name in STREAMS if _stream_file(kwargs.get(name)) is not None]
        outgoing = []
        for place, given in promised:
            promise = given if place == "outputs" else _stream_file(given)
            if not isinstance(promise, File):
                outgoing.append(Outgoing(place, given))
                continue
            file = promise.cleancopy()
            staging = self._taker("can_stage_out", file, executor)
            func = self.replace_task_stage_out(file, func, executor)
            outgoing.append(Outgoing(place, promise, file, staging))
        if kwargs.get("outputs"):
            kwargs["outputs"] = [out.file or out.given for out in outgoing if out.place == "outputs"]
        for out in outgoing:
            if out.place in STREAMS:
                mode = kwargs[out.place][1:] if isinstance(kwargs[out.place], tuple) else ()
                kwargs[out.place] = (out.file, *mode) if mode else out.file
        return tuple(outgoing), func

    def _taker(self, question: str, file: File, executor: Any) -> Staging:
        """The first staging provider that says it takes a file.

        Raises:
            StagingError: none does.
        """
        tried = [*(self._storage_access(executor) or ()), *self._defaults]
        for staging in tried:
            if getattr(staging, question)(file):
                return staging
        way = "to" if question == "can_stage_in" else "away from"
        text = f"no staging provider takes a {file.scheme}: URL {way} executor {getattr(executor, 'label', executor)!s}"
        names = ", ".join(dict.fromkeys(type(staging).__name__ for staging in tried)) or "none"
        raise StagingError(_shown(file), f"{text} (tried: {names}). Add one to its storage_access.")

    def _storage_access(self, executor: Any) -> Sequence[Staging] | None:
        access: Sequence[Staging] | None = self._described(executor).storage_access
        return access

    def _described(self, executor: Any) -> Any:
        """The description of an executor that may be given by its label."""
        if not isinstance(executor, str):
            return executor
        session = self.dfk.executors[executor]
        return getattr(session, "description", session)


def carries_files(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call has to be staged: it has ``inputs`` or ``outputs``, or a file among its arguments."""
    if kwargs and ("inputs" in kwargs or "outputs" in kwargs or any(map(_may_travel, kwargs.values()))):
        return True
    if kwargs and any(name in kwargs and _stream_file(kwargs[name]) is not None for name in STREAMS):
        return True
    return any(map(_may_travel, args))


def _stream_file(given: Any) -> File | None:
    """The file to which a stream goes: given as it is, or with the mode in which it is opened."""
    if isinstance(given, tuple) and given:
        given = given[0]
    return given if isinstance(given, File) else None


def _may_travel(argument: Any) -> bool:
    """Whether an argument is a file or the future of one."""
    if isinstance(argument, File):
        return True
    # Asked of the class: the futures of apps answer any attribute asked of an instance with one more future.
    return isinstance(argument, Future) and hasattr(type(argument), "file_obj")


def _shown(file: File) -> str:
    from parsl_like.remote.transfers.urls import shown  # only an error needs it

    return shown(file.url)
