"""What a worker knows of its place: processors, accelerators, variables, and the run directory that says the same."""

from __future__ import annotations

import functools
import os
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import bash_app, python_app
from parsl_like.config import Config
from parsl_like.core.job_states import JobState
from parsl_like.errors import BadStateException, ConfigurationError, InvalidResourceSpecification, ParslError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.executors.high_throughput.manager_selector import BlockIdManagerSelector
from parsl_like.executors.high_throughput.node.pinning import usable_processors
from parsl_like.jobs.error_handlers import simple_error_handler
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration

WAIT = 90
ACCELERATORS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


def config(tmp_path: Path, *, provider: LocalProvider | None = None, **options: Any) -> Config:
    settings = {"max_workers_per_node": 2, "cores_per_worker": 0.1, "label": "htex", **options}
    executor = HighThroughputExecutor(provider=provider or LocalProvider(init_blocks=1, max_blocks=1), **settings)
    return Config(executors=[executor], run_dir=str(tmp_path / "runs"))


@python_app
def facts(gate: str, name: str) -> tuple[dict[str, str], list[int]]:
    """Wait for the other workers, so that each has one task."""
    import os
    import time

    open(f"{gate}/{name}", "w").close()
    while len(os.listdir(gate)) < int(os.environ["PARSL_WORKER_COUNT"]):
        time.sleep(0.01)
    return dict(os.environ), sorted(os.sched_getaffinity(0))


def of_each_worker(tmp_path: Path, count: int = 2, **options: Any) -> list[tuple[dict[str, str], list[int]]]:
    """The environment and the processors of each worker, by rank."""
    gate = tmp_path / "gate"
    gate.mkdir()
    with parsl_like.load(config(tmp_path, **options)):
        found = [call.result(WAIT) for call in [facts(str(gate), str(number)) for number in range(count)]]
    return sorted(found, key=lambda one: int(one[0]["PARSL_WORKER_RANK"]))


def test_the_place_of_a_worker(tmp_path: Path) -> None:
    found = of_each_worker(tmp_path)
    assert [env["PARSL_WORKER_RANK"] for env, _ in found] == ["0", "1"]
    for env, processors in found:
        assert (env["PARSL_WORKER_COUNT"], env["PARSL_WORKER_BLOCK_ID"]) == ("2", "0")
        assert processors == usable_processors()
    (pool,) = {env["PARSL_WORKER_POOL_ID"] for env, _ in found}
    logs = {path.name for path in (tmp_path / "runs" / "000" / "htex" / "block-0" / pool).iterdir()}
    assert logs == {"manager.log", "worker_0.log", "worker_1.log"}
    assert (tmp_path / "runs" / "000" / "htex" / "interchange.log").exists()


@pytest.mark.parametrize(
    ("given", "seen"),
    [(2, ["0", "1"]), (["gpu-a", "gpu-b"], ["gpu-a", "gpu-b"]), (["0,1", "2,3"], ["0,1", "2,3"]), ((5, 6), ["5", "6"])],
)
def test_accelerators(tmp_path: Path, given: Any, seen: list[str]) -> None:
    found = of_each_worker(tmp_path, available_accelerators=given)
    for variable in ACCELERATORS:
        assert [env[variable] for env, _ in found] == seen


def test_no_more_workers_than_accelerators(tmp_path: Path) -> None:
    ((env, _),) = of_each_worker(tmp_path, count=1, available_accelerators=["only"])
    assert (env["PARSL_WORKER_COUNT"], env["CUDA_VISIBLE_DEVICES"]) == ("1", "only")


@pytest.mark.parametrize("affinity", ["block", "block-reverse", "alternating", "list:{0}:{1}"])
def test_processors(tmp_path: Path, affinity: str) -> None:
    usable = usable_processors()
    if len(usable) < 2:
        pytest.skip("one processor cannot be divided")
    found = of_each_worker(tmp_path, cpu_affinity=affinity.format(usable[0], usable[-1]))
    half = len(usable) // 2
    expected = {
        "block": [usable[:half], usable[half : 2 * half]],
        "block-reverse": [usable[-half:], usable[-2 * half : len(usable) - half]],
        "alternating": [usable[0::2], usable[1::2]],
    }.get(affinity, [[usable[0]], [usable[-1]]])
    assert [processors for _, processors in found] == expected
    for env, processors in found:
        assert env["OMP_NUM_THREADS"] == str(len(processors))
        assert env["GOMP_CPU_AFFINITY"] == " ".join(map(str, processors))
        assert env["KMP_AFFINITY"] == f"explicit,proclist=[{','.join(map(str, processors))}]"


@pytest.mark.parametrize("affinity", ["blocks", "list:", "list:a", 3])
def test_an_affinity_that_is_none_is_refused(affinity: Any) -> None:
    with pytest.raises(ConfigurationError, match="cpu_affinity"):
        HighThroughputExecutor(cpu_affinity=affinity).check()


def test_what_a_block_was_given_of_its_node(tmp_path: Path) -> None:
    provider = LocalProvider(init_blocks=1, max_blocks=1, worker_init="export PARSL_CORES=6 PARSL_MEMORY_GB=4")
    by_cores = {"max_workers_per_node": None, "cores_per_worker": 2, "provider": provider}
    found = of_each_worker(tmp_path, count=3, **by_cores)
    assert [env["PARSL_WORKER_COUNT"] for env, _ in found] == ["3"] * 3
    (tmp_path / "second").mkdir()
    found = of_each_worker(tmp_path / "second", count=2, **{**by_cores, "mem_per_worker": 2})
    assert [env["PARSL_WORKER_COUNT"] for env, _ in found] == ["2"] * 2


# --- priorities and resources


@pytest.mark.parametrize(
    "make",
    [
        lambda: ThreadPoolExecutor(label="one", max_threads=1),
        lambda: HighThroughputExecutor(
            label="one", max_workers_per_node=1, cores_per_worker=0.1, prefetch_capacity=0, provider=LocalProvider()
        ),
    ],
    ids=["threads", "htex"],
)
def test_lower_numbers_go_first(tmp_path: Path, make: Callable[[], Any]) -> None:
    @python_app
    def note(path: str, name: str, gate: str = "") -> None:
        import os
        import time

        with open(path, "a") as file:
            file.write(name)
        while gate and not os.path.exists(gate):
            time.sleep(0.01)

    path, gate = tmp_path / "order", tmp_path / "gate"
    with parsl_like.load(Config(executors=[make()], run_dir=str(tmp_path / "runs"))):
        first = note(str(path), ">", str(gate))
        while not path.exists():
            time.sleep(0.01)
        calls = [
            note(str(path), name, parsl_resource_specification={"priority": priority})
            for name, priority in (("c", 5), ("a", -1), ("d", 5), ("b", 0.5))
        ]
        gate.touch()
        for call in [first, *calls]:
            call.result(WAIT)
        assert path.read_text() == ">abcd"
        with pytest.raises(InvalidResourceSpecification, match="cores"):
            note(str(path), "x", parsl_resource_specification={"cores": 1}).result(WAIT)
        for wrong in ("high", None, float("nan")):
            with pytest.raises(ParslError, match="priority"):
                note(str(path), "x", parsl_resource_specification={"priority": wrong}).result(WAIT)
    assert path.read_text() == ">abcd"


# --- blocks and managers


def test_the_oldest_block_is_filled_first(tmp_path: Path) -> None:
    wanted = config(
        tmp_path,
        provider=LocalProvider(init_blocks=2, min_blocks=2, max_blocks=2),
        manager_selector=BlockIdManagerSelector(),
        max_workers_per_node=1,
        prefetch_capacity=0,
    )

    @python_app
    def block() -> str:
        import os

        return os.environ["PARSL_WORKER_BLOCK_ID"]

    with parsl_like.load(wanted) as kernel:
        executor = kernel.executors["htex"]
        deadline = time.monotonic() + WAIT
        while len(executor.connected_blocks()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert {block().result(WAIT) for _ in range(20)} == {"0"}


def test_a_drained_manager_ends_and_another_block_goes_on(tmp_path: Path) -> None:
    with parsl_like.load(config(tmp_path, drain_period=1.0, max_workers_per_node=1)) as kernel:
        seen = set()
        deadline = time.monotonic() + WAIT
        while len(seen) < 2:
            assert time.monotonic() < deadline
            seen.add(block_and_manager().result(WAIT))
        assert kernel.summary().losses == 0


@python_app
def block_and_manager() -> tuple[str, str]:
    import os
    import time

    time.sleep(0.05)
    return os.environ["PARSL_WORKER_BLOCK_ID"], os.environ["PARSL_WORKER_POOL_ID"]


# --- lines


def test_every_line_of_a_task_is_in_the_workers_log_with_its_id(tmp_path: Path) -> None:
    @python_app
    def speak(number: int) -> None:
        import logging
        import sys

        print("printed by", number)  # noqa: T201
        print("and\nagain", file=sys.stderr)  # noqa: T201
        logging.getLogger("user.module").info("recorded %d", number)

    @bash_app
    def shout() -> str:
        return "echo from a shell"

    with parsl_like.load(config(tmp_path, max_workers_per_node=1)):
        calls = [speak(number) for number in range(3)]
        for call in [*calls, shout()]:
            call.result(WAIT)
        ids = [call.tid for call in calls]
    (log,) = (tmp_path / "runs").glob("000/htex/block-0/*/worker_0.log")
    lines = log.read_text().splitlines()
    for number, tid in enumerate(ids):
        mine = [line.removeprefix(f"[task {tid}] ") for line in lines if line.startswith(f"[task {tid}] ")]
        assert mine[:3] == [f"printed by {number}", "and", "again"]
        assert re.fullmatch(rf"[-0-9:, ]+ INFO user\.module: recorded {number}", mine[3])
        assert len(mine) == 4
    assert os.path.getsize(log) > 0


# --- blocks that fail


def test_handlers_of_parsls_names(tmp_path: Path) -> None:
    handler = functools.partial(simple_error_handler, threshold=1)
    wanted = config(tmp_path, launch_cmd="exit 3 #", block_error_handler=handler)
    with parsl_like.load(wanted), pytest.raises(BadStateException, match="1 blocks have failed"):
        block_and_manager().result(WAIT)


def test_a_handler_of_the_users_own_sees_the_executor_and_its_blocks(tmp_path: Path) -> None:
    seen: list[Any] = []

    def handler(executor: Any, status: Any) -> None:
        seen.append((executor.label, executor.provider.max_blocks, executor.outstanding(), executor.bad_state_is_set))
        failed = [known for known in status.values() if known.state is JobState.FAILED]
        if failed:
            executor.set_bad_state_and_fail_all(RuntimeError(f"block ended with {failed[0].exit_code}"))

    provider = LocalProvider(init_blocks=1, max_blocks=1)
    wanted = config(tmp_path, provider=provider, launch_cmd="exit 3 #", block_error_handler=handler)
    with parsl_like.load(wanted) as kernel:
        with pytest.raises(BadStateException, match="block ended with 3"):
            block_and_manager().result(WAIT)
        executor = kernel.executors["htex"]
        assert executor.bad_state_is_set
        assert "block ended with 3" in str(executor.executor_exception)
    assert seen[0][:2] == ("htex", 1)
