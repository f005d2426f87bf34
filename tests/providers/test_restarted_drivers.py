"""Jobs of batch systems outlive their driver, the running ones and those in the queue, and work for the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.cli import main
from tests.fakes.fixtures import *  # noqa: F403
from tests.fakes.fixtures import FLAVOURS

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster

pytestmark = pytest.mark.integration

WAIT = 90.0
SCRIPT = Path(__file__).parent / "scripts" / "restarted_driver.py"


class Driver:
    """The program, which does as it is told line by line."""

    def __init__(self, flavour: str, run_dir: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), flavour, str(run_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._says = self._process.stdin, self._process.stdout

    def manager(self) -> int:
        """The process that a task finds as its manager."""
        self._orders.write("go\n")
        self._orders.flush()
        return int(self._says.readline())

    def end(self) -> int:
        self._orders.close()
        return self._process.wait(WAIT)

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for end in (self._orders, self._says):
            end.close()


@pytest.mark.parametrize(
    "flavour", ["slurm", *(pytest.param(name, marks=pytest.mark.scheduler) for name in FLAVOURS if name != "slurm")]
)
def test_killed_while_one_block_runs_and_one_is_queued(
    flavour: str, make_cluster: MakeCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = make_cluster(flavour, nodes=1)
    tmp_path.chmod(0o700)
    first = Driver(flavour, tmp_path / "runinfo")
    try:
        running = first.manager()
        cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running", "pending"], WAIT)
    finally:
        first.close()
    assert main(["blocks", "list", "--json", str(tmp_path / "runinfo")]) == 0
    listed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [(block["state"], block["driver"]) for block in listed] == [("RUNNING", "ended"), ("PENDING", "ended")]
    assert all(Path(block["script"]).exists() for block in listed)
    second = Driver(flavour, tmp_path / "runinfo")
    try:
        assert second.manager() == running
        assert [job.phase for job in cluster.jobs()] == ["running", "pending"]
        cluster.cancel(1)
        cluster.wait(lambda: cluster.job(2).phase == "running", WAIT)
        assert second.manager() != running
        assert second.end() == 0
    finally:
        second.close()
    cluster.wait_until_empty(WAIT)
    assert [job.stragglers for job in cluster.jobs()][:2] == [0, 0]


@pytest.mark.scheduler
def test_all_of_a_dead_driver_is_cancelled_by_hand(
    make_cluster: MakeCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = make_cluster("slurm", nodes=1)
    tmp_path.chmod(0o700)
    driver = Driver("slurm", tmp_path / "runinfo")
    try:
        driver.manager()
        cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running", "pending"], WAIT)
    finally:
        driver.close()
    assert main(["blocks", "cancel", "--all", str(tmp_path / "runinfo")]) == 0
    assert capsys.readouterr().out.count("cancelled 000/htex/") == 2
    cluster.wait_until_empty(WAIT)
