"""A run whose block has several nodes: its launcher starts a manager on each."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import GnuParallelLauncher, MpiExecLauncher, SrunLauncher
from parsl_like.providers import LocalProvider


def node() -> str:
    time.sleep(0.05)
    return os.environ.get("STAND_IN_NODE", "nowhere")


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("kind", [SrunLauncher, MpiExecLauncher, GnuParallelLauncher])
def test_each_node_has_a_manager(kind: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    nodes = tmp_path / "nodes"
    nodes.write_text("node0\nnode0\nnode1\nnode1\n")
    monkeypatch.setenv("PBS_NODEFILE", str(nodes))
    provider = LocalProvider(nodes_per_block=2, launcher=kind())
    app = parsl_like.python_app(node)
    with parsl_like.load(Config([HighThroughputExecutor("ht", provider, max_workers_per_node=1)])) as kernel:
        seen: set[str] = set()
        deadline = time.monotonic() + 60
        while seen < {"node0", "node1"} and time.monotonic() < deadline:
            seen |= {future.result(timeout=60) for future in [app() for _ in range(8)]}
        managers = kernel.config.executors[0].connected_managers()  # type: ignore[index, union-attr]
    assert seen == {"node0", "node1"}
    assert len(managers) == 2
