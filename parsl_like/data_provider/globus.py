"""Files that Globus moves between its collections and the place where an executor's tasks run."""

from __future__ import annotations

import os
import posixpath
from concurrent import futures
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect, expect_positive, expect_word
from parsl_like.data_provider.globus_batch import Carried
from parsl_like.data_provider.staging import Staging
from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.data_provider.files import File
    from parsl_like.data_provider.globus_link import Order
    from parsl_like.data_provider.globus_poller import Poller


@spelled()
@dataclass
class GlobusStaging(Staging, Description):
    """Moves ``globus://COLLECTION/path`` files to and from the collection at which an executor's tasks see theirs.

    Many files travel in one task of Globus, and one thread looks after all of them. The executor needs a
    ``working_dir`` that all its workers and the collection see. Before the first run, log in: ``parsl-like
    globus-auth``.
    """

    endpoint_uuid: str = field(metadata={"help": "The collection (endpoint) that tasks see, by its UUID."})
    endpoint_path: str | None = field(
        default=None, metadata={"help": "The endpoint's path of what tasks see as local_path; None for the same."}
    )
    local_path: str | None = field(
        default=None, metadata={"help": "Tasks' path of what the endpoint has at endpoint_path; None for the same."}
    )
    verify_checksum: bool = field(
        default=True, kw_only=True, metadata={"help": "Compare the checksums of both ends after a transfer."}
    )
    sync_level: Literal["exists", "size", "mtime", "checksum"] | None = field(
        default="checksum",
        kw_only=True,
        metadata={"help": "By what a file that is there already is known to be the same; None to move all."},
    )
    encrypt_data: bool = field(default=False, kw_only=True, metadata={"help": "Encrypt the contents on their way."})
    total: float | None = field(
        default=None,
        kw_only=True,
        metadata={"help": "Seconds that one transfer may take in all; None for Globus's bound of a day."},
    )
    patience: float = field(
        default=600.0,
        kw_only=True,
        metadata={"help": "Seconds that a transfer may have a fault and not get on, or Globus not answer."},
    )

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_word(self, "endpoint_uuid")
        for name in ("endpoint_path", "local_path"):
            value = getattr(self, name)
            expect(self, name, value is None or value.startswith(("/", "~")), "None or a path that begins with /")
        expect_positive(self, "total", optional=True)
        expect_positive(self, "patience")

    def can_stage_in(self, file: File) -> bool:
        """Whether it is a ``globus:`` URL."""
        return file.scheme == "globus"

    def can_stage_out(self, file: File) -> bool:
        """Whether it is a ``globus:`` URL."""
        return file.scheme == "globus"

    def stage_in(
        self, dm: DataManager, executor: str, file: File, parent_fut: Future[Any] | None
    ) -> Future[Any] | None:
        """Have the file brought; the future of the file, None if it is where it should be.

        Raises:
            StagingError: the URL or the executor's ``working_dir`` will not do, or the user has not logged in.
        """
        order = self._order(dm, executor, file, inwards=True)
        if order.is_done:
            return None
        globus = _service(dm, order.url)
        made = dm.made_here(file, executor, parent_fut)
        if made is None:
            return dm.transfer(globus, order, file, executor, parent_fut, join=True)
        return dm.transfer(globus.fill, order, file, executor, made, join=True)

    def stage_out(self, dm: DataManager, executor: str, file: File, app_fu: Future[Any]) -> Future[Any] | None:
        """Have the file taken away when its maker has ended; the future of the file, None if it stays where it is.

        Raises:
            StagingError: as for :meth:`stage_in`.
        """
        order = self._order(dm, executor, file, inwards=False)
        dm.note_maker(file, executor, app_fu)
        return None if order.is_done else dm.transfer(_service(dm, order.url), order, file, executor, app_fu, join=True)

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The function with a directory for the file."""
        self._order(dm, executor, file, inwards=False)
        return dm.with_room(file, executor, func)

    def _order(self, dm: DataManager, executor: str, file: File, *, inwards: bool) -> Order:
        from parsl_like.data_provider.globus_link import Order, Route, Terms
        from parsl_like.remote.transfers.urls import shown

        url = shown(file.url)
        if not file.netloc or not file.path.strip("/") or file.path.endswith("/"):
            raise StagingError(url, "it names no file of a collection, as in globus://UUID/path/of/file")
        file.local_path = dm.local_path(file, executor, posixpath.basename(unquote(file.path)))
        if not os.path.isabs(file.local_path):
            raise StagingError(
                url,
                f"executor {executor} has no working_dir, so Globus cannot be told where its tasks want the file;"
                " give it one, absolute, on a file system that all its workers and the collection share",
            )
        terms = Terms(self.verify_checksum, self.sync_level, self.encrypt_data, self.total, self.patience)
        far, near = unquote(file.path), self._seen_by_globus(url, file.local_path)
        if inwards:
            return Order(Route(file.netloc, self.endpoint_uuid, terms), url, far, near, file.local_path)
        return Order(Route(self.endpoint_uuid, file.netloc, terms), url, near, far, file.local_path)

    def _seen_by_globus(self, url: str, path: str) -> str:
        """The collection's path of what tasks see at a path.

        Raises:
            StagingError: it is outside of what the collection shows.
        """
        local = self.local_path if self.local_path is not None else self.endpoint_path
        shows = self.endpoint_path if self.endpoint_path is not None else self.local_path
        if local is None or shows is None:
            return path
        relative = os.path.relpath(path, local)
        if relative == os.pardir or relative.startswith(os.pardir + os.sep):
            raise StagingError(
                url, f"{path} is not below {local}, which collection {self.endpoint_uuid} shows as {shows}"
            )
        return posixpath.join(shows, *relative.split(os.sep))


class _Globus:
    """What stands for a file on its way among the tasks of a run: it begins when its turn has come and holds no thread.

    Args:
        poller: Who moves files.
    """

    __name__ = "globus_transfer"

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self.fill = _Fill(poller)

    def __call__(self, order: Order, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Future[Carried]:
        return self._poller.move(order)

    def close(self, deadline: float) -> None:
        """Cancel what is under way."""
        self._poller.close(deadline)


class _Fill:
    """The same for a file that another task makes where it is wanted, unless the result of that is remembered.

    Args:
        poller: Who moves files.
    """

    __name__ = "globus_fill"

    def __init__(self, poller: Poller) -> None:
        self._poller = poller

    def __call__(self, order: Order, after: Any = None, *, _parsl_staging_inhibit: bool = True) -> Future[Carried]:
        if not os.path.exists(order.path):  # or it cannot be seen from here; Globus moves what is missing
            return self._poller.move(order)
        there: Future[Carried] = futures.Future()
        there.set_result(Carried(order.url, order.path, None, 0.0, 0))
        return there


def _service(dm: DataManager, url: str) -> _Globus:
    return dm.service("globus", lambda: _Globus(_opened(dm, url)))


def _opened(dm: DataManager, url: str) -> Poller:
    """Who moves files for a run.

    Raises:
        StagingError: nobody can, since the user has not logged in, or a package is missing.
    """
    from parsl_like.data_provider.globus_link import Link, transfer_client
    from parsl_like.data_provider.globus_login import authorizer
    from parsl_like.data_provider.globus_poller import Poller
    from parsl_like.errors import OptionalModuleMissing
    from parsl_like.remote.transfers.trouble import Trouble

    try:
        link = Link(transfer_client(authorizer()))
    except OptionalModuleMissing as error:
        raise StagingError(url, str(error)) from error
    except Trouble as trouble:
        raise StagingError(url, trouble.reason) from trouble.__cause__
    recorder = getattr(dm.dfk, "recorder", None)
    return Poller(link, str(getattr(dm.dfk, "run_id", "")), None if recorder is None else recorder.record)
