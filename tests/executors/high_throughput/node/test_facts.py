"""What a node says of itself, and how many workers it carries."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.executors.high_throughput.node.facts import (
    GIGABYTE,
    TOLD_PACKAGES,
    Node,
    memory_limit,
    package_versions,
    seconds_left,
    worker_count,
)
from parsl_like.executors.high_throughput.node.pinning import usable_processors
from parsl_like.executors.high_throughput.options import ManagerOptions

if TYPE_CHECKING:
    from pathlib import Path


def options(**changed: Any) -> ManagerOptions:
    return ManagerOptions(run_id="r", label="l", logdir="d", addresses=(), block_id="0", **changed)


def test_a_node_observes_itself() -> None:
    node = Node.observe({})
    assert node.cores == len(usable_processors())
    assert 64 * 1024**2 < node.memory <= memory_limit()
    assert node.python == platform.python_version()


def test_a_block_may_have_been_given_a_part_of_it() -> None:
    node = Node.observe({"PARSL_CORES": "7", "PARSL_MEMORY_GB": "1.5"})
    assert (node.cores, node.memory) == (7, int(1.5 * GIGABYTE))


@pytest.mark.parametrize("text", ["", "many", "-3", "0", "nan", "inf"])
def test_nonsense_in_the_environment_is_passed_over(text: str) -> None:
    assert Node.observe({"PARSL_CORES": text, "PARSL_MEMORY_GB": text}) == Node.observe({})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 16),
        ({"max_workers": 4}, 4),
        ({"cores_per_worker": 3}, 5),
        ({"cores_per_worker": 0.5}, 32),
        ({"mem_per_worker": 10.0}, 6),
        ({"mem_per_worker": 10.0, "max_workers": 2}, 2),
        ({"accelerators": ("a", "b")}, 2),
        ({"mem_per_worker": 1000.0}, 1),
        ({"cores_per_worker": 100}, 1),
    ],
)
def test_worker_count(changed: dict[str, Any], expected: int) -> None:
    assert worker_count(options(**changed), 16, 64 * GIGABYTE) == expected


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ("0::/user/job\n", {"sys/fs/cgroup/user/memory.max": "1000", "sys/fs/cgroup/user/job/memory.max": "max"}, 1000),
        ("0::/user/job\n", {"sys/fs/cgroup/user/memory.max": "1000", "sys/fs/cgroup/user/job/memory.max": "500"}, 500),
        ("4:cpu,memory:/j\n1:name=systemd:/\n", {"sys/fs/cgroup/memory/j/memory.limit_in_bytes": "77"}, 77),
        ("4:cpu:/j\n", {"sys/fs/cgroup/memory/j/memory.limit_in_bytes": "77"}, None),
        (None, {}, None),
    ],
)
def test_memory_is_what_the_control_groups_leave(
    tmp_path: Path, lines: str | None, files: dict[str, str], expected: int | None
) -> None:
    if lines is not None:
        files = {**files, "proc/self/cgroup": lines}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="ascii")
    whole = memory_limit(tmp_path / "nothing")
    assert memory_limit(tmp_path) == (expected if expected is not None else whole)
    assert whole > 64 * 1024**2


@pytest.mark.parametrize(
    ("environment", "left"),
    [
        ({}, 0.0),
        ({"SLURM_JOB_END_TIME": "1600"}, 600.0),
        ({"PARSL_LIKE_BLOCK_ENDS": "1060"}, 60.0),
        ({"PARSL_LIKE_BLOCK_ENDS": "1060", "SLURM_JOB_END_TIME": "1600"}, 60.0),
        ({"PARSL_LIKE_BLOCK_ENDS": "1600", "SLURM_JOB_END_TIME": "1060"}, 60.0),
        ({"PARSL_LIKE_BLOCK_ENDS": "1060", "SLURM_JOB_END_TIME": "5"}, 60.0),
        ({"PARSL_LIKE_BLOCK_ENDS": "5"}, 0.0),
        ({"PARSL_LIKE_BLOCK_ENDS": "soon"}, 0.0),
    ],
)
def test_seconds_left(environment: dict[str, str], left: float) -> None:
    assert seconds_left(environment, 1000.0) == left


def test_versions_of_packages_that_are_there() -> None:
    found = package_versions()
    assert "msgspec" in found
    assert set(found) <= set(TOLD_PACKAGES)
