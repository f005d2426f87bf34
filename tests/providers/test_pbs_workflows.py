"""Whole workflows on PBS Pro and Torque: real managers and workers in jobs of a simulated cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import PBSProProvider, TorqueProvider
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.fixtures import MakeCluster

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
KINDS: list[Any] = [("pbspro", PBSProProvider), ("torque", TorqueProvider)]


@pytest.fixture(params=KINDS, ids=[kind[0] for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> tuple[str, Callable[..., Any]]:
    return request.param  # type: ignore[no-any-return]


def config(provider: Callable[..., Any], **options: Any) -> Config:
    setup = f"export PYTHONPATH={ROOT} PATH={Path(sys.executable).parent}:$PATH"
    options = {"worker_init": setup, "launcher": SimpleLauncher(), **options}
    executor = HighThroughputExecutor(
        "cluster", address="127.0.0.1", max_workers_per_node=2, cores_per_worker=0.1, provider=provider(**options)
    )
    return Config([executor], strategy="simple", max_idletime=0.5, strategy_period=0.2)


def test_what_a_block_writes_can_be_read_while_it_runs(
    kind: tuple[str, Callable[..., Any]],
    make_cluster: MakeCluster,  # noqa: F811
) -> None:
    cluster = make_cluster(kind[0])
    setup = f"echo good morning; export PYTHONPATH={ROOT} PATH={Path(sys.executable).parent}:$PATH"
    with parsl_like.load(config(kind[1], worker_init=setup)) as kernel:
        assert parsl_like.python_app(abs)(-3).result(timeout=60) == 3
        assert [job.phase for job in cluster.live()] == ["running"]
        (written,) = Path(kernel.run_dir).glob("submit_scripts/*.out")
        assert "good morning" in written.read_text()
    cluster.wait_until_empty(30)
