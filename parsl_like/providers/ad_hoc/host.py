"""One host of several: its session, what runs there as far as is known, and what is wrong with it."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.channels.errors import SSHException
from parsl_like.core.job_states import TERMINAL_STATES
from parsl_like.errors import ChannelError, ExecutionProviderException, SubmitException
from parsl_like.providers.host_session import HostSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.core.ids import JobId
    from parsl_like.core.job_states import JobReport
    from parsl_like.core.ports import BlockRequest, ProviderSession

logger = logging.getLogger(__name__)

T = TypeVar("T")

AGAIN_S = 15.0
"""When a host that could not be reached is tried again."""
ANSWER_S = 3.0
"""How long a host that has answered before may take for a call before nobody waits for it any more."""
REFUSED_AGAIN_S = 300.0
"""The same for one that refuses the login, or is not the one that is known: many refused logins lock an account."""


class Host:
    """A host, used by one call at a time. Calls that may take long are made on threads of their own.

    Args:
        name: Its name, unlike those of the other hosts.
        session: Blocks there.

    Attributes:
        name: As given.
        session: As given.
        trouble: Why it could not be used the last time, in words; None if it could.
        error: The same as it was raised.
        refused: Whether trying again makes no sense as long as nobody does something.
        answered: Whether it ever could be used.
        jobs: Those that may run there; True for those that were told to end.
        contact: The last attempt to reach it; None if there was none.
        question: The last question for jobs that has not been taken note of; None if there is none.
        asked: The jobs in that question.
        order: The last request to end jobs that has not come back; None if there is none.
    """

    def __init__(self, name: str, session: ProviderSession) -> None:
        self.name = name
        self.session = session
        self.trouble: str | None = None
        self.error: Exception | None = None
        self.refused = False
        self.answered = False
        self.jobs: dict[JobId, bool] = {}
        self.contact: Future[None] | None = None
        self.question: Future[Mapping[JobId, JobReport]] | None = None
        self.asked: Sequence[JobId] = ()
        self.order: Future[Mapping[JobId, bool]] | None = None
        self._since = self._busy_since = 0.0
        self._lock = threading.Lock()

    @property
    def is_free(self) -> bool:
        """Whether no block is there, or only such as nobody wants any more."""
        return all(self.jobs.values())

    @property
    def is_silent(self) -> bool:
        """Whether a call is under way that has not come back."""
        return self._lock.locked()

    @property
    def is_slow(self) -> bool:
        """Whether it is not to be expected that it answers soon."""
        return self.why_slow is not None

    @property
    def why_slow(self) -> Exception | None:
        """What it failed with the last time, or that it keeps a call waiting; None if neither is so."""
        waited = time.monotonic() - self._busy_since
        if self.error is None and self._lock.locked() and waited >= ANSWER_S:
            return SSHException(f"it has not answered for {waited:.0f} s", self.name, transient=True)
        return self.error

    @property
    def calls(self) -> tuple[Future[Any] | None, ...]:
        """Calls that may be under way."""
        return self.contact, self.question, self.order

    def reach(self) -> Future[None]:
        """Try to reach it, if that is to be tried now; gives the last attempt."""
        pause = REFUSED_AGAIN_S if self.refused else AGAIN_S
        again = self.trouble is not None and time.monotonic() - self._since >= pause
        if self.contact is None or (self.contact.done() and again):
            self.contact = self.begin(self._reach)
        return self.contact

    def _reach(self) -> None:
        if isinstance(self.session, HostSession):
            self.session.reach()

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Make a call on a thread of its own, after the one under way."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(self._noted(call))
            except BaseException as error:  # noqa: BLE001 - the root of a thread: it is raised where the outcome is taken
                future.set_exception(error)

        threading.Thread(target=run, name=f"parsl-like-host-{self.name}", daemon=True).start()
        return future

    def submit(self, request: BlockRequest) -> JobId:
        """Start a block, after seeing to the end of those that nobody wants any more.

        Raises:
            SubmitException: it could not be.
        """
        job = self._noted(lambda: self._submit(request))
        self.jobs = {job: False}
        return job

    def _submit(self, request: BlockRequest) -> JobId:
        if self.jobs:
            try:
                self.session.cancel(list(self.jobs))
            except ExecutionProviderException as error:
                words = f"whether {', '.join(self.jobs)} ended is not known: {error}"
                raise SubmitException(request.job_name, words, transient=True) from error
        return self.session.submit(request)

    def learn(self, reports: Mapping[JobId, JobReport]) -> None:
        """Take note of what was answered for the jobs that were asked for."""
        for job in self.asked:
            report = reports.get(job)
            if report is None or report.state in TERMINAL_STATES:
                self.jobs.pop(job, None)
            else:
                self.jobs.setdefault(job, False)

    def _noted(self, call: Callable[[], T]) -> T:
        with self._lock:
            self._busy_since = time.monotonic()
            try:
                value = call()
            except (ChannelError, SubmitException) as error:
                self._fails(error, transient=error.transient)
                raise
            except ExecutionProviderException as error:
                if getattr(error, "transient", False):  # else it is no fault of the host's
                    self._fails(error, transient=True)
                raise
        if self.trouble is not None:
            logger.info("host %s answers again", self.name)
        self.trouble, self.error, self.refused, self.answered = None, None, False, True
        return value

    def _fails(self, error: Exception, *, transient: bool) -> None:
        if self.trouble is None:
            logger.warning("host %s cannot be used: %s", self.name, error)
        self.trouble, self.error, self.refused, self._since = str(error), error, not transient, time.monotonic()
