"""Blocks that cannot start, never connect, are killed, or end early; blocks that will not end."""

from __future__ import annotations

import os
import random
import shlex
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.errors import BadStateException
from parsl_like.executors.high_throughput.launch import MODULE
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider
from parsl_like.providers.local_session import LocalJob
from tests.faults import processes
from tests.faults.apps import add, let_go, note, ran_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 400


def leaders(kernel: DataFlowKernel) -> list[int]:
    """The first processes of the blocks that the kernel knows to run."""
    blocks = kernel.status()["blocks"]["htex"].get("blocks", {})
    jobs = [facts["job"] for facts in blocks.values() if facts["job"]]
    return [parts.pid for job in jobs if (parts := LocalJob.parse(job)) is not None]


def kill_one(kernel: DataFlowKernel, chance: random.Random) -> bool:
    """Kill a block that lives; False if there is none."""
    found = processes.alive(leaders(kernel))
    if not found:
        return False
    try:
        os.killpg(chance.choice(found), signal.SIGKILL)
    except ProcessLookupError:  # it has ended meanwhile
        return False
    return True


def leaders_ever(kernel: DataFlowKernel) -> set[str]:
    """The blocks that have connected so far."""
    kernel.recorder.flush(WAIT)
    return {str(record.subject) for record in kernel.records.last("block") if record.fields.get("connected")}


def ends_with(error: str, make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch, **options: Any) -> str:
    """The text of the error that every task of a run gets that cannot have blocks."""
    with stopwatch:
        kernel = make_run(**options)
        futures = [add(number, 1) for number in range(20)]
        with pytest.raises(BadStateException, match=error) as caught:
            futures[0].result(WAIT)
        for future in futures:
            assert isinstance(future.exception(WAIT), BadStateException)
        assert isinstance(add(1, 2).exception(WAIT), BadStateException)
    assert kernel.status()["blocks"]["htex"]["failed"]
    text = str(caught.value)
    assert "submit_scripts" in text, "the paths of the block's output"
    return text


# --- blocks that cannot start


@pytest.mark.fault("provider", "worker_init fails with code 1", "BadStateException with its stderr and cause", bound=60)
def test_worker_init_fails(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = LocalProvider(worker_init="echo 'module: no module conda/2031' >&2; exit 1")
    text = ends_with("3 blocks in a row ended", make_run, stopwatch, provider=provider)
    assert "exit code 1" in text
    assert "it wrote:\n    module: no module conda/2031" in text
    assert "likely cause: worker_init or the block's command failed" in text


@pytest.mark.fault("provider", "worker_init exits with code 0", "BadStateException with its words and cause", bound=60)
def test_worker_init_exits(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = LocalProvider(worker_init="echo nothing to do; exit 0")
    text = ends_with("3 blocks in a row ended", make_run, stopwatch, provider=provider)
    assert "likely cause: it ended without an error before it had connected" in text
    assert "it wrote:\n    nothing to do" in text


@pytest.mark.fault("provider", "the command ends at once, with code 0", "BadStateException with the cause", bound=60)
def test_command_ends_at_once(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    text = ends_with("3 blocks in a row ended", make_run, stopwatch, launch_cmd="true")
    assert "the command may not start a worker at all" in text


@pytest.mark.fault("provider", "the command is not there", "BadStateException names it", bound=60)
def test_command_is_not_there(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    text = ends_with("3 blocks in a row ended", make_run, stopwatch, launch_cmd="start_the_pool")
    assert "start_the_pool: command not found" in text
    assert "worker_init may not make the right environment" in text


@pytest.mark.fault(
    "provider", "the block's Python lacks the package", "BadStateException says what to activate", bound=60
)
def test_package_is_missing(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    python = os.path.join(sys.base_prefix, "bin", "python3")
    command = f"{shlex.quote(python)} -I -m {MODULE}"
    text = ends_with("3 blocks in a row ended", make_run, stopwatch, launch_cmd=command)
    assert "parsl_like is not installed where the block runs" in text


@pytest.mark.fault("provider", "the block runs, but never connects", "BadStateException says so", bound=75)
def test_never_connects(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    command = "echo waiting for nothing >&2; exec sleep 1000"
    text = ends_with("no manager of it has connected", make_run, stopwatch, launch_cmd=f"{command} #")
    assert "the manager cannot reach this program" in text
    assert "it wrote:\n    waiting for nothing" in text
    assert "state RUNNING" in text


def elsewhere(place: str) -> dict[str, Any]:
    """Options for an executor whose managers are sent to another address than the interchange's."""
    words = f"$(echo {{options}} | sed -E 's#tcp://[0-9.]+:[0-9]+#tcp://{place}#g')"
    return {"transport": "tcp", "launch_cmd": f"{shlex.quote(sys.executable)} -m {MODULE} {words}"}


@pytest.mark.fault("provider", "managers get an address where nobody listens", "BadStateException says so", bound=60)
def test_wrong_address(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    text = ends_with("3 blocks in a row ended", make_run, stopwatch, **elsewhere("127.0.0.1:1"))
    assert "tcp://127.0.0.1:1: Connection refused" in text
    assert "likely cause: the block cannot reach this program over the network" in text


@pytest.mark.fault("provider", "managers get the address of something else", "BadStateException says so", bound=60)
def test_address_of_something_else(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        options = {**elsewhere(place), "address_probe_timeout": 3}
        text = ends_with("3 blocks in a row ended", make_run, stopwatch, **options)
    assert f"tcp://{place}: it is something else" in text
    assert "likely cause: the block cannot reach this program over the network" in text


@pytest.mark.fault("provider", "two blocks cannot start, the third can", "its tasks run", bound=60)
def test_the_third_block_works(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    log = shlex.quote(str(tmp_path / "starts"))
    provider = LocalProvider(worker_init=f"echo >> {log}; [ $(wc -l < {log}) -gt 2 ] || exit 1")
    with stopwatch:
        kernel = make_run(provider=provider)
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
    assert not kernel.status()["blocks"]["htex"]["failed"]


# --- blocks that are lost


@pytest.mark.parametrize("whom", ["script", "group", "manager"])
@pytest.mark.fault(
    "provider", "a block is killed while its tasks run", "another block runs them, none is lost", bound=35
)
def test_killed(whom: str, make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    kernel = make_run()
    paths = [tmp_path / str(number) for number in range(6)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(path.exists() for path in paths) == 2, WAIT)
    (leader,) = leaders(kernel)
    before = [*processes.of("manager"), *processes.of("worker")]
    {"script": os.kill, "group": os.killpg}.get(whom, lambda *_: os.kill(before[0], signal.SIGKILL))(
        leader, signal.SIGKILL
    )
    with stopwatch:
        assert processes.wait_for_end(before, WAIT) == []
        let_go(*paths)
        assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    assert sum(len(path.read_text().splitlines()) for path in paths) <= 8, "only what ran is run again"
    assert kernel.summary().losses == 2
    assert not kernel.status()["blocks"]["htex"]["failed"]


@pytest.mark.fault(
    "provider", "every block ends a second after its first task", "new blocks run the tasks, none is lost", bound=90
)
def test_ends_early(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    @python_app
    def slow(number: int) -> int:
        import os
        import pathlib
        import time

        pathlib.Path(os.environ["MARK_OF_BLOCK"]).touch()
        time.sleep(0.2)
        return number

    def short(command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        return f"""export MARK_OF_BLOCK={shlex.quote(str(tmp_path))}/$$
{command} &
until [ -e "$MARK_OF_BLOCK" ]; do sleep 0.1; done
sleep 1
kill -KILL $!
"""

    with stopwatch:
        kernel = make_run(provider=LocalProvider(launcher=short, init_blocks=1, max_blocks=1), lost_retries=100)
        futures = [slow(number) for number in range(30)]
        assert [future.result(WAIT) for future in futures] == list(range(30))
    assert len(leaders_ever(kernel)) > 1
    assert not kernel.status()["blocks"]["htex"]["failed"]


@pytest.mark.parametrize("minimum", [0, 1, 2])
@pytest.mark.fault(
    "provider", "blocks are killed at random while tasks flow", "all results are right, the executor lives", bound=75
)
def test_killed_at_random(minimum: int, make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    chance = random.Random(minimum)
    provider = LocalProvider(init_blocks=2, min_blocks=minimum, max_blocks=2)
    kernel = make_run(provider=provider, lost_retries=100)
    futures = []
    with stopwatch:
        for _ in range(6):
            futures += [add(number, 1) for number in range(500)]
            processes.until(lambda: kill_one(kernel, chance), WAIT, "a block")
            futures[chance.randrange(len(futures))].result(WAIT)
        assert [future.result(WAIT) for future in futures] == list(range(1, 501)) * 6
    assert not kernel.status()["blocks"]["htex"]["failed"]
    assert kernel.summary().states == {"exec_done": 3000}


# --- blocks that will not end


@pytest.mark.fault("provider", "a block ignores SIGTERM", "cleanup kills it", bound=30)
def test_will_not_end(make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    ready = tmp_path / "ready"
    hold = f"trap '' TERM HUP INT; touch {shlex.quote(str(ready))}; while :; do sleep 1000; done"
    kernel = make_run(provider=LocalProvider(launcher=SimpleLauncher()), launch_cmd=f"bash -c {shlex.quote(hold)} hold")
    future = add(1, 2)
    processes.until(ready.exists, WAIT)
    processes.until(lambda: leaders(kernel), WAIT, "a block")  # it may be faster than the news of its job's id
    found = leaders(kernel)
    with stopwatch:
        kernel.cleanup()
        parsl_like.clear()
        assert future.done()
        assert processes.wait_for_end(found, WAIT) == []
