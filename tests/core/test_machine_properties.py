"""Random runs: whatever happens in whatever order, every invariant holds and every task is settled exactly once.

The shell of the test is as simple as can be: it remembers what it was asked to do, and answers in an order that
hypothesis chooses, with stale and repeated news in between.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parsl_like.core.effects import (
    Announce,
    CancelAttempt,
    Effect,
    Forget,
    Launch,
    Prepare,
    Release,
    Remember,
    Settle,
    WatchJoin,
)
from parsl_like.core.events import (
    Attached,
    AttemptFailed,
    AttemptLost,
    AttemptSucceeded,
    CancelRequested,
    DependenciesFailed,
    DependencyDone,
    Event,
    JoinDone,
    Prepared,
    PrepareFailed,
    Recalled,
    Remembered,
    Submitted,
    TimePassed,
)
from parsl_like.core.ids import AttemptId, TaskId, number_of, task_of
from parsl_like.core.machine import TaskMachine
from parsl_like.core.states import FINAL_STATES, Phase, States, state_of
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow

GOOD = (Phase.done, Phase.recalled)
CALL = ("function", (), {}, None, ())
TARGETS = JoinTargets((), single=False)


class Runs(RuleBasedStateMachine):
    """A machine, a shell that answers when it likes, and what must have come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: dict[int, Settle] = {}
        self.rows: dict[int, TaskRow] = {}
        self.preparing: list[int] = []
        self.running: list[AttemptId] = []
        self.watching: list[int] = []
        self.remembering: list[int] = []
        self.foreign: list[int] = []
        self.foreign_failed: set[int] = set()
        self.doomed: set[int] = set()
        self.old_attempts: list[AttemptId] = []
        self.needed: dict[int, tuple[int, ...]] = {}
        self.attempts: dict[int, int] = {}
        self.stale = 0
        self.clock = 0.0
        self.next_foreign = -1

    @initialize(
        retries=st.sampled_from([0, 1, 2.5]),
        lost_retries=st.sampled_from([0, 1, 3]),
        collect=st.booleans(),
        typed=st.booleans(),
        first=st.booleans(),
    )
    def open(self, retries: float, lost_retries: int, collect: bool, typed: bool, first: bool) -> None:
        self.collect, self.typed, self.first = collect, typed, first
        self.machine = TaskMachine(
            retries=retries,
            lost_retries=lost_retries,
            garbage_collect=collect,
            dependency_error=lambda task, failed: ("dependencies of", task, tuple(failed)),
            join_type_error=lambda name, value: ("no futures", name),
            loss_error=lambda cause, losses: ("lost", losses),
            remember_first=first,
        )

    # --- the shell

    def tell(self, event: Event, *, stale: bool = False) -> None:
        """Hand over an event by one of the doors, and do what comes of it."""
        if self.typed:
            effects = self.machine.handle(event)
        else:
            self.machine.feed([event.raw()])
            effects = self.machine.take().typed()
        self.stale += stale
        assert self.machine.stale == self.stale, event
        assert not (stale and effects), (event, effects)
        # Of one batch the ends are looked at first, since they are why others go on.
        for effect in sorted(effects, key=lambda effect: not isinstance(effect, Announce | Settle)):
            getattr(self, f"do_{type(effect).__name__.lower()}")(effect)
        self.forgotten_with(effects)

    def do_announce(self, effect: Announce) -> None:
        assert effect.task in self.rows
        assert (States(effect.state) in FINAL_STATES) <= (effect.task not in self.ended)

    def do_prepare(self, effect: Prepare) -> None:
        if self.rows[effect.task].missed and any(map(self.has_failed, self.needed[effect.task])):
            assert all(map(self.has_ended, self.needed[effect.task]))
            self.doomed.add(effect.task)  # the shell finds out why, and says so
        else:
            self.expect_ready(effect.task)
        assert effect.task not in self.preparing
        self.preparing.append(effect.task)

    def do_launch(self, effect: Launch) -> None:
        self.expect_ready(effect.task)
        assert task_of(effect.attempt) == effect.task
        # Each try is the next one, and there is never more than one at a time.
        assert number_of(effect.attempt) == self.attempts.get(effect.task, -1) + 1
        assert all(task_of(attempt) != effect.task for attempt in self.running)
        self.attempts[effect.task] = number_of(effect.attempt)
        self.running.append(effect.attempt)

    def do_cancelattempt(self, effect: CancelAttempt) -> None:
        self.running.remove(effect.attempt)
        self.old_attempts.append(effect.attempt)

    def do_watchjoin(self, effect: WatchJoin) -> None:
        assert effect.targets is TARGETS
        assert self.rows[effect.task].app.join
        self.watching.append(effect.task)

    def do_remember(self, effect: Remember) -> None:
        assert effect.key == self.rows[effect.task].key
        if self.first:
            self.remembering.append(effect.task)

    def do_release(self, effect: Release) -> None:
        assert effect.key == "key"

    def do_settle(self, effect: Settle) -> None:
        assert effect.task not in self.ended, "settled twice"
        assert state_of(effect.phase) in FINAL_STATES
        needs = self.needed[effect.task]
        failed = [need for need in needs if self.has_failed(need)]
        if effect.phase == Phase.dep_failed and effect.value[2] != ("told by the shell",):
            assert all(self.has_ended(need) for need in needs)
            assert len(failed) == len(effect.value[2]) > 0
        elif effect.phase in GOOD:
            assert failed == []
        self.ended[effect.task] = effect

    def do_forget(self, effect: Forget) -> None:
        assert self.collect

    def forgotten_with(self, effects: list[Effect]) -> None:
        """A row is dropped when, and only when, its task has been settled."""
        settled = [effect.task for effect in effects if isinstance(effect, Settle)]
        dropped = [effect.task for effect in effects if isinstance(effect, Forget)]
        assert dropped == (settled if self.collect else [])
        assert all((task in self.machine.rows) is not self.collect for task in settled)

    def expect_ready(self, task: int) -> None:
        """What goes on has not ended, and all it needed has ended well."""
        assert task not in self.ended
        assert all(self.has_ended(need) and not self.has_failed(need) for need in self.needed[task])

    def has_ended(self, need: int) -> bool:
        return need in self.ended if need >= 0 else need not in self.foreign

    def has_failed(self, need: int) -> bool:
        return self.ended[need].phase not in GOOD if need in self.ended else need in self.foreign_failed

    # --- what happens

    @rule(data=st.data(), join=st.booleans(), ready=st.booleans(), key=st.booleans(), own=st.sampled_from([None, 0, 5]))
    def submit(self, data: Any, join: bool, ready: bool, key: bool, own: float | None) -> None:
        task = len(self.rows)
        known = data.draw(st.lists(st.sampled_from(range(task)), max_size=4)) if task else []
        strangers = [self.next_foreign - i for i in range(data.draw(st.integers(0, 2)))]
        self.next_foreign -= len(strangers)
        self.foreign += strangers
        row = self.rows[task] = TaskRow(
            TaskId(task), AppSpec("join" if join else "app", None, join=join, retries=own), "x"
        )
        row.depends, row.ready, row.key = tuple(known + strangers), ready, "key" if key else None
        # What had ended before is not waited for, whichever way it ended: the shell looks at it when it prepares.
        self.needed[task] = tuple(need for need in row.depends if not self.has_ended(need))
        self.tell(Submitted(row))

    @precondition(lambda self: self.preparing)
    @rule(
        data=st.data(), how=st.sampled_from(["prepared", "prepared", "recalled", "attached", "dependencies", "failed"])
    )
    def prepare(self, data: Any, how: str) -> None:
        task = TaskId(self.pick(data, self.preparing))
        if task in self.ended:  # it was cancelled in the meantime
            self.tell(Prepared(task, CALL), stale=True)
        elif task in self.doomed:
            self.tell(DependenciesFailed(task, ("told by the shell",)))  # type: ignore[arg-type]
        elif how == "prepared":
            self.tell(Prepared(task, CALL))
        elif how == "recalled":
            self.tell(Recalled(task, "value"))
        elif how == "attached":
            self.rows[task].key = "key"
            self.tell(Attached(task, TaskId(data.draw(st.sampled_from(range(len(self.rows) + 1))))))
        elif how == "dependencies":
            self.tell(DependenciesFailed(task, ("told by the shell",)))  # type: ignore[arg-type]
        else:
            self.tell(PrepareFailed(task, "error"))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), futures=st.booleans())
    def succeed(self, data: Any, futures: bool) -> None:
        attempt = self.pick(data, self.running)
        self.old_attempts.append(attempt)
        value = TARGETS if futures and self.rows[task_of(attempt)].app.join else "value"
        self.tell(AttemptSucceeded(attempt, value, (1.0, 2.0, "here")))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), cost=st.sampled_from([0.0, 0.5, 1.0, float("inf")]))
    def fail(self, data: Any, cost: float) -> None:
        attempt = self.pick(data, self.running)
        self.old_attempts.append(attempt)
        self.tell(AttemptFailed(attempt, "error", cost))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), started=st.booleans())
    def lose(self, data: Any, started: bool) -> None:
        attempt = self.pick(data, self.running)
        self.old_attempts.append(attempt)
        self.tell(AttemptLost(attempt, "place", started=started))

    @precondition(lambda self: self.remembering)
    @rule(data=st.data())
    def remembered(self, data: Any) -> None:
        task = TaskId(self.pick(data, self.remembering))
        self.tell(Remembered(task), stale=task in self.ended)

    @precondition(lambda self: self.watching)
    @rule(data=st.data(), ok=st.booleans())
    def join(self, data: Any, ok: bool) -> None:
        task = TaskId(self.pick(data, self.watching))
        self.tell(JoinDone(task, ok=ok, value="value" if ok else "error"), stale=task in self.ended)

    @precondition(lambda self: self.foreign)
    @rule(data=st.data(), error=st.sampled_from([None, None, "error"]))
    def foreign_future(self, data: Any, error: str | None) -> None:
        number = self.pick(data, self.foreign)
        if error is not None:
            self.foreign_failed.add(number)
        waiting = next(task for task, row in self.rows.items() if number in row.depends)
        self.tell(DependencyDone(number, error), stale=waiting in self.ended)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), reason=st.sampled_from([None, "why"]))
    def cancel(self, data: Any, reason: str | None) -> None:
        task = data.draw(st.sampled_from(range(len(self.rows))))
        self.tell(CancelRequested(TaskId(task), reason), stale=task in self.ended)

    @precondition(lambda self: self.old_attempts)
    @rule(data=st.data(), make=st.sampled_from([AttemptSucceeded, AttemptFailed, AttemptLost]))
    def repeat_news_of_an_old_attempt(self, data: Any, make: Any) -> None:
        self.tell(make(data.draw(st.sampled_from(self.old_attempts)), "again"), stale=True)

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def repeat_news_of_an_ended_task(self, data: Any) -> None:
        task = TaskId(data.draw(st.sampled_from(sorted(self.ended))))
        news = [Prepared(task, CALL), Recalled(task, 1), PrepareFailed(task, 1), JoinDone(task, ok=True, value=1)]
        self.tell(data.draw(st.sampled_from(news)), stale=True)

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.clock += seconds
        self.tell(TimePassed(self.clock))
        assert self.machine.now == self.clock

    @staticmethod
    def pick(data: Any, things: list[Any]) -> Any:
        return things.pop(data.draw(st.integers(0, len(things) - 1)))

    # --- what always holds

    @invariant()
    def the_machine_is_consistent(self) -> None:
        if not hasattr(self, "machine"):
            return
        machine = self.machine
        machine.validate()
        assert machine.unfinished == len(self.rows) - len(self.ended)
        assert sum(machine.counts) == sum(machine.summary().values()) == len(self.rows)
        assert set(machine.rows) == set(self.rows) - (set(self.ended) if self.collect else set())
        launched = {row.attempt_id for row in machine.rows.values() if row.phase == Phase.launched}
        assert launched == set(self.running)
        preparing = {task for task, row in machine.rows.items() if row.phase == Phase.preparing}
        assert preparing == {task for task in self.preparing if task not in self.ended}
        open_foreign = {
            n for t, row in self.rows.items() if t not in self.ended for n in row.depends if n in self.foreign
        }
        assert set(machine.foreign) == open_foreign

    def teardown(self) -> None:
        """Let everything end: nothing is left over, nothing was settled twice, nobody waits for ever."""
        if not hasattr(self, "machine"):
            return
        while self.foreign or self.preparing or self.running or self.watching or self.remembering:
            while self.foreign:
                number = self.foreign.pop()
                waiting = next(task for task, row in self.rows.items() if number in row.depends)
                self.tell(DependencyDone(number), stale=waiting in self.ended)
            while self.preparing:
                task = TaskId(self.preparing.pop())
                answer = PrepareFailed(task, "error") if task in self.doomed else Prepared(task, CALL)
                self.tell(answer, stale=task in self.ended)
            while self.running:
                self.tell(AttemptSucceeded(self.running.pop(), TARGETS))
            while self.watching:
                task = TaskId(self.watching.pop())
                self.tell(JoinDone(task, ok=True, value=[]), stale=task in self.ended)
            while self.remembering:
                task = TaskId(self.remembering.pop())
                self.tell(Remembered(task), stale=task in self.ended)
            self.the_machine_is_consistent()
        assert sorted(self.ended) == sorted(self.rows)
        assert self.machine.unfinished == 0
        assert self.machine.foreign == {}
        assert self.machine.followers == {}
        assert all(row.dependents is None for row in self.rows.values())


TestRuns = Runs.TestCase
TestRuns.settings = settings(
    deadline=None,
    max_examples=250,
    stateful_step_count=40,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
