"""Time stamps of a task's way through the driver, taken at the port between the kernel and an executor.

The probe is a plugin. It opens the session that would be opened without it, and notes when the kernel hands attempts
over (``submit``) and when it is given their ends (``pump``): the two calls that every session has. When a task began
and ended in its worker the session itself reports. Nothing else of the package is touched, so that the probe outlives
a rewriting of what is behind the port.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from parsl_like.core.events import EventType
from parsl_like.plugins import hookimpl

NAME = "parsl_like_benchmark_probe"


class Stamps:
    """When things happened to the last attempt, in seconds since the epoch; None if they have not."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the last attempt."""
        self.taken: float | None = None
        self.sent: float | None = None
        self.began: float | None = None
        self.ended: float | None = None
        self.received: float | None = None


STAMPS = Stamps()


@hookimpl
def parsl_like_open_executor(description: Any, context: Any) -> Any:
    """The session that the built-in plugins open, with stamps on two of its calls."""
    from parsl_like.plugins.manager import PluginManager

    session = PluginManager(entry_points=False).open_executor(description, context)
    submit, pump = session.submit, session.pump

    def stamped_submit(attempts: Any) -> None:
        STAMPS.taken = time.time()
        submit(attempts)
        STAMPS.sent = time.time()

    def stamped_pump() -> Any:
        woken = time.time()
        events = pump()
        for code, _attempt, data in events:
            if code == EventType.ATTEMPT_SUCCEEDED and data[1] is not None:
                STAMPS.received = woken
                STAMPS.began, STAMPS.ended = data[1][:2]
        return events

    vars(session).update(submit=stamped_submit, pump=stamped_pump)
    return session


def install() -> Stamps:
    """Have every kernel of this process use the probe, as an installed distribution would."""
    sys.modules[NAME] = sys.modules[__name__]
    directory = Path(tempfile.mkdtemp())
    facts = directory / f"{NAME}-0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 0\n")
    (facts / "entry_points.txt").write_text(f"[parsl_like]\nprobe = {NAME}\n")
    sys.path.insert(0, str(directory))
    return STAMPS
