"""The nodes of a job, for starters that have to be told: whichever batch system runs the job, its variables name them.

PBS and Torque: ``$PBS_NODEFILE`` (qsub(1)). Grid Engine: ``$PE_HOSTFILE`` (ge_pe(5)). LSF: ``$LSB_DJOB_HOSTFILE`` (its
"Environment variable reference"). Slurm: ``$SLURM_JOB_NODELIST`` (sbatch(1)), written out by ``scontrol``.
"""

from __future__ import annotations

from string import Template

# Among the block's own files, if there are any: those are removed however the block ends.
_NODES = Template("""\
parsl_like_list() {
    if [ -n "$${PBS_NODEFILE:-}" ]; then
        cat -- "$$PBS_NODEFILE"
    elif [ -n "$${PE_HOSTFILE:-}" ]; then
        awk '{ print $$1 }' "$$PE_HOSTFILE"
    elif [ -n "$${LSB_DJOB_HOSTFILE:-}" ]; then
        cat -- "$$LSB_DJOB_HOSTFILE"
    elif [ -n "$${SLURM_JOB_NODELIST:-}" ] && command -v scontrol > /dev/null; then
        scontrol show hostnames "$$SLURM_JOB_NODELIST"
    fi
}
parsl_like_place=$${TMPDIR:-/tmp}
if [ -d "$${PARSL_LIKE_BLOCK_FILES:-}" ]; then parsl_like_place=$$PARSL_LIKE_BLOCK_FILES; fi
parsl_like_nodefile=$$(mktemp "$$parsl_like_place/nodes.XXXXXX") || exit 1
(
    set -o pipefail
    parsl_like_list | awk -v nodes=$nodes 'NF && !seen[$$1]++ && ++found <= nodes { print $$1 }'
) > "$$parsl_like_nodefile" || exit 1""")

REMOVE_NODES = 'rm -f -- "$parsl_like_nodefile" "$parsl_like_nodefile.slots"'


def nodes_of_the_job(nodes: int) -> str:
    """Text that makes the file ``$parsl_like_nodefile``, each of the job's nodes on a line of its own.

    It is empty where nothing names the nodes. Batch systems repeat a node as they like.

    Args:
        nodes: The most nodes that are wanted; the first ones are taken.
    """
    return _NODES.substitute(nodes=nodes)
