"""Pods of Kubernetes: each is a block with one worker.

``image`` is the container's, with Python and this package in it, else ``PARSL_LIKE_IMAGE``; ``namespace``, else
``PARSL_LIKE_NAMESPACE``. Pods connect to the program, so the machine where it runs must be reachable from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import KubernetesProvider


def fresh_config(
    *,
    image: str | None = None,
    namespace: str | None = None,
    worker_init: str | None = None,
    max_blocks: int = 10,
) -> Config:
    """A new configuration; the text of the module says what is each user's own.

    Args:
        image: The image of the pods' container.
        namespace: The namespace of the pods.
        worker_init: Shell text that a block begins with.
        max_blocks: Never more pods than this.
    """
    return Config(
        executors=[
            HighThroughputExecutor(
                label="kubernetes",
                max_workers_per_node=1,
                provider=KubernetesProvider(
                    image=own("image", image),
                    namespace=choice("namespace", namespace, "default"),
                    worker_init=choice("worker_init", worker_init, ""),
                    init_blocks=1,
                    max_blocks=max_blocks,
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
