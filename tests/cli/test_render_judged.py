"""``parsl-like blocks render`` for batch systems: the commands, and what the batch system says of the script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.cli import main
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster

FLAVOURS = {
    "slurm": ("SlurmProvider", "partition", "sbatch", "squeue", "scancel"),
    "pbspro": ("PBSProProvider", "queue", "qsub", "qstat", "qdel"),
    "torque": ("TorqueProvider", "queue", "qsub", "qstat", "qdel"),
    "grid_engine": ("GridEngineProvider", "queue", "qsub", "qstat", "qdel"),
    "lsf": ("LSFProvider", "queue", "bsub", "bjobs", "bkill"),
    "cobalt": ("CobaltProvider", "queue", "qsub", "qstat", "qdel"),
}

SITE = """
import parsl_like.providers
from parsl_like import Config, HighThroughputExecutor
from parsl_like.launchers import SimpleLauncher

make = parsl_like.providers.{kind}
provider = make({field}={queue!r}, launcher=SimpleLauncher(), walltime="00:05:00")
config = Config([HighThroughputExecutor("ht", provider, encrypted=False)])
"""


def site(flavour: str, queue: str) -> str:
    kind, field, *_ = FLAVOURS[flavour]
    Path("site.py").write_text(SITE.format(kind=kind, field=field, queue=queue))
    return "site.py"


def rendered(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> dict[str, Any]:
    assert main(["blocks", "render", *words, "--json"]) == status
    (block,) = json.loads(capsys.readouterr().out)
    return block  # type: ignore[no-any-return]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_commands_are_shown_without_a_batch_system(flavour: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind, _, submit, status, cancel = FLAVOURS[flavour]
    block = rendered(capsys, site(flavour, "short"))
    assert block["provider"] == kind
    assert block["submit"][0] == submit
    assert block["script_path"] in block["submit"]
    assert [command[0] for command in block["status"]][-1].endswith(status)
    assert block["cancel"][0].endswith(cancel)
    assert any("JOB" in word for word in block["cancel"])
    asks_for_all = flavour == "grid_engine"
    assert asks_for_all or any("JOB" in word for command in block["status"] for word in command)
    assert "short" in block["script"]
    assert (block["verdict"], block["refused"]) == (None, False)


@pytest.mark.integration
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_batch_system_judges(
    flavour: str,
    make_cluster: MakeCluster,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = make_cluster(flavour, queues={"short": {}})
    good = rendered(capsys, site(flavour, "short"), "--test")
    assert good["verdict"].startswith("the batch system would take it.")
    bad = rendered(capsys, site(flavour, "shrt"), "--test", status=1)
    assert bad["verdict"].startswith("the batch system refuses it (exit code ")
    assert bad["refused"]
    cluster.wait_until_empty(30)
    assert [job.starts for job in cluster.jobs()] == [0] * len(cluster.jobs())
    assert not Path("runinfo").exists()


FAR = """
import dataclasses
import sys
from parsl_like import Config, HighThroughputExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import SlurmProvider
from tests.channels.pipes import PipeChannel

@dataclasses.dataclass
class Far(PipeChannel):
    hostname: str = "far"
    python: str = sys.executable
    tunnel: bool = True

provider = SlurmProvider("{queue}", channel=Far(), launcher=SimpleLauncher(), walltime="00:05:00")
config = Config([HighThroughputExecutor("ht", provider, address="127.0.0.1")])
"""


@pytest.mark.integration
def test_it_judges_where_a_tunnel_will_lead_without_one(
    make_cluster: MakeCluster,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There is nothing yet to which a tunnel could lead."""
    make_cluster("slurm", queues={"short": {}})
    for queue, status in (("short", 0), ("shrt", 1)):
        Path("far.py").write_text(FAR.format(queue=queue))
        block = rendered(capsys, "far.py", "--test", status=status)
        assert block["refused"] is bool(status)
        assert "batch system " in block["verdict"]
    assert not [path for path in Path().glob(".parsl_like/**/*") if path.is_file()]
