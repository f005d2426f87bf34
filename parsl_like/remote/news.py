"""What a task has to say while it runs, for the records of its run; whoever runs tasks says who listens.

Nobody has to: then what is told is lost, as it is in a process that a task has started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threading import Thread

Listener = Callable[[str, str, Mapping[str, Any]], None]
"""Takes the kind of a record, its subject, and facts as plain data; called on the task's thread, and never raises."""

_ATTRIBUTE = "_parsl_like_listener"
_listener: Listener | None = None


def listen(listener: Listener | None, thread: Thread | None = None) -> None:
    """Hear what tasks tell from now on.

    Args:
        listener: Who hears it; None for nobody.
        thread: The only thread on which it is heard; None for all others of this process.
    """
    global _listener  # noqa: PLW0603 - a process has one worker
    if thread is None:
        _listener = listener
    else:
        setattr(thread, _ATTRIBUTE, listener)


def tell(kind: str, subject: str, facts: Mapping[str, Any]) -> None:
    """Say something for the records of the run; lost if nobody listens.

    Args:
        kind: Of the record.
        subject: What it is about.
        facts: Plain data, without anything secret.
    """
    import threading  # not at the start of a worker: most tasks have nothing to say

    listener: Listener | None = getattr(threading.current_thread(), _ATTRIBUTE, None) or _listener
    if listener is not None:
        listener(kind, subject, facts)
