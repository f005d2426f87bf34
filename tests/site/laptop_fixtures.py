"""A laptop, in a module that names this one as its plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import processes
from tests.site.laptop import Laptop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.site.slurm import Slurm
    from tests.site.system import System


@pytest.fixture(scope="session")
def laptop_system(bring_up: Callable[..., System]) -> System:
    return bring_up("laptop")


@pytest.fixture
def laptop(laptop_system: System, slurm: Slurm, tmp_path: Path) -> Iterator[Laptop]:
    """The laptop, with its cable plugged in and its login node awake; a test may leave no connection."""
    laptop_system("up")
    laptop = Laptop(laptop_system, slurm, tmp_path)
    yield laptop
    laptop.end()
    laptop_system("up")
    processes.until(lambda: not laptop.sessions(), 30, "the end of all connections")
