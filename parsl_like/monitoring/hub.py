"""Monitoring as a user describes it. Building one touches nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect, expect_port, expect_port_range, is_number
from parsl_like.errors import MonitoringError


@spelled({"client_address": None, "client_port_range": None, "logdir": None})
@dataclass
class MonitoringHub(Description):
    """Describes what is measured and recorded of a run, in a database.

    This version writes no database. A run with a hub says so once and goes on, for its results do not depend on it;
    what happened to each task is in ``records.jsonl`` of the run directory.

    It takes the arguments of today's Parsl, in its order, and those of Parsl 1.2 by name. Of 1.2's order the first
    three work, too: whether a port or a range of ports comes second can be told from the value.
    """

    hub_address: str | None = field(
        default=None, metadata={"help": "Address of this machine; accepted for Parsl's sake, links know it."}
    )
    hub_port_range: tuple[int, int] | int | None = field(
        default=None, metadata={"help": "Ports to choose from; accepted for Parsl's sake."}
    )
    hub_port: int | tuple[int, int] | None = field(
        default=None, metadata={"help": "A port; accepted for Parsl's sake."}
    )
    workflow_name: str | None = field(
        default=None, metadata={"help": "A name for the program in the database; None for the script's."}
    )
    workflow_version: str | None = field(default=None, metadata={"help": "The program's version in the database."})
    logging_endpoint: str | None = field(
        default=None, metadata={"help": "The database, as SQLAlchemy writes its URL; None for one in the run_dir."}
    )
    monitoring_debug: bool = field(default=False, metadata={"help": "Whether monitoring logs every detail."})
    resource_monitoring_enabled: bool = field(
        default=True, metadata={"help": "Whether processors, memory and so on are measured."}
    )
    resource_monitoring_interval: float = field(
        default=30, metadata={"help": "Seconds between two measurements of a task; 0 for one at its end."}
    )

    def __post_init__(self) -> None:
        ports, port = self.hub_port_range, self.hub_port
        if (isinstance(ports, int) and not isinstance(port, int)) or isinstance(port, list | tuple):
            self.hub_port_range, self.hub_port = port, ports  # the order of Parsl 1.2

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_port(self, "hub_port")
        if self.hub_port_range is not None:
            expect_port_range(self, "hub_port_range")
        interval = self.resource_monitoring_interval
        expect(self, "resource_monitoring_interval", is_number(interval) and interval >= 0, "seconds, at least 0")

    # --- what Parsl's kernels ask of theirs ----------------------------------------------------------------------

    def start(self, *_: Any, **__: Any) -> None:
        """Refuse: a run starts what it records itself.

        Raises:
            MonitoringError: always.
        """
        raise _no_database("started by hand")

    def send(self, mtype: object, message: object) -> None:
        """Refuse.

        Raises:
            MonitoringError: always.
        """
        raise _no_database("sent a message")

    def close(self) -> None:
        """Nothing: a description holds nothing open."""

    @staticmethod
    def monitor_wrapper(f: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """The function itself: what a task needs is measured from outside.

        Args:
            f: The function.
            *_: Parsl's further arguments.
            **__: The same by name.
        """
        return f


def _no_database(what: str) -> MonitoringError:
    return MonitoringError(
        f"A MonitoringHub cannot be {what}: this version writes no monitoring database.",
        hint="read records.jsonl in the run directory, which every run writes.",
    )
