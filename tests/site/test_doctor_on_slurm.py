"""Planted faults, each found by the doctor on a real Slurm in words that say what to do; silence where there is none.

Each case changes one thing of a configuration that works. With ``submit`` a test block shows it, else looking does.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import OpenSSHChannel, SSHChannel
from parsl_like.cli.doctor import _script
from parsl_like.doctor.examination import examined
from parsl_like.doctor.wishes import Wishes
from parsl_like.launchers import SimpleLauncher, SrunLauncher, WrappedLauncher
from parsl_like.version import VERSION
from tests.site.slurm import Slurm, slurm_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.channels import Channel
    from parsl_like.doctor.findings import Finding, Report
    from tests.site.ssh_servers import SSHServers
    from tests.site.system import System

pytest_plugins = ["tests.site.ssh_servers"]

GOOD: dict[str, Any] = {
    "partition": "all",
    "walltime": "00:10:00",
    "nodes_per_block": 2,
    "cores_per_node": 1,
    "mem_per_node": 1,
    "launcher": SrunLauncher(),
}


@dataclass(frozen=True)
class Case:
    """A fault.

    Attributes:
        found: The finding's name.
        says: Words that a newcomer needs, in what it says or advises.
        options: What is changed.
        submit: Whether only a test block shows it.
        broken: What is done to the Slurm meanwhile, as a command of its script.
    """

    found: str
    says: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    submit: bool = False
    broken: str = ""


ONE = {"nodes_per_block": 1, "launcher": SimpleLauncher()}

CASES = {
    # --- what looking shows
    "partition_misspelt": Case(
        "queue-unknown", ('no partition "singles"', 'partition="single"'), {"partition": "singles"}
    ),
    "partition_down": Case("queue-shut", ('"shut"', "takes no jobs"), {"partition": "shut"}),
    "walltime_over_the_limit": Case("walltime-too-long", ('walltime="00:01:00"', "00:10:00"), {"partition": "brief"}),
    "too_many_nodes": Case("too-many-nodes", ("9 nodes", "nodes_per_block=4"), {"nodes_per_block": 9}),
    "too_many_processors": Case("too-many-cores", ("64 processors", "cores_per_node=2"), {"cores_per_node": 64}),
    "too_much_memory": Case("too-much-memory", ("512 GiB", "mem_per_node=3.9"), {"mem_per_node": 512}),
    "feature_that_no_node_has": Case("feature-unknown", ('the feature "quantum"',), {"constraint": "quantum"}),
    "gpus_that_no_node_has": Case("resource-unknown", ('"gpu:2"',), {"gpus_per_node": 2}),
    "account_not_put_in": Case("value-missing", ("YOUR_ACCOUNT", "value of your own"), {"account": "YOUR_ACCOUNT"}),
    "options_of_another_system": Case(
        "options-unread", ("#PBS -l select=1", "#SBATCH"), {"scheduler_options": "#PBS -l select=1"}
    ),
    "option_that_slurm_refuses": Case(
        "block-refused", ("Slurm would refuse",), {"scheduler_options": "#SBATCH --dependency=afterok:nobody"}
    ),
    "quote_not_closed": Case("script-malformed", ("worker_init",), {"worker_init": "echo 'hello"}),
    "no_block_ever": Case("no-blocks", ("No block is ever asked for",), {"init_blocks": 0, "strategy": "none"}),
    "address_of_another_machine": Case("address-foreign", ("192.0.2.7", "no address"), {"address": "192.0.2.7"}),
    "run_dir_is_a_file": Case("folder-unusable", ("run_dir",), {"run_dir": __file__}),
    "launcher_for_one_node": Case("launcher-one-node", ("2 nodes", "SrunLauncher()"), {"launcher": None}),
    "controller_dead": Case("system-silent", ("Slurm does not answer", "by hand"), broken="kill_controller"),
    # --- what a test block shows
    "worker_init_fails": Case(
        "block-failed",
        ("no module conda/2031", "worker_init"),
        {"worker_init": "echo 'module: no module conda/2031' >&2; exit 1"},
        submit=True,
    ),
    "module_not_there": Case(
        "worker-init", ("load_conda: command not found", "worker_init"), {"worker_init": "load_conda 2031"}, submit=True
    ),
    "launch_cmd_not_there": Case(
        "block-failed", ("start_the_pool", "launch_cmd"), {**ONE, "launch_cmd": "start_the_pool"}, submit=True
    ),
    "network_cut_off": Case(
        "address-unreachable",
        ("cannot reach", "address="),
        {**ONE, "launcher": WrappedLauncher("unshare -n")},
        submit=True,
    ),
    "held_for_ever": Case("block-never-starts", ("held",), {"scheduler_options": "#SBATCH --hold"}, submit=True),
}


def looked(config: Any, *, submit: bool = False) -> Report:
    return examined(config, _script, Wishes(submit=submit, patience=60))


def words(finding: Finding) -> str:
    return f"{finding.what} {finding.fix} {finding.evidence}"


def config_of(tmp_path: Path, **options: Any) -> Any:
    merged = {"run_dir": tmp_path / "runinfo", **GOOD, **options}
    if merged["launcher"] is None:
        del merged["launcher"]
    return slurm_config(merged.pop("run_dir"), **merged)


@contextmanager
def broken(slurm: Slurm, command: str) -> Iterator[None]:
    if command:
        slurm.system(command)
    try:
        yield
    finally:
        slurm.mend()


@pytest.mark.parametrize("submit", [False, True])
def test_it_is_silent_on_a_good_configuration(submit: bool, slurm: Slurm, tmp_path: Path) -> None:
    report = looked(config_of(tmp_path), submit=submit)
    assert [words(finding) for finding in report.findings] == []
    assert report.unchecked == ()
    assert any("Slurm, its commands and queues" in what for what in report.checked)
    assert any("a test block" in what for what in report.checked) is submit
    assert list(tmp_path.iterdir()) == []
    slurm.until(lambda: not slurm.live(), "the end of the test block", seconds=30)


@pytest.mark.parametrize("name", CASES)
def test_a_planted_fault_is_found(name: str, slurm: Slurm, tmp_path: Path) -> None:
    case = CASES[name]
    with broken(slurm, case.broken):
        report = looked(config_of(tmp_path, **case.options), submit=case.submit)
    assert [finding.check for finding in report.findings] == [case.found]
    (finding,) = report.findings
    for said in case.says:
        assert said in words(finding), words(finding)
    assert len(slurm.jobs()) == int(case.submit)


def test_slurm_is_not_on_path(slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del slurm
    (tmp_path / "bin").mkdir()
    for command in ("sh", "bash"):
        os.symlink(f"/bin/{command}", tmp_path / "bin" / command)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = [finding for finding in looked(config_of(tmp_path)).findings if finding.severity == "fault"]
    assert [finding.check for finding in found] == ["command-missing"]
    assert "login node" in found[0].fix


def test_a_port_is_taken(slurm: Slurm, tmp_path: Path) -> None:
    del slurm
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        (finding,) = looked(config_of(tmp_path, worker_port=port)).findings
    assert finding.check == "port-taken"
    assert f"Port {port}" in finding.what


def test_another_version_of_the_package_on_nodes(slurm: Slurm, tmp_path: Path) -> None:
    other = tmp_path / "other" / "parsl_like"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (other / "version.py").write_text("VERSION = '0.0.1'\n")
    (finding,) = looked(
        config_of(tmp_path, **ONE, worker_init=f"export PYTHONPATH={other.parent}"), submit=True
    ).findings
    assert finding.check == "package-differs"
    assert f"parsl_like 0.0.1, and this program has {VERSION}" in finding.what
    assert len(slurm.jobs()) == 1


def test_a_run_directory_that_nodes_do_not_see(slurm: Slurm, tmp_path: Path) -> None:
    """The node has another disk at that place: the batch system runs the script, and nothing that is beside it."""
    run_dir = tmp_path / "runinfo"
    run_dir.mkdir(mode=0o700)
    launcher = WrappedLauncher(f"unshare -m sh -c 'mount -t tmpfs none {run_dir} && exec \"$@\"' sh")
    (finding,) = looked(config_of(tmp_path, **{**ONE, "launcher": launcher}), submit=True).findings
    assert finding.check == "folder-not-shared"
    assert "run_dir" in finding.fix
    assert len(slurm.jobs()) == 1


def test_another_python_on_nodes(slurm: Slurm, tmp_path: Path) -> None:
    """A Python that says it is of another version; whether there is one to be had is each machine's affair."""
    folder = tmp_path / "bin"
    folder.mkdir()
    pretends = "import platform,sys;platform.python_version=lambda:'3.8.10';sys.argv=sys.argv[1:]"
    (folder / "process_worker_pool.py").write_text("#!/bin/sh\n")
    (folder / "python3").write_text(
        f'#!/bin/sh\nshift; code=$1; shift\nexec {sys.executable} -c "{pretends};$code" x "$@"\n'
    )
    for name in ("process_worker_pool.py", "python3"):
        (folder / name).chmod(0o755)
    options = {**ONE, "launch_cmd": f"{folder}/process_worker_pool.py {{options}}"}
    (finding,) = looked(config_of(tmp_path, **options), submit=True).findings
    assert finding.check == "python-differs"
    assert "3.8.10" in finding.what
    assert len(slurm.jobs()) == 1


def test_a_busy_slurm_is_no_fault(slurm: Slurm, tmp_path: Path) -> None:
    filler = slurm.fill("n[1-4]")
    try:
        report = examined(config_of(tmp_path), _script, Wishes(submit=True, patience=4))
        slurm.until(lambda: [job.id for job in slurm.live()] == [filler], "the end of the test block", seconds=30)
    finally:
        slurm.ask("scancel", filler)
    assert [(finding.check, finding.severity.value) for finding in report.findings] == [("block-waits", "warning")]


# --- from another machine


def over_ssh(servers: SSHServers, kind: str, **options: Any) -> Channel:
    """A channel of either kind whose commands find the Slurm."""
    if kind == "ssh" and not os.environ.get("CI"):
        pytest.importorskip("paramiko")
    environment = {"SLURM_CONF": os.environ["SLURM_CONF"], "PYTHONPATH": os.environ["PYTHONPATH"]}
    options = servers.options(**{"python": sys.executable, "envs": environment, "tunnel": True, **options})
    return SSHChannel(**options) if kind == "ssh" else OpenSSHChannel(interactive=False, **options)


@pytest.mark.parametrize("kind", ["ssh", "openssh"])
def test_over_ssh_it_is_silent_on_a_good_configuration(
    kind: str, slurm: Slurm, ssh_servers: SSHServers, tmp_path: Path
) -> None:
    report = looked(config_of(tmp_path, channel=over_ssh(ssh_servers, kind)), submit=True)
    assert [words(finding) for finding in report.findings] == []
    assert any("a test block" in what for what in report.checked)
    assert len(slurm.jobs()) == 1


@pytest.mark.parametrize("kind", ["ssh", "openssh"])
@pytest.mark.parametrize(
    ("options", "found", "said"),
    [
        ({"python": "/nowhere/python3"}, "python-missing", "python="),
        ({"key_filename": "wrong_key"}, "channel", "login"),
        ({"host_keys_filename": "known_none"}, "channel", "known"),
    ],
)
def test_over_ssh_it_says_what_keeps_it_out(
    kind: str,
    options: dict[str, Any],
    found: str,
    said: str,
    slurm: Slurm,
    ssh_servers: SSHServers,
    tmp_path: Path,
) -> None:
    files = {name: str(ssh_servers.folder / value) for name, value in options.items() if name.endswith("_filename")}
    report = looked(config_of(tmp_path, channel=over_ssh(ssh_servers, kind, **{**options, **files})))
    assert found in [finding.check for finding in report.findings]
    assert any(said in words(finding) for finding in report.findings), report
    assert slurm.jobs() == []


# --- with an accounting


@pytest.fixture
def accounted(bring_up: Callable[..., System]) -> Iterator[Slurm]:
    """A Slurm that knows accounts."""
    system = bring_up("slurm", SITE_ACCOUNTING=1, SITE_MIN_JOB_AGE=2)
    os.environ |= system.environment()
    slurm = Slurm(system)
    yield slurm
    slurm.is_left_empty()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "found", "known"),
    [({"account": "roat"}, "account-unknown", 'account="root"'), ({"qos": "normals"}, "qos-unknown", 'qos="normal"')],
)
def test_accounts_and_qualities_of_service(
    options: dict[str, Any], found: str, known: str, accounted: Slurm, tmp_path: Path
) -> None:
    del accounted
    findings = looked(config_of(tmp_path, **options)).findings
    assert found in [finding.check for finding in findings]
    assert any(known in finding.fix for finding in findings)
