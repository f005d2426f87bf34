"""A task's row in the machine, and the frozen description of the app it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsl_like.core.ids import ATTEMPT_BITS, AttemptId, TaskId, number_of, task_of
from parsl_like.core.states import Phase, States, state_of


@dataclass(frozen=True, slots=True, eq=False)
class AppSpec:
    """What all calls of one app have in common.

    Attributes:
        name: The function's name, for people.
        func: The callable to run.
        executors: Labels it may run on, or "all".
        cache: Whether results are to be remembered.
        ignore_for_cache: Names of arguments that do not count for the key.
        join: Whether the result is futures to be waited for.
        retries: The budget of failures, or None for the run's.
        priority: Lower runs first.
        undeclared: Special keyword arguments that the function does not take: read by the kernel, not passed on.
        hints: Anything else a front end or a policy wants to say of the call; read by name.
    """

    name: str
    func: Any
    executors: tuple[str, ...] | str = "all"
    cache: bool | str = False
    ignore_for_cache: tuple[str, ...] = ()
    join: bool = False
    retries: float | None = None
    priority: float = 0
    undeclared: tuple[str, ...] = ()
    hints: tuple[tuple[str, Any], ...] = ()


class JoinTargets:
    """What a join app's body returned, once the shell has seen that it is futures.

    Attributes:
        futures: The inner futures, opaque here.
        single: Whether one future was returned, and not a list.
    """

    __slots__ = ("futures", "single")

    def __init__(self, futures: tuple[Any, ...], *, single: bool) -> None:
        self.futures = futures
        self.single = single


class TaskRow:
    """All that is known of one task. Made by the submitting thread, owned by the machine from its first event on.

    Values (``function``, ``args``, ``body``, ``value``, ``future``) are opaque handles: the machine moves them and
    never looks inside. A row is also the :class:`~parsl_like.core.ports.Attempt` that executors read.

    Attributes:
        missed: Whether something it depends on had ended before it came: how, only its future knows.
    """

    __slots__ = (
        "app",
        "args",
        "attempt_id",
        "body",
        "buffers",
        "dependents",
        "depends",
        "errors",
        "executor",
        "fail_cost",
        "fail_count",
        "failed_depends",
        "function",
        "future",
        "hints",
        "key",
        "kwargs",
        "launched",
        "losses",
        "missed",
        "phase",
        "priority",
        "ready",
        "resources",
        "returned",
        "submitted",
        "unresolved",
        "value",
        "walltime",
    )

    def __init__(self, task: TaskId, app: AppSpec, executor: str, future: Any = None) -> None:
        self.attempt_id: AttemptId = AttemptId(task << ATTEMPT_BITS)
        self.app = app
        self.executor = executor
        self.future = future
        self.phase: int = 0
        self.unresolved = 0
        self.missed = False
        self.ready = False
        self.depends: tuple[int, ...] = ()
        self.dependents: list[TaskRow] | None = None
        self.failed_depends: list[tuple[str, Any]] | None = None
        self.function: Any = None
        self.args: tuple[Any, ...] = ()
        self.kwargs: Any = None
        self.body: Any = None
        self.buffers: tuple[Any, ...] = ()
        self.resources: Any = None
        self.priority: float = app.priority
        self.walltime: float | None = None
        self.fail_count = 0
        self.fail_cost: float = 0
        self.losses = 0
        self.errors: list[Any] | None = None
        self.value: Any = None
        self.key: str | None = None
        self.hints: Any = None
        self.submitted: float = 0.0
        self.launched: float = 0.0
        self.returned: float = 0.0

    @property
    def id(self) -> TaskId:
        """The task."""
        return TaskId(self.attempt_id >> ATTEMPT_BITS)

    @property
    def number(self) -> int:
        """The current try, from 0."""
        return number_of(self.attempt_id)

    @property
    def state(self) -> States:
        """The public state."""
        return state_of(self.phase)

    def __repr__(self) -> str:
        return f"<task {self.id} {self.app.name} {Phase(self.phase).name} try {self.number} on {self.executor}>"


_SMALL = frozenset((bool, int, float, complex, str, bytes, type(None)))
"""Types of arguments that are remembered, up to ``_LONGEST`` characters."""

_CONTAINERS = frozenset((list, tuple, set, frozenset, dict))
"""Those of ``_SMALL`` are remembered, too, up to ``_MOST`` of them: Parsl's guide reads a list back."""

_LONGEST, _MOST = 1000, 32

_LASTING = (
    *("attempt_id", "app", "executor", "phase", "args", "kwargs", "depends", "resources"),
    *("errors", "fail_count", "fail_cost", "losses", "key", "submitted", "launched", "returned"),
)


def remains_of(row: TaskRow) -> tuple[Any, ...]:
    """What is kept of an ended task while somebody has its future: what a program may ask, not what was sent for it.

    Arguments are only kept if all of them are plain and short: a future that is kept must keep neither large arrays
    nor the futures that its task had waited for. Otherwise they are None.
    """
    args, kwargs = row.args, row.kwargs
    if (args and not all(map(_is_small, args))) or (kwargs and not all(map(_is_small, kwargs.values()))):
        args = kwargs = None  # type: ignore[assignment]
    return (  # written out, since it is done for each task: asking for the names takes twice as long
        row.attempt_id,
        row.app,
        row.executor,
        row.phase,
        args,
        kwargs,
        row.depends,
        row.resources,
        row.errors,
        row.fail_count,
        row.fail_cost,
        row.losses,
        row.key,
        row.submitted,
        row.launched,
        row.returned,
    )


def _is_small(value: Any) -> bool:
    kind = type(value)
    if kind in _CONTAINERS:
        return len(value) <= _MOST and all(map(_is_atom, (*value, *value.values()) if kind is dict else value))
    return _is_atom(value)


def _is_atom(value: Any) -> bool:
    kind = type(value)
    return kind in _SMALL and (kind not in (str, bytes) or len(value) <= _LONGEST)


def row_of(remains: tuple[Any, ...], future: Any) -> TaskRow:
    """A row to be looked at, made of what was kept of an ended task and its future."""
    row = TaskRow(task_of(remains[0]), remains[1], remains[2], future)
    for name, value in zip(_LASTING, remains, strict=True):
        setattr(row, name, value)
    return row
