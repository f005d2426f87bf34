"""Shell text that several launchers share; every name of a variable in it begins with ``parsl_like_``."""

from __future__ import annotations

import shlex

BASH = "/bin/bash"

CARRIED = (
    *("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("PARSL_LIKE_BLOCK_FILES", "PARSL_LIKE_BLOCK_ENDS", "SLURM_JOB_END_TIME", "PARSL_CORES", "PARSL_MEMORY_GB"),
)
"""Variables without which a command cannot be found or cannot work, and which hold no secrets: words of a command are
seen by everybody on a node. The later ones tell where a block's own files are, when it ends, and what it may use."""

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


def said(sentence: str) -> str:
    """Text that says something on the block's standard output; variables of the shell in it are filled in."""
    return f'printf "%s\\n" "parsl_like: {sentence}"'


def after(overrides: str) -> str:
    """A user's own words for a command line, with the space that parts them from what stands before."""
    return f" {overrides.strip()}" if overrides.strip() else ""
