"""Files that tasks copy by rsync: from and to the machine of the program, and from and to daemons."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect, expect_positive, expect_whole, expect_word
from parsl_like.data_provider.staging import Staging
from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.data_provider.files import File
    from parsl_like.remote.transfers.limits import Limits
    from parsl_like.remote.transfers.rsync import Far


@spelled()
@dataclass
class RSyncStaging(Staging, Description):
    """Copies files by rsync, within the task, where workers see none of this machine's files.

    Files at paths are copied from and to this machine, which workers reach as ``hostname``: by ssh for ``user@host``,
    from a daemon for ``host::module`` or ``rsync://user@host:port/module``. ``rsync://host/module/path`` URLs are taken
    as well, and need no ``hostname``. ``rsync`` has to be installed where tasks run and at the other side; keys and
    known hosts are those that ssh finds where tasks run.
    """

    hostname: str | None = field(
        default=None, metadata={"help": "This machine as workers reach it by rsync, with a user if need be."}
    )
    ssh: Sequence[str] = field(
        default=("ssh",), kw_only=True, metadata={"help": "The words that start ssh, with options of your own."}
    )
    module_root: str = field(
        default="/", kw_only=True, metadata={"help": "The directory of this machine that the daemon's module shows."}
    )
    timeout: float = field(
        default=60.0, kw_only=True, metadata={"help": "Seconds without news from the other side that end a try."}
    )
    total: float | None = field(
        default=None, kw_only=True, metadata={"help": "Seconds that one transfer may take in all; None for no bound."}
    )
    tries: int = field(default=5, kw_only=True, metadata={"help": "Tries in a row that may bring nothing new."})
    progress_period: float = field(
        default=10.0, kw_only=True, metadata={"help": "Seconds between two records of how far a transfer is."}
    )

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_word(self, "hostname", optional=True)
        host = self.hostname or ""
        good = not host.startswith("-") and "@-" not in host and "//-" not in host and not any(map(str.isspace, host))
        expect(self, "hostname", good, "a host with a user if need be, without spaces, that begins with no hyphen")
        expect(self, "ssh", bool(self.ssh) and not isinstance(self.ssh, str), "the words of a command, as a list")
        expect(self, "module_root", self.module_root.startswith("/"), "a path that begins with /")
        expect_positive(self, "timeout", "progress_period")
        expect_positive(self, "total", optional=True)
        expect_whole(self, "tries", least=1)

    def can_stage_in(self, file: File) -> bool:
        """Whether it is a path, for which there is a host to copy it from, or a ``rsync:`` URL."""
        return file.scheme == "rsync" or (file.scheme == "file" and self.hostname is not None)

    def can_stage_out(self, file: File) -> bool:
        """Whether it is a path, for which there is a host to copy it to, or a ``rsync:`` URL."""
        return self.can_stage_in(file)

    def replace_task(self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function that fetches the file first, unless a task has done it there before."""
        from parsl_like.remote.transfers.intask import staged
        from parsl_like.remote.transfers.rsync import BringByRsync

        return staged(func, self._step(BringByRsync, dm, executor, file, dm.token(file)))

    def replace_task_stage_out(
        self, dm: DataManager, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any]:
        """The function that sends the file when it has been called."""
        from parsl_like.remote.transfers.intask import staged
        from parsl_like.remote.transfers.rsync import TakeByRsync

        if file.scheme == "file":
            with suppress(OSError):  # then rsync will say so
                os.makedirs(os.path.dirname(os.path.abspath(file.path)), exist_ok=True)
        return staged(func, self._step(TakeByRsync, dm, executor, file, dm.next_token(file)))

    def limits(self) -> Limits:
        """The bounds as a transfer takes them."""
        from parsl_like.remote.transfers.limits import Limits

        return Limits(silence=self.timeout, total=self.total, tries=self.tries, progress_period=self.progress_period)

    def _step(self, kind: Any, dm: DataManager, executor: str, file: File, token: str) -> Any:
        from parsl_like.remote.transfers.urls import shown

        name = posixpath.basename(unquote(file.path)) if file.scheme == "rsync" else file.filename
        file.local_path = dm.local_path(file, executor, name)
        return kind(shown(file.url), self._far(file), file.local_path, token, self.limits())

    def _far(self, file: File) -> Far:
        """Where rsync finds the file.

        Raises:
            StagingError: the URL does not say it, or the file is outside of what the daemon shows.
        """
        from parsl_like.remote.transfers.rsync import Far
        from parsl_like.remote.transfers.urls import shown

        if file.scheme == "rsync":
            return _of_url(file.url, unquote(file.path).lstrip("/"))
        host, path = self.hostname or "", os.path.abspath(file.path)
        if not host.startswith("rsync://") and "::" not in host.partition("]")[2 if "]" in host else 0]:
            return Far(f"{host}:", path, tuple(self.ssh))
        relative = os.path.relpath(path, self.module_root)
        if relative == os.pardir or relative.startswith(os.pardir + os.sep):
            raise StagingError(shown(file.url), f"{path} is not below {self.module_root}, which the daemon shows")
        if host.startswith("rsync://"):
            module = urlsplit(host).path.strip("/")
            return _of_url(host, f"{module}/{relative}")
        return Far(f"{host.rstrip('/')}/", relative)


def _of_url(url: str, path: str) -> Far:
    """A file of a daemon.

    Raises:
        StagingError: the URL names no host, or no module and file.
    """
    from parsl_like.remote.transfers.rsync import Far
    from parsl_like.remote.transfers.urls import shown

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise StagingError(shown(url), "it is no URL") from error
    host = parts.hostname or ""
    module, slash, rest = path.partition("/")
    if not host or not module or not slash or not rest:
        raise StagingError(shown(url), "it names no file of a daemon, as in rsync://host/module/path/of/file")
    if host.startswith("-") or (parts.username or "").startswith("-"):
        raise StagingError(shown(url), "its host or user begins with a hyphen")
    user = f"{unquote(parts.username)}@" if parts.username else ""
    at = f"[{host}]" if ":" in host else host
    base = f"rsync://{user}{at}{'' if port is None else f':{port}'}/"
    return Far(base, path, password=None if parts.password is None else unquote(parts.password))
