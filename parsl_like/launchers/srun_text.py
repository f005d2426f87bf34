"""What the launchers that use ``srun`` tell it, and why; its manual is https://slurm.schedmd.com/srun.html.

A step of a block is a pilot: it is to have all that the job has on a node, without keeping tasks from starting steps of
their own, and it lasts as long as its last copy, whatever has become of the others.
"""

from __future__ import annotations

from string import Template

OPTIONS = "--export=ALL --mem=0 --kill-on-bad-exit=0 --wait=0"
"""Not what a site or an option of ``sbatch`` makes of them:

- ``--export``: after ``sbatch --export=NONE`` a step would not have what ``worker_init`` has set;
- ``--mem=0``: all the memory of the job, also where the job's is counted by processor;
- ``--kill-on-bad-exit=0``, ``--wait=0``: one copy that ends, well or badly, does not end the others."""

BIND_TO_NOTHING = "--cpu-bind=none"

# They are srun's ways to tell its tasks what it was told, and would be wishes to each srun within them.
_NOT_FOR_TASKS = (
    "SLURM_CPU_BIND",
    "SLURM_CPU_BIND_LIST",
    "SLURM_CPU_BIND_TYPE",
    "SLURM_CPU_BIND_VERBOSE",
    "SLURM_LABELIO",
)

COPY = f"/usr/bin/env {' '.join(f'-u {name}' for name in _NOT_FOR_TASKS)}"
"""Words before those of a copy: steps that tasks start are bound and labelled as if there were no launcher."""

STEP_WORDS = '${parsl_like_step[@]+"${parsl_like_step[@]}"}'

# Since 20.11 a step keeps its processors to itself, so that a step inside it waits for ever, unless it is told to
# share; older versions share without being told, and do not know the word.
_OVERLAP = """\
parsl_like_step=()
case "$(timeout 20 srun --help 2> /dev/null || :)" in
    *--overlap*) parsl_like_step+=(--overlap) ;;
esac"""

# Since 22.05 srun does not take this from the job, and a copy would have one processor.
_CORES = Template("""\
if [ -n "$${SLURM_CPUS_PER_TASK:-}" ]; then
    IFS=, read -r -a parsl_like_parts <<< "$${SLURM_TASKS_PER_NODE:-1}"
    parsl_like_least=$${parsl_like_parts[0]%%(*}
    for parsl_like_part in "$${parsl_like_parts[@]%%(*}"; do
        if ((parsl_like_part < parsl_like_least)); then parsl_like_least=$$parsl_like_part; fi
    done
    parsl_like_share=$$((SLURM_CPUS_PER_TASK * parsl_like_least / $tasks))
    parsl_like_step+=("--cpus-per-task=$$((parsl_like_share > 0 ? parsl_like_share : 1))")
fi""")


def shared_step() -> str:
    """Text that finds out whether srun has to be told to share, for ``STEP_WORDS``."""
    return _OVERLAP


def step_with_cores(tasks_per_node: int) -> str:
    """The same, and asks for the processors that the job has on a node, in as many shares as a node runs copies.

    They are known where the job has asked for processors by task; elsewhere a step has all of the job's.

    Args:
        tasks_per_node: Copies on each node.
    """
    return f"{_OVERLAP}\n{_CORES.substitute(tasks=tasks_per_node)}"
