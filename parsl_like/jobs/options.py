"""How the blocks of one executor are to be looked after."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.providers.status import JobStatus

LONGEST_CALL_S = 38.0
"""How long a provider's call may take that says nothing of its own commands; two of them and a wait fit in 80 s."""

UNKNOWN_PERIOD_S = 5.0
"""How often jobs are asked after whose provider does not say how often it may be asked."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SupplyOptions:
    """Times in seconds.

    Attributes:
        provider: The provider's label, for messages.
        status_period: Between two questions for the state of all jobs.
        decision_period: Between two decisions, if nothing happens in between.
        max_idle: Of idleness, after which a block is not needed.
        connect_timeout: A block may run without any manager having connected.
        pending_timeout: A block may wait in the queue; None for as long as it takes.
        call_bound: A provider's call may take.
        error_handler: True: the executor fails when no block can be had. False: it never does. A function, as Parsl's
            ``block_error_handler``: it is asked instead, after each change, with all blocks by id.
    """

    provider: str = "block"
    status_period: float = UNKNOWN_PERIOD_S
    decision_period: float = 5.0
    max_idle: float = 120.0
    connect_timeout: float = 600.0
    pending_timeout: float | None = None
    call_bound: float = LONGEST_CALL_S
    error_handler: bool | Callable[[Any, Mapping[str, JobStatus]], None] = True

    @classmethod
    def from_provider(cls, description: Any, **given: Any) -> Self:
        """The options that a provider's description implies.

        Args:
            description: A provider, of this package or a user's own; None for the defaults.
            **given: Options that are said otherwise.
        """
        if description is None:
            return cls(**given)
        implied = {
            "provider": getattr(description, "label", type(description).__name__),
            "status_period": max(0.1, getattr(description, "status_polling_interval", UNKNOWN_PERIOD_S)),
            "connect_timeout": getattr(description, "connect_timeout", cls(**given).connect_timeout),
            "pending_timeout": getattr(description, "pending_timeout", None),
            "call_bound": max(LONGEST_CALL_S, 1.2 * getattr(description, "cmd_timeout", 0.0) + 2.0),
        }
        return cls(**{**implied, **given})
