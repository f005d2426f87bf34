"""A program on a laptop whose workers are jobs of a Slurm at the other end of an SSH connection.

What it is to do comes as its only argument, in JSON; what it sees it prints, a line of JSON each.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import parsl_like
from examples import source_census
from parsl_like.channels import OpenSSHChannel, SSHChannel
from tests.site.apps import where
from tests.site.slurm import slurm_config

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel
    from parsl_like.config import Config
    from parsl_like.dataflow.dflow import DataFlowKernel

PATIENCE_S = 240.0


def channel(kind: str, options: dict[str, Any]) -> Channel:
    """One of the two implementations; options by the names that they share."""
    return SSHChannel(**options) if kind == "ssh" else OpenSSHChannel(**options)


def say(**facts: Any) -> None:
    """To the test."""
    print(json.dumps(facts), flush=True)  # noqa: T201 - this is how it speaks to the test


def listening() -> list[str]:
    """The addresses at which this laptop can be connected to."""
    found = psutil.net_connections("tcp")
    return sorted({each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN})


def facts_of(kernel: DataFlowKernel) -> dict[str, Any]:
    """What became of a run's tasks."""
    summary = kernel.summary()
    counts = {"states": dict(summary.states), "losses": summary.losses, "retries": dict(summary.retries)}
    return {**counts, "notes": list(summary.notes)}


def census(config: Config, plan: dict[str, Any]) -> None:
    """Take a census of sources, and say what it is."""
    kernels: list[DataFlowKernel] = []
    load = parsl_like.load
    parsl_like.load = lambda given: kernels.append(load(given)) or kernels[-1]  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources
        result = source_census.run_with_engine(Path(plan["root"]), Path(plan["out"]), config)
    say(census=result, **facts_of(kernels[0]))


def stream(config: Config, plan: dict[str, Any]) -> None:
    """Run short tasks for a while; says when they run, and how they have ended."""
    with parsl_like.load(config) as kernel:
        futures = [where(plan["seconds"], number) for number in range(plan["tasks"])]
        _, job, _ = futures[1].result(PATIENCE_S)
        say(job=job, listening=listening())
        errors = [future.exception(PATIENCE_S) for future in futures]
        ended = time.time()
    failed = [error for error in errors if error is not None]
    done = [future.result()[0] for future, error in zip(futures, errors, strict=True) if error is None]
    say(done=done, failed=chain_of(failed[-1]) if failed else [], ended=ended, **facts_of(kernel))


class Told(Exception):
    """What the run says of its troubles; ends it.

    Attributes:
        moment: When it was said, in seconds since the epoch.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.moment = time.time()


def lose(config: Config, plan: dict[str, Any]) -> None:
    """Run tasks until the run says that the connection is gone, and then end it."""
    with parsl_like.load(config) as kernel:
        futures = [where(plan["seconds"], number) for number in range(plan["tasks"])]
        _, job, _ = futures[1].result(PATIENCE_S)
        say(job=job, listening=listening())
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            notes = [note for note in kernel.summary().notes if "Channel to" in note]
            if notes:
                raise Told("\n".join(notes))
            threading.Event().wait(0.2)


def chain_of(error: BaseException | None) -> list[str]:
    """An error and what it came from, each as its class and its words."""
    found: list[str] = []
    while error is not None and len(found) < 20:
        found.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__ or getattr(error, "exception", None)
    return found


def main(text: str) -> None:
    """Do what the plan says."""
    plan = json.loads(text)
    way = channel(plan["kind"], plan["channel"])
    config = slurm_config(plan["run_dir"], channel=way, address="127.0.0.1", **plan["config"])
    try:
        {"census": census, "stream": stream, "lose": lose}[plan["work"]](config, plan)
    except Exception as error:  # noqa: BLE001 - what a program of a user would show
        say(error=chain_of(error), ended=getattr(error, "moment", time.time()))


if __name__ == "__main__":
    main(sys.argv[1])
