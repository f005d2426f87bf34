"""What a channel is: a description of a way to run commands and move files, opened into a session by a run."""

from __future__ import annotations

import dataclasses
import os
from contextlib import closing
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from parsl_like.core.description import Description

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.ports import ChannelSession

PATIENCE_S = 60.0
"""How long a command given without a limit may take."""


@dataclasses.dataclass
class Channel(Description):
    """The base of all channels.

    A class derives from it and says how to ``open`` a session. The methods of Parsl 1.2 are there for programs that
    use a channel by hand: each opens a session of its own and closes it.
    """

    @property
    def script_dir(self) -> str | None:
        """Where a provider puts scripts on the other side; None leaves that to the run."""
        return self.__dict__.get("_script_dir")

    @script_dir.setter
    def script_dir(self, value: str | None) -> None:
        object.__setattr__(self, "_script_dir", value)

    def open(self) -> ChannelSession:
        """A session through which commands run and files move.

        Raises:
            ChannelError: the other side cannot be reached.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to open a session")

    def execute_wait(
        self, cmd: str, walltime: float | None = None, envs: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Run a line of shell text and wait for it.

        Args:
            cmd: Text for bash.
            walltime: Seconds it may take; a minute if not given.
            envs: Variables to add to its environment.

        Returns:
            Exit code, standard output and standard error.

        Raises:
            ChannelError: it could not be run, or took too long and was killed with everything it had started.
        """
        argv = ["env", *(f"{name}={value}" for name, value in (envs or {}).items()), "bash", "-c", cmd]
        with closing(self.open()) as session:
            result = session.run(argv, timeout=PATIENCE_S if walltime is None else walltime)
        return result.exit_code, result.stdout, result.stderr

    def push_file(self, source: str, dest_dir: str) -> str:
        """Copy a local file into a folder there; gives its path there."""
        target = PurePath(dest_dir, os.path.basename(source))
        with closing(self.open()) as session:
            session.push(Path(source), target)
        return str(target)

    def pull_file(self, remote_source: str, local_dir: str) -> str:
        """Copy a file from there into a local folder; gives its local path."""
        target = Path(local_dir, os.path.basename(remote_source))
        with closing(self.open()) as session:
            session.pull(PurePath(remote_source), target)
        return str(target)

    def makedirs(self, path: str, mode: int = 0o777, exist_ok: bool = False) -> None:
        """Make a folder there, with those above it, as ``os.makedirs`` does here.

        Raises:
            FileExistsError: it is there already, and ``exist_ok`` is False.
        """
        with closing(self.open()) as session:
            if session.run(["test", "-d", path], timeout=PATIENCE_S).exit_code == 0:
                if not exist_ok:
                    raise FileExistsError(path)
                return
            result = session.run(["mkdir", "-p", "-m", f"{mode:o}", "--", path], timeout=PATIENCE_S)
        if result.exit_code:
            raise OSError(result.stderr.strip())

    def isdir(self, path: str) -> bool:
        """Whether there is such a folder there."""
        with closing(self.open()) as session:
            return session.run(["test", "-d", path], timeout=PATIENCE_S).exit_code == 0

    def abspath(self, path: str) -> str:
        """A path there, made absolute."""
        with closing(self.open()) as session:
            result = session.run(["readlink", "-m", "--", path], timeout=PATIENCE_S)
        return result.stdout.rstrip("\n")

    def close(self) -> bool:
        """Nothing to do: no session outlives the call it was opened for."""
        return False
