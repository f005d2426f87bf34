"""What the configuration of each machine would submit: a script that bash takes, with what the machine asks for."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from parsl_like.cli.rendering import RenderedBlock, rendered_blocks
from parsl_like.configs import names, site_config
from parsl_like.core.missing import missing_values
from parsl_like.core.unbuilt import is_unbuilt
from parsl_like.errors import ConfigurationError
from parsl_like.providers.batch import BatchProvider
from parsl_like.providers.local import LocalProvider

DIRECTIVES = {
    "ASPIRE1": ["#PBS -P mine", "#PBS -q normal", "#PBS -l select=1:ncpus=24:mpiprocs=1"],
    "anvil": ["#SBATCH --account=mine", "#SBATCH --partition=wholenode", "#SBATCH --exclusive"],
    "aurora": ["#PBS -A mine", "#PBS -q debug", "#PBS -l filesystems=home:flare"],
    "bluewaters": ["#PBS -q normal", "#PBS -l nodes=1:ppn=32,walltime=00:30:00"],
    "bridges": ["#SBATCH --partition=RM"],
    "cc_in2p3": ["#SBATCH --partition=htc", "#SBATCH --cpus-per-task=8"],
    "comet": ["#SBATCH --partition=compute"],
    "cooley": ["#COBALT -A mine", "#COBALT -q default", "#COBALT -n 1"],
    "cori": ["#SBATCH --qos=regular", "#SBATCH --constraint=haswell"],
    "delta": ["#SBATCH --account=mine", "#SBATCH --partition=cpu", "#SBATCH --mem=0"],
    "expanse": ["#SBATCH --account=mine", "#SBATCH --partition=compute", "#SBATCH --mem=0"],
    "frontera": ["#SBATCH --partition=small"],
    "frontier": ["#SBATCH --account=mine", "#SBATCH --partition=batch", "#SBATCH --gpus-per-node=8"],
    "illinoiscluster": ["#SBATCH --partition=secondary"],
    "improv": ["#PBS -A mine", "#PBS -q compute", "#PBS -l select=1:ncpus=128:mpiprocs=1"],
    "lumi": ["#SBATCH --account=mine", "#SBATCH --partition=standard", "#SBATCH --mem=0"],
    "midway": ["#SBATCH --account=mine", "#SBATCH --partition=caslake"],
    "osg": ['#CONDOR +ProjectName = "mine"', "#CONDOR request_cpus = 1"],
    "perlmutter": ["#SBATCH --qos=regular", "#SBATCH --constraint=cpu"],
    "polaris": ["#PBS -A mine", "#PBS -l select=1:ncpus=64:mpiprocs=1:ngpus=4:system=polaris"],
    "stampede2": ["#SBATCH --partition=skx-normal"],
    "summit": ["#BSUB -P mine", "#BSUB -q batch", "#BSUB -nnodes 1"],
    "theta": ["#COBALT -A mine", "#COBALT -q debug-cache-quad", "#COBALT -t 30"],
    "toss3_llnl": ["#SBATCH --partition=pdebug"],
}


def said(name: str) -> dict[str, Any]:
    """A value for everything that is each user's own."""
    return {value.name: ["one"] if value.name == "hosts" else "mine" for value in missing_values(site_config(name))}


def rendered(name: str, **values: Any) -> RenderedBlock:
    (block,) = rendered_blocks(site_config(name, **(said(name) | values)))
    return block


def batch_systems() -> list[str]:
    providers = {name: getattr(site_config(name).executors[0], "provider", None) for name in names()}
    return [name for name, provider in providers.items() if isinstance(provider, BatchProvider)]


def test_every_batch_system_is_looked_at() -> None:
    assert set(batch_systems()) == set(DIRECTIVES)


@pytest.mark.parametrize("name", [*batch_systems(), "ad_hoc", "htex_local"])
def test_the_script_is_one_that_bash_takes(name: str) -> None:
    block = rendered(name)
    done = subprocess.run(["bash", "-n"], input=block.script, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{done.stderr}\n{block.script}"
    assert bool(block.submit) == bool(block.cancel) == (name in DIRECTIVES)


@pytest.mark.parametrize("name", sorted(DIRECTIVES))
def test_the_script_asks_for_what_the_machine_needs(name: str) -> None:
    lines = rendered(name).script.splitlines()
    assert [line for line in DIRECTIVES[name] if line not in lines] == []


@pytest.mark.parametrize("name", sorted(set(batch_systems()) - {"osg"}))
def test_a_block_of_several_nodes_has_a_launcher_for_them(name: str) -> None:
    launcher = type(site_config(name, nodes_per_block=2).executors[0].provider.launcher).__name__
    assert launcher not in ("SingleNodeLauncher", "SimpleLauncher")


def test_worker_init_is_part_of_the_script() -> None:
    assert "source ~/venv/bin/activate" in rendered("anvil", worker_init="source ~/venv/bin/activate").script
    assert "module load gcc openmpi" in rendered("improv").script


def test_with_gpus_another_kind_of_node_is_asked_for() -> None:
    lines = rendered("perlmutter", gpus=True).script.splitlines()
    assert "#SBATCH --constraint=gpu" in lines
    assert "#SBATCH --gpus-per-node=4" in lines


def test_what_nobody_has_said_is_seen_in_the_script() -> None:
    (block,) = rendered_blocks(site_config("anvil"))
    assert "#SBATCH --account=<account:PARSL_LIKE_ACCOUNT>" in block.script.splitlines()


def test_the_local_one_starts_a_manager() -> None:
    assert isinstance(site_config("htex_local").executors[0].provider, LocalProvider)
    assert "bash" in rendered("htex_local").script


def unbuilt() -> list[str]:
    found = []
    for name in names():
        executor = site_config(name).executors[0]
        if is_unbuilt(executor) or is_unbuilt(getattr(executor, "provider", None)):
            found.append(name)
    return found


@pytest.mark.parametrize("name", unbuilt())
def test_what_cannot_run_yet_says_so(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"described only|says what its blocks run only when it runs"):
        rendered(name)
