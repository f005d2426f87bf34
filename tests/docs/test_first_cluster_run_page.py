"""The page on a first run on a cluster, typed in as it stands: its profile, its commands, on a simulated Slurm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels import OpenSSHChannel
from parsl_like.profiles import config_named
from tests.fakes.fixtures import *  # noqa: F403

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "guide" / "first-cluster-run.md").read_text(encoding="utf-8")
CLUSTER, AWAY = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
TYPED = re.findall(r"^\$ (parsl-like .*)$", TEXT, re.MULTILINE)


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", *command.replace("parsl-like", "parsl_like", 1).split()]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_what_the_page_says_leads_to_a_census_on_slurm(
    make_cluster: MakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cluster("slurm", queues={"all": {}, "brief": {}})
    home, project, sources = (tmp_path / name for name in ("home", "project", "sources"))
    activate = home / "tasks-venv" / "bin" / "activate"
    for folder in (activate.parent, project, sources):
        folder.mkdir(parents=True)
    activate.write_text(f"export PATH={os.path.dirname(sys.executable)}:$PATH PYTHONPATH={ROOT}\n")
    (sources / "one.py").write_text("import two\n\ndef f(x):\n    return x if x else 1\n")
    (sources / "two.py").write_text("import os\n")
    on_one_node = CLUSTER.replace("nodes_per_block = 2\n", "").replace("SrunLauncher", "SimpleLauncher")
    assert len(on_one_node) < len(CLUSTER)  # the simulated Slurm has no srun
    (project / "parsl_like.toml").write_text(on_one_node)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    for shown in TYPED:
        # Not the whole library:
        command = f"{shown} {sources} --out census" if shown.split()[1] == "demo" else shown
        done = typed(command, project)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert typed(f"parsl-like demo {sources} --plain --out plain", project).returncode == 0
    assert (project / "plain" / "census.json").read_bytes() == (project / "census" / "census.json").read_bytes()
    assert [path.name for path in (project / "runinfo").glob("[0-9]*")] == ["000"]


def test_the_commands_of_the_page_are_those_that_a_newcomer_needs() -> None:
    assert [" ".join(command.split()[1:]) for command in TYPED] == [
        "version",
        "config check cluster",
        "doctor cluster",
        "blocks render cluster --test",
        "doctor cluster --submit",
        "demo --config cluster",
    ]


def test_the_profile_for_a_laptop_goes_over_the_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parsl_like.toml").write_text(CLUSTER + AWAY)
    monkeypatch.chdir(tmp_path)
    config = config_named("away")
    (executor,) = config.executors or ()
    provider = executor.provider
    assert isinstance(provider.channel, OpenSSHChannel)
    assert (provider.partition, provider.nodes_per_block, provider.channel.tunnel) == ("all", 2, True)
