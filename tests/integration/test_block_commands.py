"""``parsl-like blocks`` on runs with real blocks: one that goes on, one that is over, and one whose driver is dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.cli import main
from parsl_like.cli.blocks import COMMANDS
from parsl_like.providers import LocalProvider
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel

WAIT = 60

DEAD_DRIVER = """
import os, signal, sys
import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.providers import LocalProvider

@python_app
def one():
    return 1

htex = HighThroughputExecutor(label="htex", max_workers_per_node=1, provider=LocalProvider(max_blocks=1))
parsl_like.load(Config(executors=[htex], run_dir="runinfo", reattach=60))
one().result()
os.kill(os.getpid(), signal.SIGKILL)
"""


@python_app
def double(x: int) -> int:
    return 2 * x


@contextmanager
def run(blocks: int = 1) -> Iterator[DataFlowKernel]:
    provider = LocalProvider(init_blocks=blocks, max_blocks=blocks)
    htex = HighThroughputExecutor(label="htex", max_workers_per_node=1, provider=provider)
    with parsl_like.load(Config(executors=[htex], run_dir="runinfo")) as kernel:
        assert double(4).result() == 8
        processes.until(lambda: len(htex.connected_managers) == blocks, WAIT)
        yield kernel


def listed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["blocks", "list", "--json", *words]) == status
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_run_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with run():
        (block,) = listed(capsys)
        assert block.pop("job").endswith("/parsl_like.htex.block-0")
        assert Path(block.pop("script")).samefile("runinfo/000/submit_scripts/parsl_like.htex.block-0.sh")
        assert isinstance(block.pop("since"), float)
        assert block == {
            "run": "000",
            "executor": "htex",
            "block": "0",
            "state": "RUNNING",
            "connected": True,
            "driver": "runs",
            "message": None,
        }
        assert listed(capsys, "runinfo/latest") == listed(capsys, "runinfo/000") == listed(capsys, "runinfo")
        assert main(["blocks", "list"]) == 0
        header, row = capsys.readouterr().out.splitlines()
        assert header.split()[:4] == ["run", "executor", "block", "job"]
        assert row.split()[:3] == ["000", "htex", "0"]
    assert listed(capsys) == []
    (block,) = listed(capsys, "--all")
    assert block["state"] == "SCALED_IN"


def test_cancelling_blocks_of_a_run_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with run(blocks=2):
        managers = processes.of("manager")
        assert main(["blocks", "cancel", "htex/1", "runinfo"]) == 0
        assert capsys.readouterr().out.startswith("cancelled 000/htex/1 (job ")
        processes.until(lambda: len(processes.of("manager")) < 2, WAIT)
        assert len(set(managers) & set(processes.of("manager"))) == 1
        assert double(5).result() == 10


def test_blocks_of_a_dead_driver(capsys: pytest.CaptureFixture[str]) -> None:
    assert subprocess.run([sys.executable, "-c", DEAD_DRIVER], check=False).returncode == -signal.SIGKILL
    (block,) = listed(capsys)
    assert (block["state"], block["driver"], block["connected"]) == ("RUNNING", "ended", True)
    left = [*processes.of("manager"), *processes.of("worker"), *processes.of("interchange")]
    assert len(left) == 3
    assert main(["blocks", "cancel", "--all", "runinfo"]) == 0
    assert processes.wait_for_end(left, WAIT) == []
    assert listed(capsys) == []
    assert list(Path("runinfo").rglob("*.key")) == []
    processes.until(lambda: not os.listdir(os.environ["TMPDIR"]), WAIT)
    assert main(["blocks", "cancel", "--all", "runinfo"]) == 0
    assert capsys.readouterr().err == "no block is left\n"


def test_what_ended_without_anybody_noticing(capsys: pytest.CaptureFixture[str]) -> None:
    """The driver is dead, and the file says that its block runs; the batch system knows better."""
    program = DEAD_DRIVER.replace("reattach=60", "reattach=1")
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    processes.until(lambda: not processes.of("manager"), WAIT)
    processes.until(lambda: listed(capsys) == [], WAIT)
    (block,) = listed(capsys, "--all")
    assert block["state"] in ("COMPLETED", "FAILED")
    assert block["since"] is None
    Path(block["script"]).unlink()
    (block,) = listed(capsys)
    assert (block["state"], block["message"]) == ("UNKNOWN", "it is not in the batch system's answer")
    assert main(["blocks", "cancel", "0", "runinfo"]) == 1
    assert "the batch system would not end 000/htex/0" in capsys.readouterr().err


def test_names_that_mean_nothing_or_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkdir("runinfo", 0o700)
    assert main(["blocks", "cancel", "7", "runinfo"]) == 2
    assert "'7' is no block that lives: none" in capsys.readouterr().err
    assert main(["blocks", "cancel", "runinfo"]) == 2
    assert "Say which blocks, or --all" in capsys.readouterr().err
    assert main(["blocks", "cancel", "--all", "0", "runinfo"]) == 2
    assert main(["blocks", "list", "nowhere"]) == 2


def test_what_cannot_be_read_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with run() as kernel:
        pass
    Path(kernel.run_dir, "htex", "blocks.jsonl").chmod(0o666)
    assert main(["blocks", "list"]) == 1
    assert "is left alone" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_the_list_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "--help"]) == 0
    purpose = COMMANDS[name][2].rstrip(".")
    assert purpose in " ".join(capsys.readouterr().out.split())
    assert main(["blocks", name, "--help"]) == 0
