"""The command line of a manager survives any shell."""

from __future__ import annotations

import subprocess
import sys

from parsl_like.executors.high_throughput.launch import MODULE, manager_command
from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions

OPTIONS = ManagerOptions(
    run_id="r",
    label='it\'s $(touch harm) `x` "y" \\ ; & | * \n {options}',
    logdir="/tmp/with space/$HOME",
    addresses=(Endpoint("ipc:///a b/$c", "tcp://[::1]:5"),),
    block_id="0",
)
PRINT = "import sys; print(chr(0).join(sys.argv[1:]), end='')"


def words(command: str) -> list[str]:
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split("\0")


def test_the_built_in_command_starts_this_interpreter() -> None:
    command = manager_command(OPTIONS)
    assert command.startswith(f"{sys.executable} -m {MODULE} ")
    assert manager_command(OPTIONS, python="/opt/my python").startswith("'/opt/my python' -m ")


def test_the_options_pass_a_shell_unchanged() -> None:
    own = f'{sys.executable} -c "{PRINT}"'
    assert ManagerOptions.from_argv(words(manager_command(OPTIONS, launch_cmd=own))) == OPTIONS


def test_the_options_may_stand_in_the_middle() -> None:
    own = f'{sys.executable} -c "{PRINT}" first {{options}} last'
    first, *options, last = words(manager_command(OPTIONS, launch_cmd=own))
    assert (first, last) == ("first", "last")
    assert ManagerOptions.from_argv(options) == OPTIONS
