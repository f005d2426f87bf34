"""Stand-ins for the programs that start copies on the nodes of a job: they run them here, and write down their options.

Each copy sees the node that it would be on as ``STAND_IN_NODE``. What goes to other nodes by ssh starts with an empty
environment, as it does there. A stand-in for a node that is called ``STAND_IN_CUT`` behaves as MPICH's mpiexec when a
host does not answer: it complains, starts nothing there, and waits for ever.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

STARTER = r"""#!/bin/bash
tool=${0##*/}
if [[ ${1:-} == --help ]]; then
    if [[ -z ${STAND_IN_OLD:-} ]]; then echo "      --overlap               Allow other steps to overlap this step."; fi
    exit
fi
if [[ ${1:-} == --version ]]; then
    echo "$tool (${STAND_IN_IS:-another one})"
    exit
fi
# Open MPI fills a host that has no number of slots, others take each line for one place.
places() {
    if [[ ${STAND_IN_IS:-} == "Open MPI"* ]]; then
        awk '{ slots = 64; if (sub(/^slots=/, "", $2)) slots = $2; while (slots-- > 0) print $1 }' "$1"
    else
        cat -- "$1"
    fi
}
copies=1 per_node=1 first=0 hosts=() options=() pids=() code=0
while (($#)); do
    case $1 in
        /bin/bash | /usr/bin/env) break ;;
        --ntasks=*) copies=${1#*=} ;;
        --ntasks-per-node=*) per_node=${1#*=} ;;
        --relative=*) first=${1#*=} ;;
        -n | -np) copies=$2 ;;
        -N | -r) per_node=$2 ;;
        --hostfile) mapfile -t hosts < <(places "$2") ;;
    esac
    options+=("$1")
    shift
done
printf '%q ' "$tool" "${options[@]}" | sed 's/$/\n/' >> "$STAND_IN_LOG"
clean=()
if [[ $tool == mpi* ]]; then clean=(env -i); fi
for ((copy = 0; copy < copies; copy++)); do
    node=node$((first + copy / per_node))
    if ((${#hosts[@]})); then node=${hosts[copy % ${#hosts[@]}]}; fi
    if [[ -n $node && $node == "${STAND_IN_CUT:-}" ]]; then
        echo "$tool: $node does not answer" >&2
        sleep infinity < /dev/null > /dev/null 2>&1 &
    else
        env "${clean[@]:1}" STAND_IN_NODE="$node" "$@" &
    fi
    pids+=("$!")
done
trap 'kill "${pids[@]}"; exit 143' TERM
for pid in "${pids[@]}"; do
    wait "$pid"
    status=$?
    if ((status > code)); then code=$status; fi
done
exit "$code"
"""

PARALLEL = r"""#!/bin/bash
options=() hosts=() pids=() failed=0
while (($#)); do
    case $1 in
        --jobs) tasks=$2 ;;
        --sshloginfile) mapfile -t hosts < "$2" ;;
        --joblog) log=$2 ;;
        --workdir) cd "$2" || exit 255 ;;
    esac
    options+=("$1")
    shift
done
printf '%q ' parallel "${options[@]}" | sed 's/$/\n/' >> "$STAND_IN_LOG"
mapfile -d '' -t commands
printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n' > "$log"
for job in "${!commands[@]}"; do
    node=${hosts[job / tasks]}
    if [[ -n $node && $node == "${STAND_IN_CUT:-}" ]]; then
        sleep infinity < /dev/null > /dev/null 2>&1 &
    else
        env -i STAND_IN_NODE="$node" /bin/bash -c "${commands[job]}" &
    fi
    pids+=("$!")
done
trap 'kill "${pids[@]}"; exit 143' TERM
for job in "${!pids[@]}"; do
    wait "${pids[job]}"
    status=$? signal=0
    if ((status != 0)); then failed=$((failed + 1)); fi
    if ((status > 128)); then signal=$((status - 128)) status=0; fi
    printf '%s\t%s\t1.0\t0.1\t0\t0\t%s\t%s\t%s\n' "$((job + 1))" "${hosts[job / tasks]}" "$status" "$signal" \
        "${commands[job]}" >> "$log"
done
exit "$failed"
"""

OF_A_JOB = (
    *("PBS_NODEFILE", "PE_HOSTFILE", "LSB_DJOB_HOSTFILE", "PARSL_LIKE_BLOCK_FILES"),
    *("SLURM_JOB_NODELIST", "SLURM_CPUS_PER_TASK", "SLURM_TASKS_PER_NODE"),
)


class StandIns:
    """The stand-ins of a test.

    Args:
        programs: Where they are.
        log: Where they write their options.
        temporary: The folder in which the launchers' text puts files for a while.
    """

    def __init__(self, programs: Path, log: Path, temporary: Path) -> None:
        self.programs = programs
        self.log = log
        self.temporary = temporary

    def add(self, name: str, text: str) -> None:
        """Put another program on the path."""
        program = self.programs / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)

    def calls(self) -> list[list[str]]:
        """The program and its options, without the command, of each call."""
        return [shlex.split(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.strip()]


@pytest.fixture
def stand_ins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    folder = tmp_path_factory.mktemp("stand_ins")
    programs, temporary, log = folder / "bin", folder / "tmp", folder / "log"
    programs.mkdir()
    temporary.mkdir()
    log.touch()
    made = StandIns(programs, log, temporary)
    for name in ("srun", "aprun", "jsrun", "mpiexec", "mpirun"):
        made.add(name, STARTER)
    made.add("parallel", PARALLEL)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    monkeypatch.setenv("TMPDIR", str(temporary))
    for name in OF_A_JOB:
        monkeypatch.delenv(name, raising=False)
    return made
