"""Starting copies by a program that reaches other nodes, waiting for it, and a limit where it would wait for ever.

Such a program may hang when a node does not answer: then nobody ever hears of an error. So each copy leaves a file when
it begins, in the folder of the block's own files, which all nodes have to see anyway, and the block's script counts. If
some are missing when the time is up, it ends the program and says what is known. Once all have begun, nothing is
watched any more. Where there is no such folder there is no limit.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
from string import Template

from parsl_like.launchers.text import BASH, in_bash, said

START_TIMEOUT_S = 300.0
"""Large machines may take minutes to start copies on thousands of nodes, and a network file system up to one to show a
file of another node."""

LIMIT_CODE = 124
"""The exit code of a block whose copies have not all begun in time: the one of timeout(1)."""

QUICK_LOOKS, QUICK_S, SLOW_S = 20, 0.1, 1.0
"""So many looks with so long a pause after each, then longer ones."""

# The shell that begins becomes the one that runs the command, so that none is left to wait for it.
_ANNOUNCE = """\
[ -z "$1" ] || : 2> /dev/null > "$1/$HOSTNAME.$$.$RANDOM" ||
    printf "parsl_like: %s cannot write to %s, so its start is not seen\\n" "$HOSTNAME" "$1" >&2
exec "$0" -c "$2\""""

_FOLDER = """\
parsl_like_started=
if [ -d "${PARSL_LIKE_BLOCK_FILES:-}" ]; then
    parsl_like_started=$(mktemp -d "$PARSL_LIKE_BLOCK_FILES/started.XXXXXX") || parsl_like_started=
fi"""

_WATCH = Template("""\
parsl_like_look=0
while [ -n "$$parsl_like_started" ] && kill -0 "$${parsl_like_pids[@]}" 2> /dev/null; do
    parsl_like_count=$$(command ls -A -- "$$parsl_like_started" 2> /dev/null | wc -l) || :
    if ((parsl_like_count >= $copies)); then break; fi
    if ((++parsl_like_look > $looks)); then parsl_like_code=$limit; break; fi
    if ((parsl_like_look <= $quick_looks)); then sleep $quick; else sleep $slow; fi
done
if ((parsl_like_code == $limit)); then
    {
        printf '%s\\n' \\
            "parsl_like: $tool had started $$parsl_like_count of $copies copies after $timeout s; it is ended."
        printf 'parsl_like: copies have begun on:'
        command ls -A -- "$$parsl_like_started" | sed 's/\\.[0-9]*\\.[0-9]*$$//' | sort | uniq -c |
            awk '{ printf " %s (%s)", $$2, $$1 } END { print NR ? "." : " no node." }'
        if [ -s "$${parsl_like_nodefile:-}" ]; then
            printf 'parsl_like: the nodes are: %s.\\n' "$$(uniq "$$parsl_like_nodefile" | paste -s -d ' ' -)"
        fi
        printf '%s\\n' 'parsl_like: a node may be down or cut off; $tool may have said more above.'
        printf '%s\\n' "parsl_like: nodes that do not see $$parsl_like_started need start_timeout=None."
    } >&2
    for parsl_like_pause in 0.2 0.8 2 2; do
        kill -TERM "$${parsl_like_pids[@]}" 2> /dev/null || break
        sleep "$$parsl_like_pause"
    done
    kill -KILL "$${parsl_like_pids[@]}" 2> /dev/null || :
fi""")

_WAIT = Template("""\
for parsl_like_pid in "$${parsl_like_pids[@]}"; do
    parsl_like_status=0
    wait "$$parsl_like_pid" || parsl_like_status=$$?
    if ((parsl_like_status != 0 && parsl_like_code != $limit)); then parsl_like_code=$$parsl_like_status; fi
done""")


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """A start of copies.

    Attributes:
        tool: The program that starts them, for readers.
        tasks_per_node: Copies on each node.
        nodes: Nodes.
        timeout: Seconds in which all have to begin; None for no limit.
        debug: Whether to say what is started and how that ended.
    """

    tool: str
    tasks_per_node: int
    nodes: int
    timeout: float | None
    debug: bool

    @property
    def copies(self) -> int:
        """All copies of the block."""
        return self.tasks_per_node * self.nodes

    def copy_of(self, command: str, bash: str = BASH) -> str:
        """The words that a copy consists of.

        Args:
            command: A command line for bash.
            bash: Where bash is on the nodes.
        """
        if self.timeout is None:
            return in_bash(command, bash)
        words = shlex.join([bash, "-c", _ANNOUNCE, bash])
        return f'{words} "$parsl_like_started" {shlex.quote(command)}'

    def text(self, line: str, *, before: str = "", finally_: str = "") -> str:
        """Text that starts copies by one command, waits for it and has its exit code.

        Args:
            line: The command, with what :meth:`copy_of` gives in it.
            before: Text that comes before.
            finally_: Text that comes last, and may change ``$parsl_like_code``.
        """
        if self.timeout is None and not (self.debug or before or finally_):
            return line
        return self.several(f'{line} &\nparsl_like_pids=("$!")', before=before, finally_=finally_)

    def several(self, starts: str, *, before: str = "", finally_: str = "", ended: str = "") -> str:
        """The same for several commands.

        Args:
            starts: Text that starts them in the background and puts their processes into ``parsl_like_pids``.
            before: Text that comes before.
            finally_: Text that comes last, and may change ``$parsl_like_code``.
            ended: A sentence that tells how it ended, in place of the usual one.
        """
        limited = self.timeout is not None
        begin = f"{self.tool} starts {self.tasks_per_node} of the command on each of {self.nodes} node(s)"
        parts = [
            before,
            _FOLDER if limited else "",
            said(begin) if self.debug else "",
            "parsl_like_code=0",
            starts,
            self._watch() if limited else "",
            _WAIT.substitute(limit=LIMIT_CODE),
            said(ended or f"{self.tool} ended with exit code $parsl_like_code") if self.debug else "",
            finally_,
            '( exit "$parsl_like_code" )',
        ]
        return "\n".join(part for part in parts if part)

    def _watch(self) -> str:
        timeout = self.timeout or 0.0
        return _WATCH.substitute(
            tool=self.tool,
            copies=self.copies,
            timeout=f"{timeout:g}",
            looks=looks_within(timeout),
            quick_looks=QUICK_LOOKS,
            quick=QUICK_S,
            slow=SLOW_S,
            limit=LIMIT_CODE,
        )


def looks_within(seconds: float) -> int:
    """How many looks there are in so many seconds, at least one."""
    quick = QUICK_LOOKS * QUICK_S
    if seconds <= quick:
        return max(1, math.ceil(seconds / QUICK_S))
    return QUICK_LOOKS + math.ceil((seconds - quick) / SLOW_S)
