"""What all executors share: the description a user builds, and how it answers once it runs."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from parsl_like.core.description import Description
from parsl_like.core.unbuilt import refuse_unbuilt
from parsl_like.errors import ConfigurationError, ExecutorError, InvalidResourceSpecification
from parsl_like.executors.fields import expect, expect_path, is_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from parsl_like.executors.standalone import StandaloneRun

CALLED_AS_WRITTEN = ("start", "submit", "shutdown")
"""Methods that a run calls itself as soon as a class of the user's has its own."""

_NOT_OF_A_SESSION = frozenset({*CALLED_AS_WRITTEN, "attach", "check", "detach", "live_session", "sealed"})

_OF_A_RUN = ("_live", "_origin", "_own_run", "_own_tasks", "_sealed")


class ParslExecutor(Description):
    """A place where tasks run: the base of all executors, those of this package and those of users.

    Executors of this package are dataclasses with these attributes as fields; building one touches nothing. A user's
    class derives from this one and has ``start``, ``submit`` and ``shutdown`` of its own; a run calls those, sets
    ``run_dir`` and ``run_id`` before, and shares the object instead of taking a sealed copy.

    Called by hand, the three methods of an executor of this package open, use and close one session of its own, which
    no kernel knows.

    Args:
        monitoring_messages: Accepted for Parsl's sake; records reach the run in another way.
        run_dir: Directory of the run.
        run_id: Name of the run.

    Attributes:
        label: The executor's name, unique within a Config.
        storage_access: How files reach its tasks, tried in order; None for the defaults.
        working_dir: Where staged files are put; None for the directory of each task.
        remote_monitoring_radio: How its tasks' measurements come back; None for the executor's own links.
        resource_keys: What a ``parsl_resource_specification`` may name.
    """

    label: str = "undefined"
    storage_access: Sequence[Any] | None = None
    working_dir: str | os.PathLike[str] | None = None
    remote_monitoring_radio: Any = None
    resource_keys: ClassVar[frozenset[str]] = frozenset({"priority"})

    def __init__(self, *, monitoring_messages: Any = None, run_dir: str = ".", run_id: str | None = None) -> None:
        super().__init__()
        self.monitoring_messages = monitoring_messages
        self.run_dir = run_dir
        self.run_id = run_id

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and self.__dict__.get("_live") and self._is_fixed(name):
            raise ConfigurationError(
                f"{type(self).__name__}.{name} cannot be changed while a run uses executor {self.label!r}:"
                " it would change nothing.",
                hint="assign it before the run begins; what a running executor does is ordered by its methods.",
            )
        super().__setattr__(name, value)

    def _is_fixed(self, name: str) -> bool:
        """Whether a run has read a field of this object, so that nobody will look at it again."""
        fields = getattr(type(self), "__dataclass_fields__", {})
        return name in fields and not is_foreign(self) and any(ref() is not None for ref in self.__dict__["_live"])

    # Two plain objects of a user's class are equal only if they are one; dataclasses compare their fields.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {self.label!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def __getstate__(self) -> dict[str, Any]:
        if is_foreign(self):
            return {name: value for name, value in self.__dict__.items() if name not in _OF_A_RUN}
        return super().__getstate__()

    # --- as a description ----------------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        label = self.label
        printable = isinstance(label, str) and label.isprintable() and bool(label.strip())
        expect(self, "label", printable, "a name that can be printed")
        parts = label.replace("\\", "/").split("/")
        expect(self, "label", not {"", ".", ".."}.intersection(parts), "a name that can be a directory's")
        expect_path(self, "working_dir")
        listed = self.storage_access is None or isinstance(self.storage_access, list | tuple)
        expect(self, "storage_access", listed, "None or a list of staging providers")

    def sealed(self) -> Self:
        """A checked copy that refuses assignments; an executor with methods of the user's own is checked and shared."""
        if is_foreign(self):
            self.check()
            return self
        return super().sealed()

    def validate_resource_spec(self, resource_specification: Mapping[str, Any] | None) -> None:
        """Refuse a resource specification that this executor would not heed.

        Raises:
            InvalidResourceSpecification: naming the keys.
        """
        given = resource_specification or {}
        unknown = set(given) - self.resource_keys
        if unknown:
            known = ", ".join(sorted(self.resource_keys)) or "none"
            raise InvalidResourceSpecification(unknown, f"(executor {self.label} knows: {known})")
        if "priority" in given and not is_number(given["priority"]):
            raise InvalidResourceSpecification(
                {"priority"}, f"(executor {self.label} wants a number, not {given['priority']!r})"
            )

    # --- while it runs -------------------------------------------------------------------------------------------

    def live_session(self) -> Any:
        """The one running session opened from this description; the one that ``start`` opened, if it did.

        Raises:
            ConfigurationError: if none runs, or several do, so that "the" session cannot be said.
        """
        run = self._standalone()
        return super().live_session() if run is None else run.session

    @property
    def run_dir(self) -> str:
        """What was assigned, else the directory of the one run that uses the executor, else the current directory."""
        assigned = self.__dict__.get("_run_dir")
        if assigned is not None:
            return str(assigned)
        try:
            return str(self.live_session().run_dir)
        except (ConfigurationError, AttributeError):
            return "."

    @run_dir.setter
    def run_dir(self, value: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "_run_dir", os.fspath(value))

    def monitor_resources(self) -> bool:
        """Whether measuring the resources of a task makes sense here."""
        return True

    @property
    def run_id(self) -> str | None:
        """The name of the run that was assigned; None if none was."""
        return self.__dict__.get("_run_id")

    @run_id.setter
    def run_id(self, value: str | None) -> None:
        object.__setattr__(self, "_run_id", value)

    @property
    def monitoring_messages(self) -> Any:
        """What was assigned, for Parsl's sake; nothing reads it."""
        return self.__dict__.get("_monitoring_messages")

    @monitoring_messages.setter
    def monitoring_messages(self, value: Any) -> None:
        object.__setattr__(self, "_monitoring_messages", value)

    @property
    def hub_address(self) -> str | None:
        """What was assigned, for the sake of programs of 1.2; nothing reads it."""
        return self.__dict__.get("_hub_address")

    @hub_address.setter
    def hub_address(self, value: str | None) -> None:
        object.__setattr__(self, "_hub_address", value)

    @property
    def hub_port(self) -> int | None:
        """What was assigned, for the sake of programs of 1.2; nothing reads it."""
        return self.__dict__.get("_hub_port")

    @hub_port.setter
    def hub_port(self, value: int | None) -> None:
        object.__setattr__(self, "_hub_port", value)

    # --- by hand -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open a session of this executor's own, outside any kernel; does nothing if it is open already.

        Raises:
            ConfigurationError: this version only describes it.
        """
        if self._standalone() is None and not _is_plain_base(self):
            refuse_unbuilt(self)
            from parsl_like.executors.standalone import StandaloneRun  # only for those who go without a kernel

            # A kernel that looks after the blocks itself has said so: see legacy_blocks.
            with_blocks = not self.__dict__.get("_blocks_of_a_run", False)
            object.__setattr__(self, "_own_run", StandaloneRun(self, native(self).sealed(), with_blocks=with_blocks))

    def submit(
        self, func: Callable[..., Any], resource_specification: Mapping[str, Any] | None, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Run ``func(*args, **kwargs)`` on the session that ``start`` opened.

        Raises:
            ExecutorError: it has not been started.
            InvalidResourceSpecification: the specification names what the executor does not know.
            SerializationError: the function or an argument cannot be sent to where the executor runs it.
        """
        run = self._standalone()
        if run is None:
            raise ExecutorError(
                self,
                "submit was called on an executor that does not run.",
                hint="call start() first, or load it in a Config and call apps.",
            )
        self.validate_resource_spec(resource_specification)
        return run.submit(func, resource_specification, args, kwargs)

    def shutdown(self, timeout: float | None = 10.0, **_ignored: Any) -> bool:
        """Close the session that ``start`` opened; True once nothing of it runs.

        Args:
            timeout: Seconds after which what still runs is ended by force; None for the default of 10.
            **_ignored: Arguments of older versions (``hub``, ``targets``, ``block``).
        """
        run = self._standalone()
        if run is None:
            return True
        object.__setattr__(self, "_own_run", None)
        return run.close(10.0 if timeout is None or isinstance(timeout, bool) else timeout)

    def _standalone(self) -> StandaloneRun | None:
        return self.__dict__.get("_own_run")


class DescribedSession:
    """The part of a session that knows its description: questions a program asks of ``dfk.executors[label]``.

    Args:
        description: The sealed description; every field of it can be read from the session too.
        run_dir: The run's directory.
        run_id: The run.
    """

    def __init__(self, description: ParslExecutor, *, run_dir: str, run_id: str) -> None:
        self.description = description
        self.run_dir = run_dir
        self.run_id = run_id

    def deadline(self) -> float:
        """When it is to be pumped though no descriptor says so: never."""
        return math.inf

    if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong

        def __getattr__(self, name: str) -> Any:
            if name != "description" and name in _readable(type(self.description)):
                return getattr(self.description, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def is_foreign(executor: ParslExecutor) -> bool:
    """Whether a class of the user's has replaced a method that a run then has to call as written."""
    cls = type(executor)
    return any(getattr(cls, name) is not getattr(ParslExecutor, name) for name in CALLED_AS_WRITTEN)


def native(executor: ParslExecutor) -> ParslExecutor:
    """The executor as the class of this package that it derives from describes it, without the user's own methods.

    Raises:
        ExecutorError: it derives from none that can run by itself.
    """
    if not is_foreign(executor):
        return executor
    for cls in type(executor).__mro__:
        if "__dataclass_fields__" in vars(cls) and all(
            getattr(cls, name, None) is getattr(ParslExecutor, name) for name in CALLED_AS_WRITTEN
        ):
            twin: ParslExecutor = object.__new__(cls)
            for f in dataclasses.fields(cls):
                object.__setattr__(twin, f.name, getattr(executor, f.name))
            return twin
    raise ExecutorError(
        executor, f"{type(executor).__name__} has nothing to start but its own start, submit and shutdown."
    )


def _is_plain_base(executor: ParslExecutor) -> bool:
    """Whether a user's class calls up to a method that, in Parsl, does nothing."""
    return not any("__dataclass_fields__" in vars(cls) and cls is not Description for cls in type(executor).__mro__)


@functools.cache
def _readable(cls: type[ParslExecutor]) -> frozenset[str]:
    """What programs may read of a description at ``dfk.executors[label]``: all but what would start another run."""
    names = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    return frozenset({name for name in dir(cls) if not name.startswith("_")} | names) - _NOT_OF_A_SESSION
