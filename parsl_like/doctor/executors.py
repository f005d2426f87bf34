"""The part of an examination that is about one executor: its description, its provider, the way between, its blocks."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from parsl_like.channels.local import LocalChannel
from parsl_like.core.missing import missing_values
from parsl_like.core.unbuilt import is_unbuilt, refuse_unbuilt
from parsl_like.doctor.checks.commands import LAUNCHED_BY, check_commands, check_launcher, check_python
from parsl_like.doctor.checks.descriptions import check_blocks, check_node_size, check_options, check_stand_ins
from parsl_like.doctor.checks.folders import check_sharing
from parsl_like.doctor.checks.network import check_network
from parsl_like.doctor.checks.queues import check_charging, check_queues, node_cores
from parsl_like.doctor.checks.scripts import check_script, check_sources
from parsl_like.doctor.checks.testblock import check_block
from parsl_like.doctor.findings import Finding, Severity, of_channel, of_error
from parsl_like.doctor.probes.folders import seen_folder
from parsl_like.doctor.probes.network import seen_network
from parsl_like.doctor.probes.scripts import absent_sources
from parsl_like.doctor.probes.systems import launcher_command, seen_system, where_python_is
from parsl_like.doctor.probes.testblock import Trial, seen_block
from parsl_like.doctor.probes.versions import this_side
from parsl_like.doctor.sightings import SeenSystem
from parsl_like.doctor.systems import system_of
from parsl_like.errors import ParslError
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.providers.base import ExecutionProvider, is_foreign
from parsl_like.providers.batch import BatchProvider
from parsl_like.providers.local import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsl_like.doctor.wishes import Setting

CORRECT_IT: Final = "Correct it; parsl-like blocks render shows what a configuration comes to."

OUT_OF_REACH: Final = frozenset({"command-missing", "system-silent", "channel"})
"""Findings after which there is nobody to ask about blocks."""

EXPLAINING: Final = frozenset(
    {
        *("queue-unknown", "queue-shut", "walltime-too-long", "value-missing", "options-unread"),
        *("too-many-nodes", "too-many-cores", "too-much-memory", "feature-unknown", "resource-unknown"),
    }
)
"""Findings that say in clearer words what the batch system would say of a script."""


class ExecutorExamination:
    """Looks at one executor.

    Args:
        executor: Its description, as the user has given it.
        setting: What it shares with the rest of the examination.
    """

    def __init__(self, executor: Any, setting: Setting) -> None:
        self._executor = executor
        self._setting = setting
        self._where = f"executor {executor.label}"
        self._seen = SeenSystem()

    def findings(self) -> list[Finding]:
        """What is wrong with it."""
        self._look_at("its description")
        try:
            sealed = self._executor.sealed()
            refuse_unbuilt(sealed)
        except ParslError as error:
            return [of_error("description", self._where, error, CORRECT_IT)]
        provider = getattr(sealed, "provider", None)
        if not isinstance(provider, ExecutionProvider):
            return []
        found = list(self._of_provider(provider))
        if isinstance(sealed, HighThroughputExecutor) and not is_unbuilt(sealed):
            system = system_of(provider)
            cores = None if system is None else node_cores(provider, system, self._seen)
            found += check_node_size(self._where, sealed, self._setting.config.strategy, cores)
            found += self._of_links(sealed, provider)
            if not any(finding.check in OUT_OF_REACH for finding in found):
                found = [*found, *self._of_folders(provider), *self._of_blocks(sealed, provider, found)]
        return found

    def _look_at(self, what: str) -> None:
        self._setting.checked.append(f"{self._where}: {what}")

    def _pass_over(self, why: str) -> None:
        self._setting.unchecked.append(f"{self._where}: {why}")

    # --- the provider

    def _of_provider(self, provider: ExecutionProvider) -> Iterator[Finding]:
        self._look_at(f"{type(provider).__name__}'s options")
        yield from check_blocks(self._where, provider, self._setting.config.strategy)
        yield from check_stand_ins(self._where, provider, missing_values(provider))
        yield from self._of_sources(provider)
        if _is_batch(provider):
            if type(provider).header is BatchProvider.header:  # else the lines are no directives
                yield from check_options(self._where, provider.scheduler_options, provider.dialect().prefix)
            yield from self._of_system(provider)
        elif _is_local(provider):
            yield from self._of_launcher(provider)
        else:
            self._pass_over(f"{type(provider).__name__} is not known well enough to be asked about its queues.")

    def _of_launcher(self, provider: ExecutionProvider) -> Iterator[Finding]:
        try:
            with closing((provider.channel or LocalChannel()).open()) as channel:
                path = launcher_command(channel, _started_with(provider), provider.cmd_timeout)
                python = where_python_is(channel, provider)
        except ParslError as error:
            yield of_channel(self._where, error)
            return
        yield from check_launcher(self._where, provider, path, local=True)
        yield from check_python(self._where, provider, python)

    def _of_system(self, provider: BatchProvider) -> Iterator[Finding]:
        system, name = system_of(provider), _called(provider)
        self._look_at(f"{name}, its commands and queues")
        try:
            with closing((provider.channel or LocalChannel()).open()) as channel:
                self._seen = seen_system(channel, provider, system, local=_is_at_hand(provider))
                path = launcher_command(channel, _started_with(provider), provider.cmd_timeout)
                python = where_python_is(channel, provider)
        except ParslError as error:
            yield of_channel(self._where, error)
            return
        yield from check_commands(self._where, name, self._seen)
        yield from check_launcher(self._where, provider, path, local=False)
        yield from check_python(self._where, provider, python)
        if system is not None:
            yield from check_queues(self._where, provider, system, self._seen)
            yield from check_charging(self._where, provider, system, self._seen)

    def _of_sources(self, provider: ExecutionProvider) -> Iterator[Finding]:
        if _is_at_hand(provider) and not self._setting.wishes.submit:  # a test block tells for certain
            yield from check_sources(self._where, absent_sources(provider.worker_init))

    # --- the way between

    def _of_links(self, executor: HighThroughputExecutor, provider: ExecutionProvider) -> Iterator[Finding]:
        self._look_at("its address and ports")
        apart = self._is_apart(provider) and not getattr(provider.channel, "tunnel", False)
        yield from check_network(self._where, executor, seen_network(executor), apart=apart)

    def _of_folders(self, provider: ExecutionProvider) -> Iterator[Finding]:
        if self._is_apart(provider) and _is_at_hand(provider) and not self._setting.wishes.submit:
            # A test block tells for certain.
            yield from check_sharing(self._where, "run_dir", seen_folder(str(self._setting.config.run_dir)))
            yield from check_sharing(self._where, "The folder in which blocks run", seen_folder("."))

    def _is_apart(self, provider: ExecutionProvider) -> bool:
        """Whether blocks run on other machines."""
        if _is_local(provider):
            return provider.nodes_per_block > 1 or not _is_at_hand(provider)
        return not self._seen.here

    # --- blocks

    def _of_blocks(
        self, executor: HighThroughputExecutor, provider: ExecutionProvider, found: Sequence[Finding]
    ) -> Iterator[Finding]:
        self._look_at("the script of its blocks")
        submit = self._setting.wishes.submit
        # To put a job on hold and to cancel it is more than to look, so it is done on request only.
        judged = submit or (_is_batch(provider) and provider.dialect().judge is not None)
        explained = bool(missing_values(executor)) or any(finding.check in EXPLAINING for finding in found)
        try:
            seen = self._setting.scripts(self._setting.config, executor.label, judged and not explained)
        except ParslError as error:
            yield of_error("description", self._where, error, CORRECT_IT)
            return
        said = list(check_script(self._where, _called(provider), seen))
        yield from said
        if submit and (self._setting.hindered or any(each.severity is Severity.FAULT for each in (*found, *said))):
            self._pass_over("no test block was submitted, as it would fail of what is told.")
        elif submit:
            yield from self._of_test_block(executor, provider)

    def _of_test_block(self, executor: HighThroughputExecutor, provider: ExecutionProvider) -> Iterator[Finding]:
        self._look_at("a test block")
        here = this_side()
        trial = Trial(
            run_dir=str(self._setting.config.run_dir),
            shared=_is_at_hand(provider),
            patience=self._setting.wishes.patience,
            packages=tuple(here.packages),
            tell=lambda text: self._setting.wishes.tell(f"{self._where}: {text}"),
        )
        try:
            seen = seen_block(executor, provider, self._setting.plugins.open_provider, trial)
        except ParslError as error:
            yield of_error("block-refused", self._where, error, CORRECT_IT)
        except OSError as error:
            what, fix = "No test block could be submitted.", "See that its address, its ports and run_dir can be used."
            yield Finding("block-refused", self._where, what, fix, str(error))
        else:
            yield from check_block(self._where, _called(provider), seen, here)


def _is_batch(provider: ExecutionProvider) -> TypeGuard[BatchProvider]:
    return isinstance(provider, BatchProvider) and not is_foreign(provider)


def _is_local(provider: ExecutionProvider) -> bool:
    return isinstance(provider, LocalProvider) and not is_foreign(provider)


def _is_at_hand(provider: ExecutionProvider) -> bool:
    """Whether its commands run on this machine."""
    return provider.channel is None or isinstance(provider.channel, LocalChannel)


def _called(provider: ExecutionProvider) -> str:
    """What its batch system is called."""
    system = system_of(provider)
    return provider.label if system is None else system.name


def _started_with(provider: ExecutionProvider) -> str | None:
    """The command that its launcher starts copies with, None if there is none."""
    return LAUNCHED_BY.get(type(provider.launcher).__name__)
