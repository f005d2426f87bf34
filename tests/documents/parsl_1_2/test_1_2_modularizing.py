"""Chapter "Structuring programs" of Parsl 1.2's documents."""

from __future__ import annotations

import pytest

from tests.documents.running import Run, runs_of


@pytest.mark.parametrize("run", runs_of("1.2/modularizing"))
def test_program(run: Run) -> None:
    run.check()
