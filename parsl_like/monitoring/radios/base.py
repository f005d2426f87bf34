"""What a way for measurements to come back has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsl_like.core.description import Description
from parsl_like.errors import MonitoringError


@dataclass
class RadioConfig(Description):
    """The base of the radios: a value that an executor's ``remote_monitoring_radio`` may have.

    A class of a user's own says how to make both ends.
    """

    def create_sender(self) -> Any:
        """The end where tasks run.

        Raises:
            MonitoringError: this version has no such end.
        """
        raise self._no_end("sender")

    def create_receiver(self, *, run_dir: str, resource_msgs: Any) -> Any:
        """The end where the program runs.

        Args:
            run_dir: The run's directory.
            resource_msgs: A queue for what arrives.

        Raises:
            MonitoringError: this version has no such end.
        """
        raise self._no_end("receiver")

    def _no_end(self, end: str) -> MonitoringError:
        return MonitoringError(
            f"{type(self).__name__} is described only: this version makes no {end} for it.",
            hint="leave remote_monitoring_radio out; records come over the executor's own links.",
        )
