"""For processes under libfaketime 0.9.10: its clock_nanosleep fails unless the monotonic clock is faked, too."""

from __future__ import annotations

import select
import time
from typing import Any


def _sleep(seconds: Any, /) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
