"""Instances of Amazon EC2: each is a block.

``image_id`` is the image of the instances, else ``PARSL_LIKE_IMAGE_ID``; ``key_name`` the key pair by its name at EC2,
else ``PARSL_LIKE_KEY_NAME``; ``region``, else ``PARSL_LIKE_REGION``. Credentials are those of the AWS configuration. An
image needs Python and this package, or a ``worker_init`` that installs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import AWSProvider


def fresh_config(
    *,
    image_id: str | None = None,
    key_name: str | None = None,
    region: str | None = None,
    instance_type: str = "t2.small",
    worker_init: str | None = None,
    walltime: str = "01:00:00",
    max_blocks: int = 1,
) -> Config:
    """A new configuration; the text of the module says what is each user's own.

    Args:
        image_id: The image, ``ami-...``.
        key_name: The key pair, by its name at EC2.
        region: Where instances are started.
        instance_type: What an instance is like.
        worker_init: Shell text that a block begins with.
        walltime: How long a block may run, as ``"[days-]hours:minutes:seconds"``.
        max_blocks: Never more instances than this.
    """
    return Config(
        executors=[
            HighThroughputExecutor(
                label="ec2",
                provider=AWSProvider(
                    image_id=own("image_id", image_id),
                    key_name=own("key_name", key_name),
                    region=choice("region", region, "us-east-2"),
                    instance_type=instance_type,
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    max_blocks=max_blocks,
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
