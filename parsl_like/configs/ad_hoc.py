"""Machines without a batch system, each reached by ssh: a block on each of them, from the start to the end.

``hosts`` are their names, as ssh knows them; else ``PARSL_LIKE_HOSTS``, with commas between them. ``username`` is yours
there, else ``PARSL_LIKE_USERNAME``, else what ssh's configuration says. ``folder`` is where files are put there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.channels import SSHChannel
from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import AdHocProvider

if TYPE_CHECKING:
    from collections.abc import Sequence


def fresh_config(
    *,
    hosts: Sequence[str] | None = None,
    username: str | None = None,
    worker_init: str | None = None,
    folder: str | None = None,
) -> Config:
    """A new configuration for hosts.

    Args:
        hosts: Their names.
        username: Yours on them; None for what ssh's configuration says.
        worker_init: Shell text that a block begins with.
        folder: Where files are put there; None leaves that to the run.
    """
    named = own("hosts", None if hosts is None else ",".join(hosts))
    user = choice("username", username, "") or None
    return Config(
        executors=[
            HighThroughputExecutor(
                label="ad_hoc",
                provider=AdHocProvider(
                    channels=[
                        SSHChannel(hostname=host.strip(), username=user, script_dir=folder)
                        for host in named.split(",")
                        if host.strip()
                    ],
                    worker_init=choice("worker_init", worker_init, ""),
                ),
            )
        ],
        strategy="none",
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
