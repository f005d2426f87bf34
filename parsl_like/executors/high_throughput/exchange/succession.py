"""What an interchange does when its driver has died and another one may come: it waits, and hands managers over.

Times are monotonic seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from parsl_like.executors.high_throughput.protocol import PROTOCOL_VERSION, Adopted

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.options import InterchangeOptions
    from parsl_like.executors.high_throughput.protocol import Register


class Succession:
    """Knows for how long managers are kept without a driver, and which runs' managers are this run's.

    Args:
        options: What the interchange was told.

    Attributes:
        until: When nobody is waited for any more; infinity as long as the driver lives.
    """

    def __init__(self, options: InterchangeOptions) -> None:
        self._run_id = options.run_id
        self._seconds = options.reattach
        self._former_runs = frozenset(options.former_runs)
        self._logdir = options.manager_logdir
        self._python_path = list(options.python_path)
        self.until = math.inf

    @property
    def waits(self) -> bool:
        """Whether there is no driver, and one is waited for."""
        return self.until < math.inf

    def begin(self, now: float) -> bool:
        """The driver has died; gives whether another one is waited for."""
        if self._seconds <= 0:
            return False
        self.until = now + self._seconds
        return True

    def is_over(self, now: float) -> bool:
        """Whether a driver has been waited for long enough."""
        return now >= self.until

    def order_for(self, register: Register) -> Adopted | None:
        """What a manager of an earlier run is to become; None for any other, who is taken or refused as he is."""
        if register.run_id not in self._former_runs or register.version != PROTOCOL_VERSION:
            return None
        return Adopted(self._run_id, self._logdir, self._python_path)
