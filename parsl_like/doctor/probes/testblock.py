"""A block that does no task: it shows whether blocks come to run, and what their nodes can see of this machine."""

from __future__ import annotations

import copy
import os
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from parsl_like.clocks import SystemClock
from parsl_like.core.fields import walltime_seconds
from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.ports import BlockContext, BlockPlace, BlockRequest, RunInfo
from parsl_like.doctor.probes.listener import Listener
from parsl_like.doctor.probes.network import listening_host, ports_of, reached_at
from parsl_like.doctor.probes.node_reports import PATIENCE_S, lines_in, node_command, nodes_in
from parsl_like.doctor.sightings import SeenBlock, SeenNode
from parsl_like.errors import ExecutionProviderException, ParslError
from parsl_like.folders import PRIVATE, make_folders
from parsl_like.providers.base import is_foreign
from parsl_like.providers.status import summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.core.ids import JobId
    from parsl_like.core.ports import ProviderSession
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.providers.base import ExecutionProvider

LOOK_S: Final = 2.0
"""Seconds between two questions for the job."""
ANSWER_S: Final = 0.2
"""How long callers are listened to before somebody looks whether that is to end."""
RUN_S: Final = 120.0
"""How long it may run: worker_init may take its time."""
END_S: Final = 30.0
"""How long its end is waited for."""
MOST_NODES: Final = 2
"""Enough to see whether a launcher reaches another node."""
MOST_WALLTIME: Final = "00:10:00"
TAIL: Final = 2000
"""Characters that are kept of what the block wrote."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a test block is to be had.

    Attributes:
        run_dir: The folder of all runs.
        shared: Whether nodes are to see that folder; not where files are copied to them.
        patience: Seconds that it may wait in the queue.
        packages: Packages to look for.
        tell: Takes sentences on how it goes.
    """

    run_dir: str
    shared: bool
    patience: float
    packages: tuple[str, ...]
    tell: Callable[[str], None]


def seen_block(
    executor: HighThroughputExecutor,
    description: ExecutionProvider,
    open_session: Callable[[Any, BlockContext], ProviderSession],
    trial: Trial,
) -> SeenBlock:
    """Submit a test block of an executor, wait until it has told what it sees, and end it; nothing stays.

    Args:
        executor: A sealed executor.
        description: Its provider.
        open_session: Opens a provider.
        trial: How it is to be had.

    Raises:
        ParslError: its provider cannot be opened, or its files cannot be written.
        OSError: nothing can listen at the executor's address, or the folder cannot be made.
    """
    provider = small(description)
    had = os.path.isdir(trial.run_dir)
    make_folders(os.path.abspath(trial.run_dir), PRIVATE)
    folder = tempfile.mkdtemp(prefix="doctor-", dir=os.path.abspath(trial.run_dir))
    token = secrets.token_hex(16)
    try:
        with open(os.path.join(folder, "token"), "w", encoding="ascii") as file:
            file.write(token)
        run = RunInfo(run_id="doctor", run_dir=folder, started=time.time())
        context = BlockContext(run, ExecutorLabel(executor.label), folder, SystemClock())
        with (
            Listener(listening_host(executor), ports_of(executor), token) as listener,
            _answering(listener),
            closing(open_session(provider, context)) as session,
        ):
            request = _request(executor, listener, token, folder, trial)
            return _Watch(session, listener, token, trial).seen(request, copies(provider))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not had:
            with suppress(OSError):  # a run has begun there meanwhile
                os.rmdir(trial.run_dir)


@contextmanager
def _answering(listener: Listener) -> Iterator[None]:
    """Answer callers meanwhile: a node does not wait as long as a command of the batch system may take."""
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            with suppress(OSError):  # of one caller; the next one is answered
                listener.pump(ANSWER_S)

    thread = threading.Thread(target=answer, name="parsl-like-doctor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def small(provider: Any) -> Any:
    """The same provider for a block that costs little: few nodes, and not for long."""
    if is_foreign(provider):
        return provider
    twin = copy.copy(provider)
    twin.nodes_per_block = min(MOST_NODES, provider.nodes_per_block)
    with suppress(AttributeError, ValueError):  # there is none, or it is said in another way
        if walltime_seconds(provider.walltime) > walltime_seconds(MOST_WALLTIME):
            twin.walltime = MOST_WALLTIME
    return twin.sealed()


def _request(
    executor: HighThroughputExecutor, listener: Listener, token: str, folder: str, trial: Trial
) -> BlockRequest:
    asked = {
        "token": token,
        "patience": executor.address_probe_timeout or PATIENCE_S,
        "packages": list(trial.packages),
        "folder": folder if trial.shared else None,
    }

    def request(urls: list[str], python: str | None) -> BlockRequest:
        return BlockRequest(
            block_id=BlockId("0"),
            command=node_command(executor.launch_cmd, {**asked, "urls": urls}, python),
            job_name=f"parsl_like.{executor.label}.doctor",
            addresses=tuple(urls),
            ports=(listener.port,),
            at=elsewhere,
        )

    def elsewhere(place: BlockPlace) -> BlockRequest:
        routes = place.routes.get(listener.port, ())
        return request([f"tcp://{route}" for route in routes] or urls, place.python)

    urls = listener.urls(reached_at(executor))
    return request(urls, None)


class _Watch:
    """Looks at one job until enough is known of it.

    Args:
        session: Who submits it.
        listener: Where its nodes call.
        token: The word by which they are known.
        trial: How it is to be had.
    """

    def __init__(self, session: ProviderSession, listener: Listener, token: str, trial: Trial) -> None:
        self._session = session
        self._listener = listener
        self._token = token
        self._trial = trial
        self._nodes: dict[tuple[str, int], SeenNode] = {}
        self._report = JobReport(JobState.UNKNOWN)
        self._hopeless = 0
        self._silence = ""

    def seen(self, request: BlockRequest, nodes: int) -> SeenBlock:
        """Submit it, and tell what became of it."""
        try:
            job = self._session.submit(request)
        except (ParslError, OSError) as error:
            return SeenBlock(refused=str(error), expected=nodes)
        self._trial.tell(f"the test block is job {job}; it may wait for {self._trial.patience:.0f} s")
        began = time.monotonic()
        try:
            self._wait(job, nodes, began)
            output, wrote = self._output(job)
            told = nodes_in(lines_in(output), self._token)
            self._nodes = {**dict(told), **self._nodes}
        finally:
            if self._end(job):
                self._remove(job)
        return SeenBlock(
            state=self._report.state,
            message=self._report.message or self._silence,
            hopeless=self._report.hopeless,
            exit_code=self._report.exit_code,
            seconds=time.monotonic() - began,
            wrote=wrote[-TAIL:].strip(),
            nodes=tuple(self._nodes.values()),
            expected=nodes,
        )

    def _wait(self, job: JobId, nodes: int, began: float) -> None:
        running_since: float | None = None
        while True:
            self._look(job)
            now = time.monotonic()
            state = self._report.state
            if state is JobState.RUNNING and running_since is None:
                running_since = now
                self._trial.tell("it runs")
            limit = began + self._trial.patience if running_since is None else running_since + RUN_S
            over = state in TERMINAL_STATES or self._hopeless > 1
            if over or now > limit or len(self._nodes) >= nodes:
                return

    def _look(self, job: JobId) -> None:
        time.sleep(LOOK_S)
        heard = self._listener.heard[:]
        del self._listener.heard[: len(heard)]  # what comes meanwhile is behind that
        self._nodes |= dict(nodes_in(heard, self._token, time.time()))
        try:
            report = self._session.status([job]).get(job)
        except ExecutionProviderException as error:  # it may answer the next time
            self._silence = str(error)
            return
        if report is not None and report.state is not JobState.UNKNOWN:
            self._report = report
        self._hopeless = self._hopeless + 1 if self._report.hopeless is not None else 0

    def _output(self, job: JobId) -> tuple[str, str]:
        """What it has printed, and what a reader would want of what it wrote."""
        stdout, stderr = (summary(path) or "" for path in self._session.output(job))
        plain = "\n".join(line for line in stdout.splitlines() if not lines_in(line))
        return stdout, "\n".join(filter(None, (plain.strip(), stderr.strip())))

    def _remove(self, job: JobId) -> None:
        """Leave nothing of it on another machine, if it was there."""
        remove = getattr(self._session, "remove", None)
        if callable(remove):
            with suppress(ParslError, OSError):  # what is here goes with its folder; the rest is small
                remove(job)

    def _end(self, job: JobId) -> bool:
        """See to it that the job is over, as far as the batch system does as it is told; whether it is."""
        if self._report.state in TERMINAL_STATES:
            return True
        deadline = time.monotonic() + END_S
        told = False
        while time.monotonic() < deadline:
            with suppress(ExecutionProviderException):  # it may answer the next time
                told = told or bool(self._session.cancel([job]).get(job, False))
                report = self._session.status([job]).get(job)
                if report is not None and report.state in TERMINAL_STATES:
                    return True
            time.sleep(LOOK_S / 4)
        self._trial.tell(f"job {job} could not be seen to end; please look after it")
        return False


def copies(provider: Any) -> int:
    """How many times a block of a provider starts what it runs: once on each node that its launcher reaches."""
    one = type(provider.launcher).__name__ in ("SimpleLauncher", "SingleNodeLauncher", "WrappedLauncher")
    return 1 if one else int(provider.nodes_per_block)
