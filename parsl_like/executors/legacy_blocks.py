"""Executors of a user's own that live in blocks: the run's strategy decides how many, a provider gives them.

There are two kinds. A class that derives from :class:`~parsl_like.executors.status_handling.BlockProviderExecutor` says
by ``_get_launch_command`` what a block runs, as Parsl asks for it, and connects its workers in its own way; its blocks
count as connected as long as their jobs run. A class that changes a method of an executor of this package has that
executor's own session inside, which knows its managers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from parsl_like.core.job_states import JobState
from parsl_like.core.limits import ExecutorLoad
from parsl_like.core.ports import BlockRequest, ElasticSession
from parsl_like.errors import BadStateException
from parsl_like.executors.block_inquiries import BlockInquiries
from parsl_like.executors.legacy_session import LegacySession
from parsl_like.executors.outcomes import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.core.events import RawEvent
    from parsl_like.core.ids import AttemptId, BlockId
    from parsl_like.core.ports import Attempt, BlockKeeper, RunContext
    from parsl_like.executors.status_handling import BlockProviderExecutor

LAUNCH_COMMAND = "_get_launch_command"
"""The method of Parsl's base class that says what a block runs."""


class _Crew(Protocol):
    """What is known of the workers in blocks."""

    keeper: BlockKeeper | None

    def load(self) -> ExecutorLoad: ...

    def block_request(self, block: BlockId) -> BlockRequest: ...

    def when_crowded(self, nudge: Callable[[], None]) -> None: ...

    def drain(self, blocks: Sequence[BlockId]) -> None: ...

    def block_ended(self, block: BlockId, reason: str) -> None: ...


class LegacyBlockSession(LegacySession, BlockInquiries):
    """A running executor of a user's own whose blocks come and go with the load.

    Args:
        executor: The user's object.
        context: The run.
    """

    def __init__(self, executor: BlockProviderExecutor, context: RunContext) -> None:
        self.error: BaseException | None = None
        self._nudge: Callable[[], None] = _nobody
        self._slots = 0
        self._owner: int | None = None
        self._failed: set[int] = set()
        super().__init__(executor, context)
        inner = inner_session(executor)
        self._crew: _Crew = _OwnCrew(executor, self) if inner is None else inner

    def _start(self) -> None:
        # The blocks are the run's to ask for, not those of a session that runs by itself.
        vars(self._executor)["_blocks_of_a_run"] = True
        try:
            super()._start()
        finally:
            del vars(self._executor)["_blocks_of_a_run"]

    # --- by the owner --------------------------------------------------------------------------------------------

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts for the thread that calls the user's ``submit``; refuse them if the executor is broken."""
        if self.error is not None:
            self._submitted += len(attempts)
            for attempt in attempts:
                self._end(refusal(attempt.attempt_id, self.error))
            return
        super().submit(attempts)
        if self._submitted - self._returned > self._slots:
            self._nudge()

    def pump(self) -> Sequence[RawEvent]:
        """All that has ended since the last call."""
        self._owner = threading.get_ident()
        return super().pump()

    def is_on_owner_thread(self) -> bool:
        """Whether the kernel asks from the thread that must not wait for a user's code."""
        return threading.get_ident() == self._owner

    # --- the port: jobs thread -----------------------------------------------------------------------------------

    @property
    def keeper(self) -> BlockKeeper | None:
        """Who looks after its blocks."""
        return self._crew.keeper

    @keeper.setter
    def keeper(self, keeper: BlockKeeper | None) -> None:
        self._crew.keeper = keeper

    def load(self) -> ExecutorLoad:
        """What there is to do and to do it with."""
        load = self._crew.load()
        self._slots = load.slots
        return load

    def waiting(self) -> int:
        """Tasks handed over that have not ended."""
        return self._submitted - self._returned

    def block_request(self, block: BlockId) -> BlockRequest:
        """What to submit for a block.

        Raises:
            BadStateException: the executor cannot say it.
        """
        return self._crew.block_request(block)

    def when_crowded(self, nudge: Callable[[], None]) -> None:
        """Call ``nudge`` whenever more is held than connected workers can run at once."""
        self._nudge = nudge
        self._crew.when_crowded(nudge)

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """Let blocks finish what they run, as far as the executor can tell them."""
        self._crew.drain(blocks)

    def block_ended(self, block: BlockId, reason: str) -> None:
        """A block's job is over."""
        self._crew.block_ended(block, reason)

    def fail(self, error: BaseException) -> None:
        """Every task, and every later one, ends with ``error``."""
        self.error = self.error or error
        for identity in list(self._futures):
            self._failed.add(identity)
            super()._end(refusal(identity, self.error))

    def _end(self, event: RawEvent) -> None:
        if event[1] not in self._failed:  # else it was failed with the executor, and has ended after all
            super()._end(event)

    def _hand_over(self, attempt: Attempt) -> None:
        if self.error is not None:
            self._end(refusal(attempt.attempt_id, self.error))
        else:
            super()._hand_over(attempt)

    @property
    def tasks(self) -> dict[AttemptId, Any]:
        """The futures of what has been handed over and has not ended, by attempt."""
        return dict(self._futures)  # type: ignore[arg-type]


class _OwnCrew:
    """Workers that connect in their executor's own way: as many as it says, in the blocks whose jobs run."""

    def __init__(self, executor: BlockProviderExecutor, session: LegacyBlockSession) -> None:
        self._executor = executor
        self._session = session
        self._leaving: set[BlockId] = set()
        self._per_block = 0
        self.keeper: BlockKeeper | None = None

    def load(self) -> ExecutorLoad:
        """As far as it is known from outside; the user's methods are asked, but not on the owner thread."""
        session = self._session
        outstanding = session.waiting()
        if not session.is_on_owner_thread():
            outstanding = int(_asked(self._executor, "outstanding", session.waiting))
            self._per_block = int(_asked(self._executor, "workers_per_node", _unknown) * self._nodes())
        running, per_block = self._running(), self._per_block
        idle = () if outstanding else running
        return ExecutorLoad(session.label, outstanding, per_block * len(running), per_block, running, idle)

    def _running(self) -> tuple[BlockId, ...]:
        status = {} if self.keeper is None else self.keeper.status().get(str(self._session.label), {})
        blocks = status.get("blocks", {})
        return tuple(
            block
            for block, facts in blocks.items()
            if facts["state"] == JobState.RUNNING.name and block not in self._leaving
        )

    def _nodes(self) -> int:
        return int(getattr(self._executor.provider, "nodes_per_block", 1))

    def block_request(self, block: BlockId) -> BlockRequest:
        """The executor's own command.

        Raises:
            BadStateException: it gave no text.
        """
        command = getattr(self._executor, LAUNCH_COMMAND)(str(block))
        if not isinstance(command, str) or not command.strip():
            reason = f"its {LAUNCH_COMMAND} gave {command!r}, not a command"
            raise BadStateException(self._session.label, reason)
        return BlockRequest(block, command, job_name=f"parsl_like.{self._session.label}")

    def when_crowded(self, nudge: Callable[[], None]) -> None:
        """The session knows when."""

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """They no longer count as connected, so that their jobs are ended soon: nobody else can end them."""
        self._leaving.update(blocks)

    def block_ended(self, block: BlockId, reason: str) -> None:
        """Forget it; what became of its tasks is for the executor to find out."""
        self._leaving.discard(block)


def lives_in_blocks(executor: Any) -> bool:
    """Whether the run is to look after the blocks of an executor with methods of a user's own."""
    if getattr(executor, "provider", None) is None:
        return False
    return callable(getattr(executor, LAUNCH_COMMAND, None)) or _is_elastic_inside(executor)


def inner_session(executor: Any) -> Any:
    """The session of this package that a user's changed methods run on; None for one that does all by itself."""
    run = executor._standalone()
    return run.session if run is not None and isinstance(run.session, ElasticSession) else None


def _is_elastic_inside(executor: Any) -> bool:
    return any("provider" in vars(cls).get("__dataclass_fields__", {}) for cls in type(executor).__mro__)


def _asked(executor: Any, name: str, otherwise: Callable[[], Any]) -> Any:
    """What the user's class says, as a property or as a method; what is known without it if it says nothing."""
    from parsl_like.executors.status_handling import BlockProviderExecutor

    if getattr(type(executor), name, None) is getattr(BlockProviderExecutor, name, None) and name not in vars(executor):
        return otherwise()
    value = getattr(executor, name)
    return value() if callable(value) else value


def _unknown() -> int:
    return 0


def _nobody() -> None:
    """Nobody looks after the blocks yet."""
