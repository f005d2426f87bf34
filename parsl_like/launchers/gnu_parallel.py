"""The launcher that reaches the nodes of a job by GNU parallel and ssh."""

from __future__ import annotations

import dataclasses
from string import Template

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher
from parsl_like.launchers.text import CARRIED_WORDS, CARRY, in_bash, told

_HOSTS = """\
parsl_like_hosts=$(mktemp) || exit 1
parsl_like_jobs=$(mktemp) || exit 1
if [ -n "${PBS_NODEFILE:-}" ]; then
    awk '!seen[$0]++' "$PBS_NODEFILE" > "$parsl_like_hosts" || exit 1
else
    printf ':\\n' > "$parsl_like_hosts"
fi"""

_COPIES = Template("""\
printf -v parsl_like_copy '%q ' $carried $command
parsl_like_copies() {
    for ((parsl_like_number = 0; parsl_like_number < $copies; parsl_like_number++)); do
        printf '%s\\0' "$$parsl_like_copy"
    done
}""")

_PARALLEL = Template("""\
parsl_like_copies | parallel --will-cite --null --ungroup --jobs $tasks --workdir "$$PWD" \\
    --sshloginfile "$$parsl_like_hosts" --joblog "$$parsl_like_jobs\"""")

# The program's own exit code is the number of jobs that failed; the log has their exit codes.
_CODE = """\
if ((parsl_like_parallel != 0)); then
    parsl_like_failed=$(awk -F '\\t' '
        NR > 1 && $7 + 0 { code = $7 + 0 }
        NR > 1 && $8 + 0 { code = 128 + $8 }
        END { print code + 0 }' "$parsl_like_jobs")
    if ((parsl_like_failed != 0)); then parsl_like_parallel=$parsl_like_failed; fi
fi
rm -f -- "$parsl_like_hosts" "$parsl_like_jobs"
( exit "$parsl_like_parallel" )"""


@spelled()
@dataclasses.dataclass
class GnuParallelLauncher(Launcher):
    """Starts the command ``tasks_per_node`` times on each node by ssh, with GNU parallel.

    It needs ``parallel`` on ``PATH``, ssh to the nodes without a password, and the nodes in ``$PBS_NODEFILE``; without
    that variable all copies run on the node of the block's script. The block's exit code is that of a copy that failed,
    0 if none has.

    Args:
        debug: Whether the block's output says what is started and how that ended.
    """

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One run of GNU parallel with a job for each copy, and as many at once as there are."""
        copies = tasks_per_node * nodes_per_block
        line = _PARALLEL.substitute(tasks=tasks_per_node)
        return "\n".join(
            [
                CARRY,
                _HOSTS,
                _COPIES.substitute(carried=CARRIED_WORDS, command=in_bash(command), copies=copies),
                "parsl_like_parallel=0",
                f"{{ {told(line, 'parallel', tasks_per_node, nodes_per_block, debug=self.debug)}\n}}"
                " || parsl_like_parallel=$?",
                _CODE,
            ]
        )
