"""Apps that say where on a Grid Engine they ran."""

from __future__ import annotations

from parsl_like import python_app


@python_app
def where(seconds: float, number: int) -> tuple[int, str]:
    """After a while: its number, and the job that it ran in."""
    import os
    import time

    time.sleep(seconds)
    return number, os.environ["JOB_ID"]


@python_app
def surroundings() -> dict[str, str]:
    """What it finds around it."""
    import os

    return {**os.environ, "PWD": os.getcwd()}
