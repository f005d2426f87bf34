"""The OSPool of the Open Science Grid: cores of many sites, by HTCondor; a worker for each job.

A job makes an environment for its worker first. Workers connect to the program, so the machine where it runs must be
reachable from the internet on two ports. Blocks have to see the run directory: where the pool has no file system in
common, which is the rule, they cannot work yet. Every job names a project.

Facts: https://osg-htc.org/osg-portal-documentation/htc_workloads/workload_planning/htcondor_job_submission and
htc_workloads/specific_resource/requirements beside it, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import CondorProvider

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel

ENVIRONMENT = "python3 -m venv env && . env/bin/activate && python3 -m pip install parsl_like"


def fresh_config(
    *,
    account: str | None = None,
    worker_init: str | None = None,
    walltime: str = "02:00:00",
    max_blocks: int = 4,
    channel: Channel | None = None,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="osg",
                max_workers_per_node=1,
                worker_logdir_root="$OSG_WN_TMP",
                worker_port_range=(31000, 31001),
                provider=CondorProvider(
                    project=own("account", account),
                    requirements='OSGVO_OS_STRING == "RHEL 9" && Arch == "X86_64"',
                    cores_per_slot=1,
                    worker_init=choice("worker_init", worker_init, ENVIRONMENT),
                    walltime=walltime,
                    init_blocks=1,
                    max_blocks=max_blocks,
                    channel=channel,
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
