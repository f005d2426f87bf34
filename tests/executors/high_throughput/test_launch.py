"""The command line of a manager survives any shell."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

from parsl_like.core.ports import BlockPlace
from parsl_like.executors.high_throughput.launch import MODULE, manager_command, options_at, tcp_ports
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


# --- on another machine

SOCKET = Endpoint("ipc:///tmp/x/data", "ipc:///tmp/x/control")
FIRST, SECOND = (Endpoint(f"tcp://{host}:5000", f"tcp://{host}:5001") for host in ("10.0.0.1", "[fe80::1]"))
HERE = ManagerOptions(
    run_id="r",
    label="htex",
    logdir="/data/me/runinfo/000/htex/block-3",
    addresses=(SOCKET, FIRST, SECOND),
    block_id="3",
    key_file="/data/me/runinfo/000/htex/certificates/manager.key",
)


def test_which_ports_have_to_be_reached() -> None:
    assert tcp_ports(HERE.addresses) == (5000, 5001)
    assert tcp_ports([SOCKET]) == ()


def test_a_manager_elsewhere_is_told_of_no_unix_socket() -> None:
    """Somebody else may listen at that path there."""
    assert options_at(HERE, BlockPlace()) == dataclasses.replace(HERE, addresses=(FIRST, SECOND))


def test_its_key_and_its_logs_are_where_its_block_is() -> None:
    place = BlockPlace(folder="/far/job s", files="/far/job s/x.files", directory="/far")
    there = options_at(HERE, place)
    assert there.key_file == "/far/job s/x.files/manager.key"
    assert there.logdir == "/far/job s/logs/htex/block-3"
    assert there.logs_stay
    assert options_at(dataclasses.replace(HERE, key_file=None), place).key_file is None


def test_routes_take_the_place_of_addresses_in_their_order() -> None:
    routes = {5000: ("10.9.9.9:61000", "login:61000"), 5001: ("10.9.9.9:61001", "login:61001"), 7: ("x:1",)}
    assert options_at(HERE, BlockPlace(routes=routes)).addresses == (
        Endpoint("tcp://10.9.9.9:61000", "tcp://10.9.9.9:61001"),
        Endpoint("tcp://login:61000", "tcp://login:61001"),
    )
    assert options_at(HERE, BlockPlace(routes={5000: ("a:1",)})).addresses == ()
