"""The script of a block: pure text, every foreign value quoted for the shell."""

from __future__ import annotations

import dataclasses
import shlex
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from parsl_like.providers.base import ExecutionProvider

FILES_VARIABLE = "PARSL_LIKE_BLOCK_FILES"
"""Names, in a block's environment, the folder that holds the files of its request."""
ENDS_VARIABLE = "PARSL_LIKE_BLOCK_ENDS"
"""Says there when the batch system will end the block: seconds since the epoch, by the clock of the block's node."""
LIFETIME_MARGIN_S = 10
"""A block that is told to end so shortly before that is told because of it."""

_SCRIPT = Template("""\
#!/bin/bash
$header
# Made for $name. To see what the block does: bash $path
parsl_like_end() {
    parsl_like_exit_code=$$?
    # A signal may reach a child of this shell before it has become what it is to run.
    if [ "$${BASHPID:-$$$$}" != "$$$$" ]; then exit "$$parsl_like_exit_code"; fi
    trap '' TERM
    trap - EXIT
    $at_the_end
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
    $exit
}
trap parsl_like_end EXIT
# A shell that a signal ends would report success; these say which signal it was.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 140' USR2
$anew
$lifetime
$exports
$walltime
cd -- $directory || exit 1
# --- worker_init
$worker_init
# --- the command
$command
""")

_LIFETIME = Template("""\
parsl_like_ends=$$(( $$(date +%s) + $seconds ))
export $variable="$$parsl_like_ends"
printf '%s\\n' "$$parsl_like_ends" > $ends_path""")

# Whoever ends a block at its walltime says so with the same signal as for any other reason.
_AT_THE_END = Template("""\
if [ "$$parsl_like_exit_code" -ne 0 ] && [ "$$(date +%s)" -ge "$$(( parsl_like_ends - $margin ))" ]; then
        : > $timeout_path
    fi""")

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
        header: Lines for the batch system, which come before all others.
        lifetime: Seconds after which the batch system ends it, None if nobody knows.
        ends_path: The file in which it leaves the time of that end.
        stdout_path: Where it writes if the batch system keeps what a job writes to itself until the job's end.
        stderr_path: The same for its errors.
        may_return: Whether the batch system may run the script once more after it has told it to end; then the
            block's files are kept, and what an earlier run has said of its end is forgotten.
        words: Exit codes that would say something else to the batch system than that the block has failed; it ends with
            1 instead. Its own exit code is in its files all the same.
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
    header: str = ""
    lifetime: int | None = None
    ends_path: str = ""
    stdout_path: str = ""
    stderr_path: str = ""
    may_return: bool = False
    words: frozenset[int] = frozenset()

    def text(self) -> str:
        """The script. When it ends, however it ends but by SIGKILL, its exit code is written and its group ended.

        It removes the block's files, too: there may be nobody else left to do so, and there are keys among them. One
        that may be run once more does not: whatever its exit code, it cannot know whether it will be.
        """
        walltime = ""
        if self.walltime is not None:
            walltime = _WALLTIME.substitute(seconds=f"{self.walltime:.3f}", timeout_path=shlex.quote(self.timeout_path))
        return _SCRIPT.substitute(
            header=self.header,
            at_the_end=self._at_the_end(),
            anew=self._anew(),
            lifetime=self._lifetime(),
            removal=self._removal(),
            exit=self._exit(),
            name=" ".join(self.name.split()),
            path=" ".join(shlex.quote(self.path).splitlines()),
            exit_code_path=shlex.quote(self.exit_code_path),
            walltime=walltime,
            exports="\n".join(f"export {name}={shlex.quote(value)}" for name, value in self.exports.items()),
            directory=shlex.quote(self.directory),
            worker_init=self.worker_init,
            command=self.command,
        )

    def _exit(self) -> str:
        plain = 'exit "$parsl_like_exit_code"'
        if not self.words:
            return plain
        codes = " | ".join(map(str, sorted(self.words)))
        return f'case "$parsl_like_exit_code" in {codes}) exit 1 ;; esac\n    {plain}'

    def _removal(self) -> str:
        files = self.exports.get(FILES_VARIABLE)
        return f"rm -rf -- {shlex.quote(files)}" if files and not self.may_return else ":"

    def _anew(self) -> str:
        paths = shlex.join([self.exit_code_path, self.timeout_path])
        return f"rm -f -- {paths}" if self.may_return else ""

    def _lifetime(self) -> str:
        lines = []
        if self.stdout_path:
            lines.append(f"exec >> {shlex.quote(self.stdout_path)} 2>> {shlex.quote(self.stderr_path)}")
        if self.lifetime is not None:
            ends = shlex.quote(self.ends_path)
            lines.append(_LIFETIME.substitute(variable=ENDS_VARIABLE, seconds=self.lifetime, ends_path=ends))
        return "\n".join(lines)

    def _at_the_end(self) -> str:
        if self.lifetime is None:
            return ":"
        timeout = shlex.quote(self.timeout_path)
        return _AT_THE_END.substitute(margin=LIFETIME_MARGIN_S, timeout_path=timeout)


def block_environment(files: PurePath, provider: ExecutionProvider) -> dict[str, str]:
    """The variables that all blocks have: where their files are, and what workers may use of a node.

    Args:
        files: The folder of the block's own files.
        provider: The block's provider.
    """
    exports = {FILES_VARIABLE: str(files)}
    if provider.cores_per_node is not None:
        exports["PARSL_CORES"] = str(provider.cores_per_node)
    if provider.mem_per_node is not None:
        exports["PARSL_MEMORY_GB"] = str(provider.mem_per_node)
    return exports
