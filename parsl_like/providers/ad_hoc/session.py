"""Blocks on several hosts, one on each, of which any may fail without the others."""

from __future__ import annotations

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.channels.errors import lost_connection
from parsl_like.channels.local import LocalChannel
from parsl_like.core.ids import JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.errors import ExecutionProviderException, SubmitException
from parsl_like.providers.ad_hoc.host import ANSWER_S, Host
from parsl_like.providers.host_session import HostSession
from parsl_like.providers.job_files import safe_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from parsl_like.channels.base import Channel
    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession
    from parsl_like.providers.ad_hoc.ad_hoc import AdHocProvider

logger = logging.getLogger(__name__)

ASIDE_S = 5.0
"""How much longer than one command a call may take."""
STRAGGLERS_S = 2.0
"""How long other hosts are waited for when one has answered."""
RETURN_S = 0.5
"""How long a host is waited for that did not answer the last time: it may be back."""
CLOSE_S, CLOSE_SLOW_S = 8.0, 2.0
"""How long the closing of all hosts' sessions is waited for; the second of hosts that do not answer."""


class AdHocSession:
    """Satisfies ``core.ports.ProviderSession`` for hosts without a batch system.

    Guarantees: no host has two blocks that anybody wants; what one host does, or fails to do, holds up the others for
    no more than two seconds; a host that does not answer says nothing about its jobs.

    Args:
        provider: What is wanted.
        context: Where scripts go, and the time.
    """

    def __init__(self, provider: AdHocProvider, context: BlockContext) -> None:
        self._patience = provider.cmd_timeout + ASIDE_S
        self._over: dict[JobId, JobReport] = {}
        self._hosts = {
            name: Host(name, _open(provider, channel, context, name)) for name, channel in _named(provider.channels)
        }

    # --- submitting ----------------------------------------------------------------------------------------------

    def submit(self, request: BlockRequest) -> JobId:
        """Start a block on a host that has none: on one that answers, if there is any.

        Raises:
            SubmitException: no host would have it, with the reasons of all; ``transient`` unless all refuse for good.
            ScriptPathError: the script could not be written.
            BadLauncher: the launcher raised or gave no text.
        """
        deadline = time.monotonic() + self._patience
        for free in self._hosts.values():
            if free.is_free:
                free.reach()
        tried: set[str] = set()
        while (host := self._next(tried, deadline)) is not None:
            tried.add(host.name)
            try:
                return JobId(f"{host.name}/{host.submit(request)}")
            except SubmitException as error:
                logger.debug("host %s did not take block %s: %s", host.name, request.block_id, error)
        raise self._refusal(request) from _why_closed(self._hosts.values())

    def _next(self, tried: Collection[str], deadline: float) -> Host | None:
        """A host to try next; those that have answered last time come first, and others are waited for."""
        while True:
            free = [host for host in self._hosts.values() if host.is_free and host.name not in tried]
            for host in free:
                if _is_over(host.contact) and host.trouble is None and not host.is_silent:
                    return host
            left = deadline - time.monotonic()
            calls: list[Future[Any] | None] = [call for host in free for call in host.calls]
            waiting = [call for call in calls if call is not None and not call.done()]
            if not waiting or left <= 0:
                return None
            wait(waiting, timeout=left, return_when=FIRST_COMPLETED)

    def _refusal(self, request: BlockRequest) -> SubmitException:
        words = []
        for host in self._hosts.values():
            if host.trouble is not None:
                words.append(f"{host.name}: {host.trouble}")
            elif host.is_free:
                words.append(f"{host.name}: it has not answered yet")
            else:
                words.append(f"{host.name}: it has a block")
        for_good = all(host.refused for host in self._hosts.values())
        return SubmitException(request.job_name, f"no host takes it. {'; '.join(words)}", transient=not for_good)

    def preview(self, request: BlockRequest) -> tuple[str, str]:
        """The path there and the text of a block's script on the first host that is not this one.

        Raises:
            SubmitException: there is no other host.
            BadLauncher: the launcher raised or gave no text.
        """
        for host in self._hosts.values():
            if isinstance(host.session, HostSession):
                return host.session.preview(request)
        raise SubmitException(request.job_name, "all hosts are this one")

    # --- asking --------------------------------------------------------------------------------------------------

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """The states of jobs. Those on hosts that do not answer are UNKNOWN, or absent if they were told to end.

        Raises:
            ExecutionProviderException: no host that was asked answers; ``transient``.
        """
        asked = self._by_host([job for job in jobs if job not in self._over])
        for host, own in asked.items():
            if host.question is None:
                host.asked = own
                host.question = host.begin(partial(host.session.status, own))
        self._wait_for({host: host.question for host in asked})
        found = {job: self._over[job] for job in jobs if job in self._over}
        silent: dict[str, str] = {}
        for host, own in asked.items():
            reason = self._answer(host, own, found)
            if reason is not None:
                silent[host.name] = reason
        if asked and len(silent) == len(asked):
            raise _unanswered(silent) from _why_closed(asked)
        self._over |= {job: report for job, report in found.items() if report.state in TERMINAL_STATES}
        return found

    def _answer(self, host: Host, jobs: Sequence[JobId], found: dict[JobId, JobReport]) -> str | None:
        """Take note of a host's answer; why there is none, in words."""
        question, before = host.question, host.asked
        reason: str | None = "it has not answered yet"
        if question is not None and question.done():
            host.question = None
            try:
                reports = question.result()
            except ExecutionProviderException as error:
                reason = str(error)
            else:
                host.learn(reports)
                found |= {_at(host, job): reports[job] for job in jobs if job in reports}
                jobs = [job for job in jobs if job not in before]
                reason = None
        for job in jobs:
            if not host.jobs.setdefault(job, False):
                words = f"{host.name}: {reason or 'it has not been asked yet'}"
                found[_at(host, job)] = JobReport(JobState.UNKNOWN, words)
        return reason

    def _wait_for(self, calls: Mapping[Host, Future[Any] | None]) -> None:
        """Wait for calls; what has not come then is taken note of the next time."""
        waiting = {future: host for host, future in calls.items() if future is not None}
        if not waiting:
            return
        soon = [future for future, host in waiting.items() if not host.is_slow]
        patience = ANSWER_S if soon else RETURN_S
        if any(not host.answered for host in calls):
            patience = self._patience
        wait(waiting, timeout=min(self._patience, patience), return_when=FIRST_COMPLETED)
        if any(future.done() for future in waiting):
            first = time.monotonic()
            wait(soon, timeout=STRAGGLERS_S)
            wait(waiting, timeout=max(0.0, first + RETURN_S - time.monotonic()))

    # --- ending --------------------------------------------------------------------------------------------------

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """Tell jobs to end; on a host that does not answer, as soon as it does, or before its next block.

        Raises:
            ExecutionProviderException: no host that was told answers; ``transient``.
        """
        told = self._by_host([job for job in jobs if job not in self._over])
        for host, own in told.items():
            host.jobs |= dict.fromkeys(own, True)
            if host.order is None:
                host.order = host.begin(partial(host.session.cancel, own))
        self._wait_for({host: host.order for host in told})
        accepted = {job: job in self._over for job in jobs}
        silent: dict[str, str] = {}
        for host in told:
            order = host.order
            if order is None or not order.done():
                silent[host.name] = "it has not answered yet"
                continue
            host.order = None
            try:
                answers = order.result()
            except ExecutionProviderException as error:
                silent[host.name] = str(error)
            else:
                accepted |= {_at(host, job): good for job, good in answers.items() if _at(host, job) in accepted}
        if told and len(silent) == len(told):
            raise _unanswered(silent) from _why_closed(told)
        return accepted

    def close(self) -> None:
        """Close all sessions; of blocks that were told to end and may run all the same, the log says where."""
        told = {host: [job for job, ended in host.jobs.items() if ended] for host in self._hosts.values()}
        slow = [host for host in told if host.is_slow]
        closing = {host: host.begin(partial(_close, host.session, jobs)) for host, jobs in told.items()}
        began = time.monotonic()
        wait([call for host, call in closing.items() if host not in slow], timeout=CLOSE_S)
        wait(closing.values(), timeout=max(0.0, began + CLOSE_SLOW_S - time.monotonic()))
        for host, closed in closing.items():
            if told[host] and not (closed.done() and closed.exception() is None):
                _warn_of(host, told[host])

    # --- which is where ------------------------------------------------------------------------------------------

    def _by_host(self, jobs: Sequence[JobId]) -> dict[Host, list[JobId]]:
        """Jobs by host, each as its host knows it; those of no host are left out."""
        found: dict[Host, list[JobId]] = {}
        for job in jobs:
            name, slash, own = job.partition("/")
            host = self._hosts.get(name)
            if host is not None and slash:
                found.setdefault(host, []).append(JobId(own))
        return found

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """Paths here of a job's standard output and standard error, None for one that is not there."""
        for host, (own,) in self._by_host([job]).items():
            if isinstance(host.session, HostSession) and (host.is_silent or host.trouble is not None):
                return host.session.paths(own)
            return host.session.output(own)
        return None, None

    def script(self, job: JobId) -> str | None:
        """The path here of a job's script, None if nobody knows it."""
        for host, (own,) in self._by_host([job]).items():
            if isinstance(host.session, HostSession):
                return host.session.script(own)
        return None


def _at(host: Host, job: JobId) -> JobId:
    return JobId(f"{host.name}/{job}")


def _close(session: ProviderSession, told: Sequence[JobId]) -> None:
    """Close a host's session, after telling jobs once more that are to end and were not seen to."""
    try:
        if told:
            session.cancel(told)
    finally:
        session.close()


def _warn_of(host: Host, jobs: Sequence[JobId]) -> None:
    folder = host.session.place if isinstance(host.session, HostSession) else None
    logger.warning(
        "host %s could not be told of the end: %s. What may be left there: %s, until it misses the program and ends by "
        "itself, and files, keys among them, in %s.",
        host.name,
        host.trouble or "it does not answer",
        ", ".join(jobs),
        folder or "the folder for scripts",
    )


def _why_closed(hosts: Iterable[Host]) -> Exception | None:
    """What has closed the way to hosts, if to all of them; the error of one where that may pass, if there is one."""
    errors = [host.why_slow for host in hosts]
    lost = [error for error in errors if lost_connection(error) is not None]
    if len(lost) < len(errors):
        return None
    return next((error for error in lost if _may_pass(error)), next(iter(lost), None))


def _may_pass(error: Exception | None) -> bool:
    lost = lost_connection(error)
    return lost is not None and lost.transient


def _is_over(call: Future[Any] | None) -> bool:
    return call is not None and call.done()


def _unanswered(silent: Mapping[str, str]) -> ExecutionProviderException:
    words = "; ".join(f"{name}: {reason}" for name, reason in silent.items())
    error = ExecutionProviderException(f"no host answers. {words}")
    error.transient = True
    return error


def _named(channels: Sequence[Channel]) -> Iterator[tuple[str, Channel]]:
    """Each channel with a name that no other one has: the host's, with a number if it comes again."""
    seen: dict[str, int] = {}
    for channel in channels:
        name = safe_name(str(getattr(channel, "hostname", "localhost"))) or "host"
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name}#{seen[name]}"), channel


def _open(provider: AdHocProvider, channel: Channel, context: BlockContext, name: str) -> ProviderSession:
    if isinstance(channel, LocalChannel):
        from parsl_like.providers.local_session import LocalProviderSession

        return LocalProviderSession(provider, context)
    return HostSession(provider, channel, context, name)
