"""What the launchers that start copies by an MPI library's starter have in common."""

from __future__ import annotations

from parsl_like.launchers.text import (
    CARRIED_WORDS,
    CARRY,
    NODES_ARGUMENTS,
    REMOVE_NODES,
    after,
    in_bash,
    nodes_of_the_block,
    told,
)

_NAMES_HOSTS = ("-host", "machinefile")


def started_by_mpi(
    start: str,
    command: str,
    tasks_per_node: int,
    nodes_per_block: int,
    *,
    overrides: str,
    debug: bool,
    bash: str,
) -> str:
    """Text that starts a command on all nodes of a block; the exit code of the starter is its own.

    Under PBS the nodes are told, each as often as it is to run a copy: else a starter may fill the first node and leave
    others empty. Where nothing names the nodes, the starter asks the batch system itself.

    Args:
        start: The starter and its own options but for the nodes, ``mpirun -np 4`` say.
        command: A command line for bash.
        tasks_per_node: Copies on each node.
        nodes_per_block: Nodes.
        overrides: A user's options. If they name hosts, the launcher names none.
        debug: Whether to say what is started and how that ended.
        bash: Where bash is on the nodes.
    """
    named = any(word in overrides for word in _NAMES_HOSTS)
    words = "" if named else f" {NODES_ARGUMENTS}"
    line = f"{start}{words}{after(overrides)} {CARRIED_WORDS} {in_bash(command, bash)}"
    tool = start.split(maxsplit=1)[0]
    parts = [
        CARRY,
        "" if named else nodes_of_the_block(tasks_per_node),
        "parsl_like_mpi=0",
        f"{{ {told(line, tool, tasks_per_node, nodes_per_block, debug=debug)}\n}} || parsl_like_mpi=$?",
        "" if named else REMOVE_NODES,
        '( exit "$parsl_like_mpi" )',
    ]
    return "\n".join(part for part in parts if part)
