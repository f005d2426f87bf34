# ruff: noqa: N999 - the name is the one that programs for Parsl import
"""Virtual machines of Microsoft Azure: each is a block.

``admin_username`` is your login on the machines, else ``PARSL_LIKE_ADMIN_USERNAME``; ``key_name`` the public key for
it, else ``PARSL_LIKE_KEY_NAME``; ``location``, else ``PARSL_LIKE_LOCATION``. Credentials are those of the
environment. The machines have Ubuntu; ``worker_init`` installs this package.

Facts: how images are called is explained in
https://learn.microsoft.com/azure/virtual-machines/linux/cli-ps-findimage, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import AzureProvider

INSTALL = "sudo apt-get update && sudo apt-get install -y python3-pip && python3 -m pip install parsl_like"


def fresh_config(
    *,
    admin_username: str | None = None,
    key_name: str | None = None,
    location: str | None = None,
    vm_size: str = "Standard_D4s_v5",
    worker_init: str | None = None,
    max_blocks: int = 1,
) -> Config:
    """A new configuration; the text of the module says what is each user's own.

    Args:
        admin_username: The login on the machines.
        key_name: The public key for it.
        location: Where machines are started.
        vm_size: What a machine is like.
        worker_init: Shell text that a block begins with.
        max_blocks: Never more machines than this.
    """
    return Config(
        executors=[
            HighThroughputExecutor(
                label="Azure",
                provider=AzureProvider(
                    vm_reference={
                        "publisher": "Canonical",
                        "offer": "ubuntu-24_04-lts",
                        "sku": "server",
                        "version": "latest",
                        "vm_size": vm_size,
                        "disk_size_gb": 30,
                        "admin_username": own("admin_username", admin_username),
                    },
                    key_name=own("key_name", key_name),
                    location=choice("location", location, "westus"),
                    worker_init=choice("worker_init", worker_init, INSTALL),
                    max_blocks=max_blocks,
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
