"""Shell text that several launchers share; every name of a variable in it begins with ``parsl_like_``."""

from __future__ import annotations

import shlex
from string import Template

BASH = "/bin/bash"

CARRIED = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PARSL_LIKE_BLOCK_FILES")
"""Variables without which a command cannot be found or cannot work, and which hold no secrets: words of a command are
seen by everybody on a node. The last one tells where a block's own files are."""

_TOLD = Template("""\
printf '%s\\n' $before
parsl_like_code=0
$line || parsl_like_code=$$?
printf '%s\\n' "parsl_like: $tool ended with exit code $$parsl_like_code"
( exit "$$parsl_like_code" )""")

_NODES = Template("""\
parsl_like_nodes=()
if [ -n "$${PBS_NODEFILE:-}" ]; then
    parsl_like_nodefile=$$(mktemp) || exit 1
    awk -v copies=$copies '!seen[$$0]++ { for (i = 0; i < copies; i++) print }' "$$PBS_NODEFILE" \\
        > "$$parsl_like_nodefile" || exit 1
    parsl_like_nodes=(--hostfile "$$parsl_like_nodefile")
fi""")

NODES_ARGUMENTS = '${parsl_like_nodes[@]+"${parsl_like_nodes[@]}"}'
"""The words that name the nodes, none if the batch system does not tell them."""

REMOVE_NODES = 'if [ -n "${parsl_like_nodefile:-}" ]; then rm -f -- "$parsl_like_nodefile"; fi'

CARRY = f"""\
parsl_like_start=(/usr/bin/env)
for parsl_like_name in {" ".join(CARRIED)}; do
    if [ -n "${{!parsl_like_name+set}}" ]; then
        parsl_like_start+=("$parsl_like_name=${{!parsl_like_name}}")
    fi
done"""
"""Puts the variables that must not be lost on the way to other nodes into words that come before a command."""

CARRIED_WORDS = '"${parsl_like_start[@]}"'


def in_bash(command: str, bash: str = BASH) -> str:
    """Words that run a command line in a shell of its own, with nothing in it read by the shell that starts it.

    Args:
        command: A command line for bash.
        bash: Where bash is on the nodes.
    """
    return f"{shlex.quote(bash)} -c {shlex.quote(command)}"


def nodes_of_the_block(copies: int) -> str:
    """Text that makes a file with each node of a PBS job ``copies`` times: PBS repeats a node as it likes."""
    return _NODES.substitute(copies=copies)


def told(line: str, tool: str, tasks_per_node: int, nodes_per_block: int, *, debug: bool) -> str:
    """A line of shell text with sentences around it that say what it starts and how that ended.

    Args:
        line: What starts the copies and waits for them.
        tool: The program that does, for readers.
        tasks_per_node: Copies on each node.
        nodes_per_block: Nodes.
        debug: Whether to say anything at all.
    """
    if not debug:
        return line
    before = f"parsl_like: {tool} starts {tasks_per_node} of the command on each of {nodes_per_block} node(s)"
    return _TOLD.substitute(before=shlex.quote(before), line=line, tool=tool)


def after(overrides: str) -> str:
    """A user's own words for a command line, with the space that parts them from what stands before."""
    return f" {overrides.strip()}" if overrides.strip() else ""
