"""The one kernel that apps use unless they are given another."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from parsl_like.dataflow.joins import current_kernel
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError

if TYPE_CHECKING:
    from parsl_like.config import Config
    from parsl_like.dataflow.dflow import DataFlowKernel


class DataFlowKernelLoader:
    """Keeps the process's default kernel."""

    _dfk: DataFlowKernel | None = None
    _lock = threading.Lock()

    @classmethod
    def load(cls, config: Config | str | None = None) -> DataFlowKernel:
        """Start a kernel and make it the default one.

        Args:
            config: What to run on, or its name: a profile of the project or the user, a file of Python, TOML or YAML,
                "module:attribute", a site, or "auto" for what is found here: cores, accelerators. None for what the
                environment or a file of profiles chooses (see :mod:`parsl_like.profiles.named`), else two threads.

        Raises:
            ConfigurationError: one is loaded already, or the configuration cannot be meant, or there is none so called.
        """
        from parsl_like.dataflow.dflow import DataFlowKernel

        wanted = _resolved(config)  # before the lock: it may run a file of the user's
        with cls._lock:
            if cls._dfk is not None and not cls._dfk.cleanup_called and not cls._dfk.is_elsewhere:
                raise ConfigurationError(
                    "A configuration has already been loaded.",
                    hint="call clear() first, or make a DataFlowKernel by hand.",
                )
            cls._dfk = DataFlowKernel(wanted)
            return cls._dfk

    @classmethod
    def clear(cls) -> None:
        """Clean up the default kernel, if there is one, and forget it; that it is over holds for whoever calls."""
        kernel = cls._dfk
        if kernel is None:
            return
        kernel.cleanup()
        with cls._lock:
            if cls._dfk is kernel:
                cls._dfk = None

    @classmethod
    def dfk(cls) -> DataFlowKernel:
        """The kernel of the join app whose body is running here, else the default kernel.

        Raises:
            NoDataFlowKernelError: before ``load`` and after ``clear``.
        """
        kernel = current_kernel() or cls._dfk
        if kernel is None or kernel.cleanup_called:
            raise NoDataFlowKernelError("Must first load config", hint="call load() before the first app.")
        return kernel

    @classmethod
    def wait_for_current_tasks(cls) -> None:
        """Wait until every task submitted so far has ended."""
        cls.dfk().wait_for_current_tasks()


def _renew_lock() -> None:
    """In a forked process the thread that held it, if any did, does not exist."""
    DataFlowKernelLoader._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def _resolved(config: Config | str | None) -> Config | None:
    from parsl_like.profiles.defaults import config_named, usual_config  # not before somebody loads

    if config is None:
        return usual_config()
    return config_named(config) if isinstance(config, str) else config


load = DataFlowKernelLoader.load
clear = DataFlowKernelLoader.clear
dfk = DataFlowKernelLoader.dfk
wait_for_current_tasks = DataFlowKernelLoader.wait_for_current_tasks
