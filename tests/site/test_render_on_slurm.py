"""What a real Slurm says of scripts that are only rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.cli import main

if TYPE_CHECKING:
    from tests.site.slurm import Slurm

SITE = """
from parsl_like import Config, HighThroughputExecutor
from parsl_like.launchers import SrunLauncher
from parsl_like.providers import SlurmProvider

provider = SlurmProvider({partition!r}, nodes_per_block={nodes}, launcher=SrunLauncher(), walltime="00:01:00")
config = Config([HighThroughputExecutor("ht", provider)])
"""


@pytest.mark.parametrize(
    ("partition", "nodes", "refused", "said"),
    [
        ("all", 2, False, "to start at"),
        ("nope", 2, True, "invalid partition"),
        ("single", 3, True, "node"),
    ],
)
def test_slurm_judges_a_script(
    partition: str, nodes: int, refused: bool, said: str, slurm: Slurm, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [job.id for job in slurm.jobs()]
    Path("site.py").write_text(SITE.format(partition=partition, nodes=nodes))
    assert main(["blocks", "render", "site.py", "--test", "--json"]) == int(refused)
    blocks: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert said in blocks[0]["verdict"].lower()
    assert [job.id for job in slurm.jobs()] == before
