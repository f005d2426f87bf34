"""What the launchers that start copies by an MPI library's starter have in common."""

from __future__ import annotations

import re
from string import Template
from typing import TYPE_CHECKING

from parsl_like.launchers.nodes import REMOVE_NODES, nodes_of_the_job
from parsl_like.launchers.text import CARRIED_WORDS, CARRY, after

if TYPE_CHECKING:
    from parsl_like.launchers.starting import Start

_NAMES_HOSTS = re.compile(r"(?:^|\s)-{1,2}(?:[a-z-]*host[a-z]*|machinefile|H|f)(?=[\s=]|$)")

# Open MPI takes a host without a number of slots for one with as many as it has processors, and fills it first; others
# count how often a host is named, and do not know the word.
_WORDS = Template("""\
parsl_like_nodes=()
if [ -s "$$parsl_like_nodefile" ]; then
    parsl_like_nodes=(--hostfile "$$parsl_like_nodefile.slots")
    case "$$(timeout 20 $tool --version 2>&1 || :)" in
        *"Open MPI"* | *OpenRTE* | *PRRTE* | *"Spectrum MPI"*) awk '{ print $$1 " slots=$copies" }' ;;
        *) awk '{ for (i = 0; i < $copies; i++) print $$1 }' ;;
    esac < "$$parsl_like_nodefile" > "$$parsl_like_nodefile.slots" || exit 1
fi""")

_NODES_WORDS = '${parsl_like_nodes[@]+"${parsl_like_nodes[@]}"}'


def started_by_mpi(start: Start, options: str, command: str, *, overrides: str, bash: str) -> str:
    """Text that starts a command on all nodes of a block; the exit code of the starter is its own.

    The nodes of the job are told, each with as many places as it is to run copies: else a starter may fill the first
    node and leave others empty. Where nothing names them, the starter has to know them itself.

    Args:
        start: The start.
        options: The starter's own options but for the nodes, ``-n 4`` say.
        command: A command line for bash.
        overrides: A user's options. If they name hosts, the launcher names none.
        bash: Where bash is on the nodes.
    """
    named = names_hosts(overrides)
    nodes = "" if named else f" {_NODES_WORDS}"
    line = f"{start.tool}{options}{nodes}{after(overrides)} {CARRIED_WORDS} {start.copy_of(command, bash)}"
    words = _WORDS.substitute(tool=start.tool, copies=start.tasks_per_node)
    find = "" if named else f"\n{nodes_of_the_job(start.nodes)}\n{words}"
    return start.text(line, before=f"{CARRY}{find}", finally_="" if named else REMOVE_NODES)


def names_hosts(overrides: str) -> bool:
    """Whether a user's options say on which hosts to start: ``--hostfile``, ``-H``, ``-f`` and the like."""
    return _NAMES_HOSTS.search(overrides) is not None
