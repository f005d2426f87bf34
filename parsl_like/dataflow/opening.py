"""The parts of a run that are opened through plugins and files; each function opens one."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import ExecutorLabel
from parsl_like.core.job_states import TERMINAL_STATES
from parsl_like.core.ports import BlockContext, RunContext, RunInfo, RunSummary
from parsl_like.core.records import Record
from parsl_like.dataflow.memoization import former_checkpoints
from parsl_like.dataflow.rundirs import files_in
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from parsl_like.config import Config
    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.ports import ElasticSession, MonitoringSink, ProviderSession
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.executors.base import ParslExecutor
    from parsl_like.monitoring.recorder import Recorder
    from parsl_like.plugins.manager import PluginManager

logger = logging.getLogger(__name__)


def warn_of_what_is_not_there(config: Config) -> None:
    """Say which wishes of a configuration this version accepts and does not fulfil yet."""
    wishes = {
        "monitoring": config.monitoring is not None,
    }
    missing = ", ".join(name for name, wished in wishes.items() if wished)
    if missing:
        text = f"This version of parsl_like accepts the options for {missing}, but runs without."
        warnings.warn(text, UserWarning, stacklevel=2)
        logger.warning("%s", text)


def open_logging(config: Config, run_dir: str) -> Callable[[], None]:
    """Start the log that the configuration asks for; the function returned ends it."""
    wanted = config.initialize_logging
    if not wanted:
        return lambda: None
    from parsl_like.logconfigs.file import FileLogging

    log = FileLogging() if wanted is True else wanted
    with files_in(run_dir):
        end = log.initialize_logging(log_dir=run_dir, log_name="parsl_like")
    return end if callable(end) else lambda: None  # a way of the program's own may give nothing back


def open_plugins() -> PluginManager:
    """The plugins of a run."""
    from parsl_like.plugins.manager import PluginManager

    return PluginManager()


def open_recorder(plugins: PluginManager, config: Config, run: RunInfo, memory: MonitoringSink) -> Recorder:
    """Start the records thread with a sink in memory and those that plugins open for this run."""
    from parsl_like.monitoring.recorder import Recorder

    recorder = Recorder([memory, *plugins.open_sinks(config.monitoring, run)])
    recorder.start()
    recorder.put([Record("run", run.started, run.run_id, {"what": "started", "argv": list(run.argv)})])
    return recorder


class RunRecord:
    """``run.json`` of a run.

    Args:
        run: The run.
    """

    def __init__(self, run: RunInfo) -> None:
        self._run = run

    def finish(self, summary: RunSummary) -> None:
        """Add how the run went."""
        from parsl_like.dataflow.rundirs import finish_run_json

        finish_run_json(self._run.run_dir, summary)


def open_run_record(
    run: RunInfo, config: Config, checkpoints: Sequence[str] = (), resumed: str | None = None
) -> RunRecord:
    """Write ``run.json``.

    Args:
        run: The run.
        config: Its configuration.
        checkpoints: Folders of earlier runs' checkpoints that it begins with.
        resumed: The directory of the run that it goes on with.
    """
    from parsl_like.dataflow.rundirs import write_run_json

    write_run_json(run, config, checkpoints, resumed)
    return RunRecord(run)


def checkpoints_to_begin_with(memoizer: Any, config: Config, run_dir: str) -> tuple[list[str], str | None]:
    """Folders of earlier runs' checkpoints, the oldest first, and the run that this one goes on with, if it does.

    Raises:
        BadCheckpoint: a checkpoint that the configuration names is not there.
        ConfigurationError: the run that it is to go on with is not there.
    """
    from parsl_like.dataflow.resuming import checkpoints_of, run_to_resume

    named = former_checkpoints(memoizer, run_dir, os.path.dirname(run_dir))
    resumed = run_to_resume(config, run_dir)
    if resumed is None:
        return named, None
    return list(dict.fromkeys([*named, *checkpoints_of(resumed)])), resumed


def executor_context(kernel: DataFlowKernel, description: ParslExecutor) -> RunContext:
    """What an executor is opened with; its directory is made."""
    label = ExecutorLabel(description.label)
    directory = os.path.join(kernel.run_dir, str(label))
    with files_in(kernel.run_dir):
        os.makedirs(directory, exist_ok=True)
        reattachment = kernel.kept_blocks.begin(description, str(label), directory)
    return RunContext(
        run=kernel._context,
        label=label,
        directory=directory,
        wake=kernel._loop.wake,
        defer=kernel._prepare.put,
        record=kernel.recorder.record,
        clock=kernel._clock,
        reattachment=reattachment,
    )


def open_blocks(kernel: DataFlowKernel, description: Any, session: ElasticSession, poller: Any) -> Any:
    """Give an executor that lives in blocks its provider, on the jobs thread; returns the poller."""
    provider = getattr(description, "provider", None)
    if provider is None:
        return poller
    if poller is None:
        from parsl_like.jobs.poller import JobPoller

        poller = JobPoller(
            record=kernel.block_history.record,
            clock=kernel._clock,
            period=kernel.config.strategy_period,
            max_idle=kernel.config.max_idletime,
        )
    script_dir = kernel.kept_blocks.scripts(str(session.label))
    with files_in(kernel.run_dir):
        os.makedirs(script_dir, exist_ok=True)
    context = BlockContext(run=kernel._context, label=session.label, script_dir=script_dir, clock=kernel._clock)
    strategy, policies = kernel.config.strategy or "none", kernel.plugins.scaling_policies
    if strategy not in policies:
        raise ConfigurationError("strategy", strategy, f"one of {', '.join(sorted(policies))}")
    session.keeper = poller
    opened = kernel.plugins.open_provider(provider, context)
    label = str(session.label)
    adopted = _still_there(kernel.kept_blocks.taken_over(label), opened, label)
    poller.add(
        session,
        opened,
        provider.limits(),
        policies[strategy],
        description=provider,
        error_handler=getattr(description, "block_error_handler", True),
        adopted=adopted,
    )
    kernel.kept_blocks.when_lost(label, partial(poller.scale_in, label, tuple(adopted)))
    return poller


def _still_there(jobs: Mapping[BlockId, JobId], provider: ProviderSession, label: str) -> Mapping[BlockId, JobId]:
    """Those of a dead run's jobs that have not ended while nobody looked after them: that is no failure of this run."""
    if not jobs:
        return {}
    try:
        reports = provider.status(list(jobs.values()))
    except Exception as error:  # noqa: BLE001 - a provider may be a plugin's; who cannot be asked now is asked again later
        logger.warning("executor %s: whether its earlier blocks live is not known yet: %r", label, error)
        return jobs
    over = {job for job, report in reports.items() if report.state in TERMINAL_STATES}
    for block, job in jobs.items():
        if job in over:
            logger.info("executor %s: block %s (job %s) has ended meanwhile", label, block, job)
    return {block: job for block, job in jobs.items() if job not in over}
