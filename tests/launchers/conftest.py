"""Stand-ins for the programs that start copies on the nodes of a job: they run them here, and write down their options.

Each copy sees the node that it would be on as ``STAND_IN_NODE``. What goes to other nodes by ssh starts with an empty
environment, as it does there.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

STARTER = r"""#!/bin/bash
tool=${0##*/}
copies=1 per_node=1 hosts=() options=() pids=() code=0
while (($#)); do
    case $1 in
        /bin/bash | /usr/bin/env) break ;;
        --ntasks=*) copies=${1#*=} ;;
        --ntasks-per-node=*) per_node=${1#*=} ;;
        -n | -np) copies=$2 ;;
        -N | -r) per_node=$2 ;;
        --hostfile) mapfile -t hosts < "$2" ;;
    esac
    options+=("$1")
    shift
done
printf '%q ' "$tool" "${options[@]}" | sed 's/$/\n/' >> "$STAND_IN_LOG"
clean=()
if [[ $tool == mpi* ]]; then clean=(env -i); fi
for ((copy = 0; copy < copies; copy++)); do
    node=node$((copy / per_node))
    if ((${#hosts[@]})); then node=${hosts[copy % ${#hosts[@]}]}; fi
    env "${clean[@]:1}" STAND_IN_NODE="$node" "$@" &
    pids+=("$!")
done
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
    env -i STAND_IN_NODE="${hosts[job / tasks]}" /bin/bash -c "${commands[job]}" &
    pids+=("$!")
done
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


class StandIns:
    """The stand-ins of a test.

    Args:
        log: Where they write their options.
        temporary: The folder in which the launchers' text puts files for a while.
    """

    def __init__(self, log: Path, temporary: Path) -> None:
        self.log = log
        self.temporary = temporary

    def calls(self) -> list[list[str]]:
        """The program and its options, without the command, of each call."""
        return [shlex.split(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.strip()]


@pytest.fixture
def stand_ins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    folder = tmp_path_factory.mktemp("stand_ins")
    programs, temporary = folder / "bin", folder / "tmp"
    programs.mkdir()
    temporary.mkdir()
    for name in ("srun", "aprun", "jsrun", "mpiexec", "mpirun", "parallel"):
        program = programs / name
        program.write_text(PARALLEL if name == "parallel" else STARTER, encoding="utf-8")
        program.chmod(0o755)
    log = folder / "log"
    log.touch()
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    monkeypatch.setenv("TMPDIR", str(temporary))
    for name in ("PBS_NODEFILE", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    return StandIns(log, temporary)
