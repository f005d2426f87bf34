"""The launcher that reaches the nodes of a job by GNU parallel and ssh."""

from __future__ import annotations

import dataclasses
from string import Template

from parsl_like.core.arguments import spelled
from parsl_like.launchers.many_nodes import ManyNodesLauncher
from parsl_like.launchers.nodes import nodes_of_the_job
from parsl_like.launchers.starting import LIMIT_CODE
from parsl_like.launchers.text import CARRIED_WORDS, CARRY

_FILES = """\
if ! [ -s "$parsl_like_nodefile" ]; then printf ':\\n' > "$parsl_like_nodefile"; fi
parsl_like_jobs=$(mktemp "$parsl_like_place/jobs.XXXXXX") || exit 1"""

_COPIES = Template("""\
parsl_like_copies() {
    printf -v parsl_like_copy '%q ' $carried $command
    for ((parsl_like_number = 0; parsl_like_number < $copies; parsl_like_number++)); do
        printf '%s\\0' "$$parsl_like_copy"
    done
}""")

_PARALLEL = Template("""\
parsl_like_copies | parallel --will-cite --null --ungroup --jobs $tasks --workdir "$$PWD" \\
    --sshloginfile "$$parsl_like_nodefile" --joblog "$$parsl_like_jobs\"""")

# The program's own exit code is the number of jobs that failed; the log has their exit codes.
_CODE = Template("""\
if ((parsl_like_code != 0 && parsl_like_code != $limit)); then
    parsl_like_failed=$$(awk -F '\\t' '
        NR > 1 && $$7 + 0 { code = $$7 + 0 }
        NR > 1 && $$8 + 0 { code = 128 + $$8 }
        END { print code + 0 }' "$$parsl_like_jobs")
    if ((parsl_like_failed != 0)); then parsl_like_code=$$parsl_like_failed; fi
fi
rm -f -- "$$parsl_like_nodefile" "$$parsl_like_jobs\"""")


@spelled()
@dataclasses.dataclass
class GnuParallelLauncher(ManyNodesLauncher):
    """Starts the command ``tasks_per_node`` times on each node by ssh, with GNU parallel.

    It needs ``parallel`` on ``PATH``, ssh to the nodes without a password, and a batch system that names them (PBS,
    Torque, Grid Engine, LSF, Slurm); elsewhere all copies run on the node of the block's script. The block's exit code
    is that of a copy that failed, 0 if none has.

    Args:
        debug: Whether the block's output says what is started and how that ended.
        start_timeout: Seconds in which all copies have to begin; None for no limit.
    """

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """One run of GNU parallel with a job for each copy, and as many at once as there are."""
        start = self.start_of("parallel", tasks_per_node, nodes_per_block)
        copies = _COPIES.substitute(carried=CARRIED_WORDS, command=start.copy_of(command), copies=start.copies)
        return start.text(
            _PARALLEL.substitute(tasks=tasks_per_node),
            before="\n".join([CARRY, nodes_of_the_job(nodes_per_block), _FILES, copies]),
            finally_=_CODE.substitute(limit=LIMIT_CODE),
        )
