"""The blocks that run directories tell of, as their batch systems see them now; and their end."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.dataflow.blockfile import BlockFile, block_folders, read_blocks
from parsl_like.dataflow.drivers import Life, life_of
from parsl_like.dataflow.portraits import restored
from parsl_like.dataflow.reattaching import end_interchange
from parsl_like.errors import ConfigurationError, ExecutionProviderException, ParslError
from parsl_like.folders import check_folder
from parsl_like.plugins.manager import PluginManager
from parsl_like.providers.base import is_foreign, one_shot_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsl_like.core.job_states import JobReport
    from parsl_like.core.ports import ProviderSession
    from parsl_like.dataflow.blockfile import BlocksOnFile, KnownBlock


@dataclass(slots=True)
class ListedBlock:
    """One block. Times are seconds since the epoch.

    Attributes:
        run: The name of the run's directory.
        executor: The executor's label.
        block: The block's id.
        job: Its job's id.
        state: The job's state.
        since: Since when it is in that state, as far as the run knew; None if that has changed since.
        connected: Whether a manager of it has been connected, as far as the run knew.
        driver: Whether the run's program runs: "runs", "ended" or "unknown".
        script: Its script, if that is there.
        message: Words about the state.
    """

    run: str
    executor: str
    block: str
    job: str
    state: JobState
    since: float | None
    connected: bool
    driver: str
    script: str | None = None
    message: str | None = None

    @property
    def name(self) -> str:
        """What it is called in a folder of runs."""
        return f"{self.run}/{self.executor}/{self.block}"

    def is_called(self, name: str) -> bool:
        """Whether somebody who says this name may mean it."""
        return name in (self.block, f"{self.executor}/{self.block}", self.name, self.job)

    def facts(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "run": self.run,
            "executor": self.executor,
            "block": self.block,
            "job": self.job,
            "state": self.state.name,
            "since": self.since,
            "connected": self.connected,
            "driver": self.driver,
            "script": self.script,
            "message": self.message,
        }


@dataclass(slots=True)
class Listing:
    """What was found, and what could not be asked or read, in words."""

    blocks: list[ListedBlock] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """Blocks that were told to end, and what went wrong, in words."""

    ended: list[ListedBlock] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def listed(run_dir: Path, *, also_over: bool = False) -> Listing:
    """The blocks of the runs in a folder, or of one run.

    Args:
        run_dir: The folder.
        also_over: Whether to give blocks that are over, too.
    """
    listing = Listing()
    for found in _files(run_dir, listing.troubles):
        with _asking(found, listing.troubles) as session:
            listing.blocks += _seen(found, session, listing.troubles, also_over=also_over)
    return listing


def cancelled(run_dir: Path, names: Sequence[str] | None) -> Outcome:
    """End blocks of the runs in a folder, or of one run.

    Args:
        run_dir: The folder.
        names: What the blocks are called, None for all.

    Raises:
        ConfigurationError: a name is that of no block that lives, or of several; then nothing is ended.
    """
    outcome = Outcome()
    files = list(_files(run_dir, outcome.troubles))
    everything = [(found, block) for found in files for block in _live(found)]
    chosen = everything if names is None else _called(everything, names)
    for found in files:
        mine = [block for other, block in chosen if other is found]
        if mine:
            with _asking(found, outcome.troubles) as session:
                if session is not None:
                    _bury(found, _end(session, mine, outcome))
    return outcome


# --- what is on file


def _files(run_dir: Path, troubles: list[str]) -> Iterator[BlocksOnFile]:
    """What is on file of each executor of each run that still has its blocks; one that cannot be read is a trouble."""
    for run in _runs(run_dir):
        for folder in block_folders(run):
            try:
                found = read_blocks(folder)
            except (ConfigurationError, OSError) as error:
                troubles.append(f"{folder} is left alone: {error}")
                continue
            if found is not None and found.continued is None:
                yield found


def _runs(run_dir: Path) -> list[str]:
    """The directories of the runs, the oldest first."""
    place = str(run_dir.resolve())  # "latest" is a link
    check_folder(place)
    names = [name for name in os.listdir(place) if name.isascii() and name.isdigit()]
    return [os.path.join(place, name) for name in sorted(names, key=int)] or [place]


def _live(found: BlocksOnFile) -> list[ListedBlock]:
    return [_listed(found, block) for block in found.live()]


def _listed(found: BlocksOnFile, block: KnownBlock) -> ListedBlock:
    return ListedBlock(
        run=os.path.basename(os.path.dirname(found.directory)),
        executor=found.opened.label,
        block=block.block,
        job=block.job or "",
        state=block.state,
        since=block.since,
        connected=block.connected,
        driver=life_of(found.opened.driver).value,
        message=block.reason,
    )


# --- what the batch system says


@contextmanager
def _asking(found: BlocksOnFile, troubles: list[str]) -> Iterator[ProviderSession | None]:
    """A session of the provider of a file's blocks for the time of a ``with`` block; None if it cannot be had."""
    session = None
    try:
        session = _opened(found) if found.live() else None
    except ParslError as error:
        who = f"executor {found.opened.label} of {os.path.dirname(found.directory)}"
        troubles.append(f"the batch system of {who} cannot be asked: {error}")
    try:
        yield session
    finally:
        if session is not None:
            session.close()


def _opened(found: BlocksOnFile) -> ProviderSession:
    """A session like the one that submitted the blocks.

    Raises:
        ParslError: it cannot be had.
    """
    plugins = PluginManager()
    types = (plugins.provider_types, plugins.launcher_types, plugins.channel_types)
    provider = restored(found.opened.provider, [cls for some in types for cls in some.values()])
    if is_foreign(provider):
        raise ExecutionProviderException(f"{type(provider).__name__} is a class of the program's own.")
    check_folder(found.opened.scripts)
    return plugins.open_provider(provider.sealed(), one_shot_context(found.opened.scripts, found.opened.label))


def _seen(
    found: BlocksOnFile, session: ProviderSession | None, troubles: list[str], *, also_over: bool
) -> list[ListedBlock]:
    """The blocks of a file with what their batch system says of them now, if it says anything."""
    live = _live(found)
    reports = None if session is None else _reports(session, [JobId(row.job) for row in live], troubles)
    if reports is not None:
        for row in live:
            _update(row, reports.get(JobId(row.job)))
    rows = live
    if also_over:
        now = {row.block: row for row in live}
        rows = [now.get(block.block) or _listed(found, block) for block in found.blocks.values()]
    for row in rows:
        row.script = _script(session, row)
    return [row for row in rows if also_over or row.state not in TERMINAL_STATES]


def _update(row: ListedBlock, report: JobReport | None) -> None:
    state = JobState.UNKNOWN if report is None else report.state
    if state is not row.state:
        row.state, row.since = state, None
    row.message = "it is not in the batch system's answer" if report is None else report.message


def _reports(session: ProviderSession, jobs: list[JobId], troubles: list[str]) -> Mapping[JobId, JobReport] | None:
    """What the batch system says of jobs, None if it does not answer."""
    try:
        return session.status(jobs)
    except ParslError as error:
        troubles.append(f"the states of {len(jobs)} jobs are the last ones known: {error}")
        return None


def _script(session: ProviderSession | None, row: ListedBlock) -> str | None:
    """The script is named as the job's output is."""
    if session is None:
        return None
    with suppress(ParslError, OSError):
        for path in session.output(JobId(row.job)):
            if path is not None and (script := Path(path).with_suffix(".sh")).exists():
                return str(script)
    return None


# --- the end


def _called(
    blocks: Sequence[tuple[BlocksOnFile, ListedBlock]], names: Sequence[str]
) -> list[tuple[BlocksOnFile, ListedBlock]]:
    chosen: dict[str, tuple[BlocksOnFile, ListedBlock]] = {}
    for name in names:
        meant = [(found, block) for found, block in blocks if block.is_called(name)]
        if len(meant) != 1:
            known = ", ".join(block.name for _, block in (meant or blocks)) or "none"
            what = "names several blocks" if meant else "is no block that lives"
            raise ConfigurationError(f"{name!r} {what}: {known}.", hint="parsl-like blocks list shows them.")
        chosen[meant[0][1].name] = meant[0]
    return list(chosen.values())


def _end(session: ProviderSession, blocks: Sequence[ListedBlock], outcome: Outcome) -> list[ListedBlock]:
    """Tell jobs to end that have not; closing the session sees to it that processes of this machine do.

    Returns:
        Those that are over, or soon will be.
    """
    reports = _reports(session, [JobId(block.job) for block in blocks], outcome.troubles)
    over = [block for block in blocks if reports and _is_over(reports.get(JobId(block.job)))]
    left = [block for block in blocks if block not in over]
    try:
        accepted = session.cancel([JobId(block.job) for block in left]) if left else {}
    except ParslError as error:
        names = ", ".join(block.name for block in left)
        outcome.troubles.append(f"the end of {names} could not be asked for: {error}")
        return over
    for block in left:
        if accepted.get(JobId(block.job), False):
            outcome.ended.append(block)
        else:
            outcome.troubles.append(f"the batch system would not end {block.name} (job {block.job})")
    return [*over, *(block for block in left if block in outcome.ended)]


def _is_over(report: JobReport | None) -> bool:
    return report is not None and report.state in TERMINAL_STATES


def _bury(found: BlocksOnFile, ended: Sequence[ListedBlock]) -> None:
    """Where nobody else does so any more, put on file what was ended; an interchange without managers is no use."""
    if life_of(found.opened.driver) is not Life.ENDED:
        return
    with suppress(OSError):  # it is told on the terminal, too
        for block in ended:
            BlockFile(found.directory).change(block.block, JobState.CANCELLED.name, job=block.job)
    left = {block.block for block in found.live()} - {block.block for block in ended}
    if not left and found.where is not None:
        end_interchange(found.where, signal.SIGTERM)
