"""The whole examination, of configurations for this machine and of a simulated cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import OpenSSHChannel
from parsl_like.config import Config
from parsl_like.core.missing import missing_mark
from parsl_like.doctor.examination import examined, of_unusable
from parsl_like.doctor.findings import Severity
from parsl_like.doctor.sightings import SeenScript
from parsl_like.doctor.wishes import Wishes
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.executors.high_throughput.mpi_executor import MPIExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import (
    CobaltProvider,
    CondorProvider,
    GridEngineProvider,
    LocalProvider,
    LSFProvider,
    PBSProProvider,
    SlurmProvider,
    TorqueProvider,
)
from parsl_like.providers.base import ExecutionProvider
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from parsl_like.doctor.findings import Report
    from tests.fakes.fixtures import MakeCluster


def found(config: Config, scripts: Any = None, **wishes: Any) -> Report:
    return examined(config, scripts or (lambda *_: SeenScript()), Wishes(**wishes))


def checks(report: Report) -> list[str]:
    return [finding.check for finding in report.findings]


def test_nothing_is_wrong_with_the_defaults() -> None:
    for config in (Config(), Config([HighThroughputExecutor()])):
        report = found(config)
        assert (checks(report), report.unchecked) == ([], ())
        assert "the run directory" in report.checked
    assert os.listdir() == []


def test_every_executor_is_looked_at_though_one_is_wrong() -> None:
    bad = HighThroughputExecutor("bad", SlurmProvider(walltime="soon"))
    idle = HighThroughputExecutor("idle", LocalProvider(init_blocks=0, max_blocks=0))
    report = found(Config([ThreadPoolExecutor("t"), bad, idle]))
    assert [(finding.check, finding.where) for finding in report.findings] == [
        ("description", "executor bad"),
        ("no-blocks", "executor idle"),
    ]


def test_one_executor() -> None:
    config = Config(
        [HighThroughputExecutor("a"), HighThroughputExecutor("b", LocalProvider(init_blocks=0, max_blocks=0))]
    )
    assert checks(found(config, label="a")) == []
    assert checks(found(config, label="b")) == ["no-blocks"]
    with pytest.raises(ConfigurationError, match="one of a, b"):
        found(config, label="c")


def test_fields_of_the_config() -> None:
    Path("file").touch()
    config = Config(strategy="simpel", run_dir="file/runs")
    config.retries = -1
    assert checks(found(config)) == ["description", "strategy-unknown", "folder-unusable"]


def test_parts_that_this_version_only_describes() -> None:
    (finding,) = found(Config([MPIExecutor("m")])).findings
    assert "this version cannot" in finding.what


def test_values_that_nobody_has_said() -> None:
    provider = SlurmProvider(account=missing_mark("account"))
    report = found(Config([HighThroughputExecutor("s", provider)]))
    assert "value-missing" in checks(report)


def test_files_that_worker_init_reads() -> None:
    (finding,) = found(Config([HighThroughputExecutor("a", LocalProvider(worker_init="source /no/such"))])).findings
    assert (finding.check, finding.severity) == ("worker-init", Severity.WARNING)
    assert "worker_init reads /no/such" in finding.what
    provider = SlurmProvider(worker_init="source /no/such", channel=OpenSSHChannel("nowhere.invalid"))
    assert "worker-init" not in checks(found(Config([HighThroughputExecutor("a", provider)])))


def test_more_blocks_than_one_and_a_size_that_nobody_says() -> None:
    provider = LocalProvider(max_blocks=2)
    assert checks(found(Config([HighThroughputExecutor("a", provider)]))) == ["node-size-unknown"]
    assert checks(found(Config([HighThroughputExecutor("a", provider, max_workers_per_node=2)]))) == []


def test_scripts_are_judged_once_nothing_else_explains_them() -> None:
    asked: list[tuple[str, bool]] = []

    def scripts(config: Config, label: str, judged: bool) -> SeenScript:
        del config
        asked.append((label, judged))
        return SeenScript(malformed="line 3")

    assert checks(found(Config([HighThroughputExecutor("a")]), scripts)) == ["script-malformed"]
    assert asked == [("a", False)]


def test_a_configuration_that_cannot_be_had() -> None:
    report = of_unusable(ConfigurationError("There is no file x.py."))
    assert (checks(report), report.faults) == (["description"], 1)
    assert "render" not in report.findings[0].fix  # of which nothing can be rendered


class ByHand(ExecutionProvider):
    def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str:
        raise AssertionError

    def status(self, job_ids: Any) -> list[Any]:
        raise AssertionError

    def cancel(self, job_ids: Any) -> list[bool]:
        raise AssertionError


def test_a_provider_of_the_users_own_is_left_alone() -> None:
    report = found(Config([HighThroughputExecutor("own", ByHand())]))
    assert checks(report) in ([], ["folder-not-shared"], ["folder-not-shared"] * 2)
    assert "ByHand is not known well enough" in report.unchecked[0]


# --- test blocks


@pytest.mark.integration
def test_a_test_block_on_this_machine() -> None:
    told: list[str] = []
    report = found(Config([HighThroughputExecutor("near")]), submit=True, tell=told.append)
    assert checks(report) == []
    assert "executor near: a test block" in report.checked
    assert any("is job" in sentence for sentence in told)
    assert os.listdir() == []


@pytest.mark.integration
@pytest.mark.parametrize(
    ("worker_init", "said"),
    [
        ("echo 'no module conda/2031' >&2; exit 1", "no module conda/2031"),
        ("export PATH=/nowhere; unset -f python3", ""),
    ],
)
def test_a_test_block_whose_worker_init_fails(worker_init: str, said: str) -> None:
    launch_cmd = None if said else "process_worker_pool.py {options}"
    executor = HighThroughputExecutor("near", LocalProvider(worker_init=worker_init), launch_cmd=launch_cmd)
    (finding,) = found(Config([executor]), submit=True).findings
    assert finding.check == "block-failed"
    assert said in finding.evidence


@pytest.mark.integration
def test_a_test_block_that_finds_another_version(tmp_path: Path) -> None:
    other = tmp_path / "other" / "parsl_like"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (other / "version.py").write_text("VERSION = '0.0.1'\n")
    provider = LocalProvider(worker_init=f"export PYTHONPATH={other.parent}")
    (finding,) = found(Config([HighThroughputExecutor("near", provider)]), submit=True).findings
    assert finding.check == "package-differs"
    assert "has parsl_like 0.0.1" in finding.what


def test_no_test_block_is_submitted_where_it_would_fail() -> None:
    executor = HighThroughputExecutor("near", LocalProvider(init_blocks=0, max_blocks=0))
    report = found(Config([executor]), submit=True)
    assert checks(report) == ["no-blocks"]
    assert "no test block was submitted" in report.unchecked[0]


KINDS: dict[str, Any] = {
    "slurm": SlurmProvider,
    "pbspro": PBSProProvider,
    "torque": TorqueProvider,
    "grid_engine": GridEngineProvider,
    "lsf": LSFProvider,
    "cobalt": CobaltProvider,
    "condor": CondorProvider,
}


@pytest.mark.integration
@pytest.mark.parametrize("flavour", KINDS)
def test_a_test_block_on_a_cluster(
    flavour: str,
    make_cluster: MakeCluster,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not all of its simulated commands can be asked for queues: that says nothing about the batch system."""
    cluster = make_cluster(flavour, queues={"short": {}})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "qconf").write_text("#!/bin/sh\necho short\n")
    (tmp_path / "bin" / "qconf").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    provider = KINDS[flavour](launcher=SimpleLauncher(), walltime="00:05:00")
    report = found(Config([HighThroughputExecutor("far", provider)]), submit=True, patience=60)
    assert [(finding.check, finding.evidence) for finding in report.findings] == []
    cluster.wait_until_empty(30)
    assert len(cluster.jobs()) == 1
