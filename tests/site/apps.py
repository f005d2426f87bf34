"""Apps that say where they ran."""

from __future__ import annotations

from parsl_like import python_app


@python_app
def where(seconds: float, number: int) -> tuple[int, str, str]:
    """After a while: its number, and the job and the node of Slurm that it ran in."""
    import os
    import time

    time.sleep(seconds)
    return number, os.environ["SLURM_JOB_ID"], os.environ["SLURMD_NODENAME"]


@python_app
def meet(folder: str, count: int) -> tuple[str, int]:
    """Comes back when ``count`` of it run at once: with its node and its process."""
    import os
    import pathlib
    import time

    pathlib.Path(folder, str(os.getpid())).touch()
    while len(os.listdir(folder)) < count:
        time.sleep(0.02)
    return os.environ["SLURMD_NODENAME"], os.getpid()
