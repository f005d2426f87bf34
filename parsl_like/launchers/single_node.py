"""The launcher for blocks of one node."""

from __future__ import annotations

import dataclasses
import shlex
from string import Template

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher

_SEVERAL = Template("""\
parsl_like_command=$command
parsl_like_pids=()
parsl_like_failed=0
parsl_like_code=0
for ((parsl_like_copy = 0; parsl_like_copy < $copies; parsl_like_copy++)); do
    ( eval "$$parsl_like_command" ) &
    parsl_like_pids+=("$$!")
done
$started
for parsl_like_pid in "$${parsl_like_pids[@]}"; do
    parsl_like_status=0
    wait "$$parsl_like_pid" || parsl_like_status=$$?
    if ((parsl_like_status != 0)); then
        parsl_like_failed=$$((parsl_like_failed + 1))
        parsl_like_code=$$parsl_like_status
    fi
done
$ended
if ((parsl_like_failed < $tolerated)); then parsl_like_code=0; fi
( exit "$$parsl_like_code" )""")


@spelled()
@dataclasses.dataclass
class SingleNodeLauncher(Launcher):
    """Starts ``tasks_per_node`` copies side by side on the node where the block's script runs, and waits for all.

    Args:
        debug: Whether the block's output says how many copies were started and how many failed.
        fail_on_any: Whether one failed copy makes the block's exit code that of the copy; if not, all must have failed.
    """

    fail_on_any: bool = dataclasses.field(
        default=False, metadata={"help": "The block fails when one copy fails, not only when all do."}
    )

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """The command itself where one copy is wanted, so that no shell stands between; else a loop over copies."""
        if tasks_per_node == 1:
            return command
        return _SEVERAL.substitute(
            command=shlex.quote(command),
            copies=tasks_per_node,
            tolerated=1 if self.fail_on_any else tasks_per_node,
            started=self._say(f"started {tasks_per_node} copies"),
            ended=self._say(f"$parsl_like_failed of {tasks_per_node} copies failed"),
        )

    def _say(self, text: str) -> str:
        return f'printf "%s\\n" "parsl_like: {text}"' if self.debug else ":"
