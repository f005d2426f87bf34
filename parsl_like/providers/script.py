"""The script of a block: pure text, every foreign value quoted for the shell."""

from __future__ import annotations

import dataclasses
import shlex
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES_VARIABLE = "PARSL_LIKE_BLOCK_FILES"
"""Names, in a block's environment, the folder that holds the files of its request."""

_SCRIPT = Template("""\
#!/bin/bash
# Made for $name. To see what the block does: bash $path
parsl_like_end() {
    parsl_like_exit_code=$$?
    # A signal may reach a child of this shell before it has become what it is to run.
    if [ "$${BASHPID:-$$$$}" != "$$$$" ]; then exit "$$parsl_like_exit_code"; fi
    trap '' TERM
    trap - EXIT
    printf '%s\\n' "$$parsl_like_exit_code" > $exit_code_path
    # Told more than once: the signal is lost on a child that has been forked and not yet become what it is to run.
    for parsl_like_pause in 0.05 0.2 1; do
        kill -TERM -- "-$$$$" 2>/dev/null || :
        [ -n "$$(jobs -pr)" ] || break
        sleep "$$parsl_like_pause"
    done
    wait
    kill -TERM -- "-$$$$" 2>/dev/null || :
    $removal
    exit "$$parsl_like_exit_code"
}
trap parsl_like_end EXIT
# A shell that a signal ends would report success; these say which signal it was.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
$exports
$walltime
cd -- $directory || exit 1
# --- worker_init
$worker_init
# --- the command
$command
""")

_WALLTIME = Template("""\
( sleep $seconds || exit; : > $timeout_path; kill -TERM -- "-$$$$" ) > /dev/null 2>&1 &""")


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """What goes into a block's script.

    Attributes:
        name: The job, for readers.
        path: Where the script will be.
        exit_code_path: Where it writes its exit code when it ends.
        timeout_path: The file it makes when it ends because of its walltime.
        directory: The directory in which the command runs.
        command: Shell text, already multiplied by a launcher.
        worker_init: Shell text that runs before it, in the same shell.
        exports: Variables for the block's processes.
        walltime: Seconds after which it ends itself, None for never.
    """

    name: str
    path: str
    exit_code_path: str
    timeout_path: str
    directory: str
    command: str
    worker_init: str = ""
    exports: Mapping[str, str] = dataclasses.field(default_factory=dict)
    walltime: float | None = None

    def text(self) -> str:
        """The script. When it ends, however it ends but by SIGKILL, its exit code is written and its group ended.

        It removes the block's files, too: there may be nobody else left to do so, and there are keys among them.
        """
        walltime = ""
        if self.walltime is not None:
            walltime = _WALLTIME.substitute(seconds=f"{self.walltime:.3f}", timeout_path=shlex.quote(self.timeout_path))
        files = self.exports.get(FILES_VARIABLE)
        return _SCRIPT.substitute(
            removal=f"rm -rf -- {shlex.quote(files)}" if files else ":",
            name=" ".join(self.name.split()),
            path=" ".join(shlex.quote(self.path).splitlines()),
            exit_code_path=shlex.quote(self.exit_code_path),
            walltime=walltime,
            exports="\n".join(f"export {name}={shlex.quote(value)}" for name, value in self.exports.items()),
            directory=shlex.quote(self.directory),
            worker_init=self.worker_init,
            command=self.command,
        )
