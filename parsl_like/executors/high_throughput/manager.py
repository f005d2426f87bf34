"""The manager of a node: ``python -m`` this module, with the words of ``ManagerOptions``.

It starts the node's workers first, so that they come up while the links to the interchange do. Exit code 0 means that
it ended in order; otherwise its last words, on stderr and in its log, say why.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from parsl_like.errors import ParslError
from parsl_like.executors.high_throughput.node import orphans
from parsl_like.executors.high_throughput.node.facts import GIGABYTE, Node, worker_count
from parsl_like.executors.high_throughput.node.pinning import pins, usable_processors
from parsl_like.executors.high_throughput.node.signals import Signals
from parsl_like.executors.high_throughput.node.succession import TakenOver, begin_anew
from parsl_like.executors.high_throughput.node.worker import Limits
from parsl_like.executors.high_throughput.node.workers import WorkerPool
from parsl_like.executors.high_throughput.options import ManagerOptions
from parsl_like.executors.high_throughput.places import allow_many_files
from parsl_like.folders import private_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("parsl_like.manager")

FAILED = 1
"""The exit code of a manager that could not do its work."""


def main(argv: Sequence[str]) -> int:
    """Run a manager to its end; gives the exit code."""
    began = time.monotonic()
    try:
        options = ManagerOptions.from_argv(argv)
        with ExitStack() as stack:
            _manage(options, stack)
    except TakenOver as order:  # by now nothing of the old run is left
        logger.info("%s", order)
        begin_anew(order.options, time.monotonic() - began)
    except (ParslError, OSError, ValueError) as error:
        logger.error("ended: %s", error)  # noqa: TRY400 - the sentence says it all
        print(f"manager: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    except Exception:  # the root of the process: whoever started it reads its stderr and its exit code
        logger.exception("the manager failed")
        raise
    return 0


def _manage(options: ManagerOptions, stack: ExitStack) -> None:
    node = Node.observe(os.environ)
    name = options.uid or f"{node.hostname}-{os.urandom(4).hex()}"
    signals = Signals(stack)
    orphans.adopt()
    stack.callback(orphans.end_all)
    directory = _open_log(options, name)
    workers = worker_count(options, node.cores, node.memory)
    pool = WorkerPool(
        pins(workers, usable_processors(), options.cpu_affinity, options.accelerators),
        directory,
        options.python_path,
        {**os.environ, "PARSL_WORKER_POOL_ID": name, "PARSL_WORKER_BLOCK_ID": options.block_id},
        Limits(allow_many_files(), int((options.worker_memory or 0) * GIGABYTE), options.worker_processes or 0),
        options.debug,
    )
    stack.callback(pool.close)
    logger.info("manager %s of block %s, pid %d: %d workers", name, options.block_id, os.getpid(), workers)
    pool.start_missing(time.monotonic())
    # Only now: what it imports takes as long as a worker takes to start.
    from parsl_like.executors.high_throughput.node.manager_loop import manage

    manage(options, name, node, pool, signals)


def _open_log(options: ManagerOptions, name: str) -> Path:
    """Begin ``manager.log``; gives the directory for the workers' logs."""
    directory = Path(private_folder(Path(options.logdir) / name))
    logging.basicConfig(
        filename=directory / "manager.log",
        level=logging.DEBUG if options.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    if options.worker_logdir_root is not None:
        directory = Path(private_folder(Path(options.worker_logdir_root) / name))
    return directory


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
