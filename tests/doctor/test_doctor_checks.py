"""From descriptions and sightings to findings: what each check finds, and that it is silent where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from parsl_like.channels import SSHChannel
from parsl_like.channels.errors import AuthException
from parsl_like.core.advice import as_command
from parsl_like.core.job_states import JobState
from parsl_like.core.missing import missing_mark, missing_values
from parsl_like.doctor.checks.commands import check_commands, check_launcher, check_python
from parsl_like.doctor.checks.descriptions import (
    check_blocks,
    check_missing,
    check_node_size,
    check_options,
    check_stand_ins,
    check_strategy,
)
from parsl_like.doctor.checks.folders import check_folder_use, check_sharing
from parsl_like.doctor.checks.network import check_network
from parsl_like.doctor.checks.queues import check_charging, check_queues, clock, node_cores
from parsl_like.doctor.checks.scripts import check_script
from parsl_like.doctor.checks.testblock import check_block
from parsl_like.doctor.findings import (
    Finding,
    Report,
    Severity,
    listed,
    nearest,
    of_channel,
    of_error,
    ordered,
    sentence,
)
from parsl_like.doctor.sightings import (
    Here,
    NodeKind,
    Queue,
    SeenBlock,
    SeenFolder,
    SeenNetwork,
    SeenNode,
    SeenScript,
    SeenSystem,
)
from parsl_like.doctor.systems.slurm import slurm
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import MpiExecLauncher, SimpleLauncher, SrunLauncher
from parsl_like.providers import SlurmProvider

WHERE = "executor htex"


def names(findings: Any) -> list[str]:
    return [finding.check for finding in findings]


# --- descriptions


def test_a_strategy_that_nobody_has() -> None:
    (finding,) = check_strategy("simpel", ["none", "simple"])
    assert (finding.check, finding.fix) == ("strategy-unknown", 'Did you mean strategy="simple"?')
    (other,) = check_strategy("zzz", ["none", "simple"])
    assert other.fix == "Use one of none, simple."
    assert names(check_strategy(None, ["none"])) == names(check_strategy("simple", ["simple"])) == []


@pytest.mark.parametrize(
    ("options", "strategy", "found"),
    [
        ({}, "simple", []),
        ({"init_blocks": 0}, "simple", []),
        ({"init_blocks": 0}, "none", ["no-blocks"]),
        ({"init_blocks": 0}, None, ["no-blocks"]),
        ({"init_blocks": 0, "max_blocks": 0}, "simple", ["no-blocks"]),
        ({"nodes_per_block": 2}, "simple", ["launcher-one-node"]),
        ({"nodes_per_block": 2, "launcher": SrunLauncher()}, "simple", []),
        ({"nodes_per_block": 2, "launcher": SimpleLauncher()}, "simple", []),
    ],
)
def test_blocks_that_nobody_would_ask_for_or_use(options: Any, strategy: str | None, found: list[str]) -> None:
    assert names(check_blocks(WHERE, SlurmProvider(**options), strategy)) == found


@pytest.mark.parametrize(
    ("options", "provider", "strategy", "found"),
    [
        ({}, {}, "simple", 0),
        ({}, {"max_blocks": 3}, "simple", 1),
        ({}, {"max_blocks": 3}, None, 0),
        ({}, {"max_blocks": 3, "min_blocks": 3}, "simple", 0),
        ({}, {"max_blocks": 3, "init_blocks": 3}, "simple", 0),
        ({}, {"max_blocks": 3, "cores_per_node": 8}, "simple", 0),
        ({}, {"max_blocks": 3, "mem_per_node": 8}, "simple", 1),
        ({"mem_per_worker": 2}, {"max_blocks": 3, "mem_per_node": 8}, "simple", 0),
        ({"max_workers_per_node": 8}, {"max_blocks": 3}, "simple", 0),
        ({"available_accelerators": 4}, {"max_blocks": 3}, "simple", 0),
    ],
)
def test_more_blocks_than_tasks_need(options: Any, provider: Any, strategy: str | None, found: int) -> None:
    executor = HighThroughputExecutor(provider=SlurmProvider(**provider), **options)
    assert names(check_node_size(WHERE, executor, strategy, None)) == ["node-size-unknown"] * found


def test_what_a_node_has_is_told_where_the_batch_system_tells_it() -> None:
    executor = HighThroughputExecutor(cores_per_worker=4, provider=SlurmProvider(max_blocks=3))
    (finding,) = check_node_size(WHERE, executor, "simple", 64)
    assert finding.severity is Severity.WARNING
    assert finding.fix == "Give the executor max_workers_per_node=16, or the provider cores_per_node=64."
    (finding,) = check_node_size(WHERE, executor, "simple", None)
    assert finding.fix == "Give the executor max_workers_per_node=N, or the provider cores_per_node=N."
    seen = SeenSystem(queues=(SHORT, Queue("long", kinds=(NodeKind(1, 32), NodeKind(1)))))
    assert [node_cores(SlurmProvider(partition=name), SYSTEM, seen) for name in (None, "short", "long", "x")] == [
        2,
        2,
        32,
        None,
    ]
    assert node_cores(SlurmProvider(), SYSTEM, SeenSystem()) is None


@pytest.mark.parametrize("value", ["<account>", "YOUR_ACCOUNT", "your-account-here", "CHANGEME", "TODO", "xxx"])
def test_a_value_that_only_stands_for_one(value: str) -> None:
    (finding,) = check_stand_ins(WHERE, SlurmProvider(account=value), [])
    assert finding.check == "value-missing"
    assert f'account is "{value}"' in finding.what


@pytest.mark.parametrize("value", ["astro", "m1234", "todorov", "xxl", "yours", "replacement", None])
def test_a_value_of_the_users_own(value: str | None) -> None:
    assert names(check_stand_ins(WHERE, SlurmProvider(account=value, qos=value), [])) == []


def test_a_mark_of_a_missing_value_is_told_once() -> None:
    provider = SlurmProvider(account=missing_mark("account"))
    missing = missing_values(provider)
    (finding,) = check_missing(missing)
    assert "PARSL_LIKE_ACCOUNT" in finding.fix
    assert "account" in finding.what
    assert names(check_stand_ins(WHERE, provider, missing)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#SBATCH --mail-type=END\n\n# a remark\n##SBATCH --switched=off\n#", 0),
        ("#PBS -l walltime=1:00", 1),
        ("module load python", 1),
        ("#SBATCH -x a\nmodule load x\n#PBS y", 2),
    ],
)
def test_lines_that_the_batch_system_would_not_read(text: str, found: int) -> None:
    assert names(check_options(WHERE, text, "#SBATCH")) == ["options-unread"] * found


# --- queues

SYSTEM = slurm(None)
KINDS = (
    NodeKind(3, 2, 4000, frozenset({"haswell"}), ("gpu:a100:2",)),
    NodeKind(1, 64, 8192, frozenset({"rome"})),
)
SHORT = Queue("short", default=True, longest=3600, most_nodes=3, usable=4, kinds=KINDS)
SEEN = SeenSystem(
    queues=(SHORT, Queue("shut", open=False, state="down"), Queue("free")),
    accounts=frozenset({"astro"}),
    qualities=frozenset({"normal"}),
)


@pytest.mark.parametrize(
    ("options", "found", "said"),
    [
        ({"partition": "shrot"}, ["queue-unknown"], 'Did you mean partition="short"?'),
        ({"partition": "shu"}, ["queue-unknown"], "Choose one of them"),  # not one that takes no jobs
        ({"partition": "zzz"}, ["queue-unknown"], "Slurm has these: short, shut, free."),
        ({"partition": "short,zzz"}, ["queue-unknown"], '"zzz"'),
        ({"partition": "shut"}, ["queue-shut"], "down"),
        ({"walltime": "01:00:01"}, ["walltime-too-long"], 'walltime="01:00:00"'),
        ({"nodes_per_block": 4}, ["too-many-nodes"], "gives 3 at most"),
        ({"cores_per_node": 65}, ["too-many-cores"], "64 at most"),
        ({"mem_per_node": 9}, ["too-much-memory"], "have 8 at most"),
        ({"constraint": "rom"}, ["feature-unknown"], 'constraint="rome"'),
        ({"gpus_per_node": 3}, ["resource-unknown"], "gpu:a100:2"),
        ({"gpus_per_node": "v100:1"}, ["resource-unknown"], "gpu:v100:1"),
        ({"gres": "shm:1"}, ["resource-unknown"], "shm:1"),
    ],
)
def test_what_a_queue_does_not_have(options: Any, found: list[str], said: str) -> None:
    findings = list(check_queues(WHERE, SlurmProvider(**options), SYSTEM, SEEN))
    assert names(findings) == found
    assert said in f"{findings[0].what} {findings[0].fix} {findings[0].evidence}"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"partition": "short", "walltime": "01:00:00", "nodes_per_block": 3, "cores_per_node": 64, "mem_per_node": 8},
        {"constraint": "rome", "gpus_per_node": 2, "gres": "gpu:a100:1"},
        {"constraint": "haswell|zen2"},
        {"partition": "short,shut", "walltime": "99:00:00"},
        {"partition": "free", "walltime": "99:00:00", "nodes_per_block": 900, "constraint": "x", "gpus_per_node": 9},
        {"partition": "<partition:PARSL_LIKE_PARTITION>"},
    ],
)
def test_what_a_queue_has_or_nobody_knows_whether(options: Any) -> None:
    assert names(check_queues(WHERE, SlurmProvider(**options), SYSTEM, SEEN)) == []


def test_nodes_that_are_down() -> None:
    seen = SeenSystem(queues=(replace(SHORT, usable=1),))
    (finding,) = check_queues(WHERE, SlurmProvider(nodes_per_block=2), SYSTEM, seen)
    assert (finding.check, finding.severity) == ("nodes-down", Severity.WARNING)
    assert "Only 1 of 4 nodes" in finding.what


def test_nothing_is_said_of_queues_that_nobody_could_list() -> None:
    assert names(check_queues(WHERE, SlurmProvider("zzz"), SYSTEM, SeenSystem())) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"account": "astor"}, ["account-unknown"]),
        ({"qos": "norma"}, ["qos-unknown"]),
        ({"account": "astro", "qos": "normal"}, []),
        ({"account": "<account:PARSL_LIKE_ACCOUNT>"}, []),
        ({}, []),
    ],
)
def test_charging(options: Any, found: list[str]) -> None:
    findings = list(check_charging(WHERE, SlurmProvider(**options), SYSTEM, SEEN))
    assert names(findings) == found
    assert all("Did you mean" in finding.fix for finding in findings)
    assert names(check_charging(WHERE, SlurmProvider(**options), SYSTEM, SeenSystem())) == []


def test_seconds_as_walltimes() -> None:
    assert [clock(each) for each in (59, 3600, 100 * 3600)] == ["00:00:59", "01:00:00", "100:00:00"]


# --- commands


def test_commands_that_are_not_there() -> None:
    (finding,) = check_commands(WHERE, "Slurm", SeenSystem({"sbatch": None, "squeue": "/bin/squeue", "scancel": None}))
    assert finding.check == "command-missing"
    assert "no command sbatch, scancel is on PATH" in finding.what
    (silent,) = check_commands(WHERE, "Slurm", SeenSystem({"sbatch": "/bin/sbatch"}, silence="Unable to contact"))
    assert (silent.check, silent.evidence) == ("system-silent", "Unable to contact")
    assert names(check_commands(WHERE, "Slurm", SeenSystem({"sbatch": "/bin/sbatch"}))) == []


def test_the_command_of_a_launcher() -> None:
    provider = SlurmProvider(launcher=MpiExecLauncher())
    (here,) = check_launcher(WHERE, provider, None, local=True)
    (there,) = check_launcher(WHERE, provider, None, local=False)
    assert (here.severity, there.severity) == (Severity.FAULT, Severity.WARNING)
    assert "mpiexec" in here.what
    assert names(check_launcher(WHERE, provider, "/bin/mpiexec", local=True)) == []
    assert names(check_launcher(WHERE, SlurmProvider(), None, local=True)) == []
    loaded = SlurmProvider(launcher=MpiExecLauncher(), worker_init="module load mpi")
    assert names(check_launcher(WHERE, loaded, None, local=True)) == []


def test_the_interpreter_on_another_machine() -> None:
    provider = SlurmProvider(channel=SSHChannel("login.example.org", python="/opt/python3"))
    (finding,) = check_python(WHERE, provider, None)
    assert (finding.check, "/opt/python3" in finding.what) == ("python-missing", True)
    assert names(check_python(WHERE, provider, "/opt/python3")) == []
    assert names(check_python(WHERE, SlurmProvider(), None)) == []


# --- network

OWN = SeenNetwork(("10.0.0.5", "127.0.0.1"), free=2, wanted=2)


@pytest.mark.parametrize(
    ("options", "seen", "found"),
    [
        ({}, OWN, []),
        ({"address": "10.0.0.5"}, OWN, []),
        ({"encrypted": False, "address": "10.0.0.5"}, OWN, []),
        ({"encrypted": False}, OWN, ["address-local"]),
        ({"transport": "ipc"}, OWN, ["address-local"]),
        ({"address": "127.0.0.1"}, OWN, ["address-local"]),
        ({"address": "localhost"}, OWN, ["address-local"]),
        ({"address": "10.9.9.9"}, SeenNetwork(OWN.addresses, misplaced="Cannot assign"), ["address-foreign"]),
        ({}, replace(OWN, addresses=("127.0.0.1", "::1")), ["address-local"]),
        ({"worker_port": 5001}, replace(OWN, taken={5001: "in use"}), ["port-taken"]),
        ({}, replace(OWN, free=1), ["ports-taken"]),
    ],
)
def test_reach(options: Any, seen: SeenNetwork, found: list[str]) -> None:
    assert names(check_network(WHERE, HighThroughputExecutor(**options), seen, apart=True)) == found


@pytest.mark.parametrize("options", [{"encrypted": False}, {"transport": "ipc"}, {"address": "127.0.0.1"}, {}])
def test_within_one_machine_the_loopback_will_do(options: Any) -> None:
    assert names(check_network(WHERE, HighThroughputExecutor(**options), OWN, apart=False)) == []


def test_an_address_of_another_machine_is_told_in_any_case() -> None:
    executor, seen = HighThroughputExecutor(address="10.9.9.9"), SeenNetwork(OWN.addresses, misplaced="Cannot assign")
    (finding,) = check_network(WHERE, executor, seen, apart=False)
    assert finding.evidence == "Cannot assign. This machine has: 10.0.0.5."


# --- folders


def test_folders_that_cannot_be_used() -> None:
    (bad,) = check_folder_use("Config", "run_dir", SeenFolder("/x", "Not a directory"))
    (full,) = check_folder_use("Config", "run_dir", SeenFolder("/x", free=1 << 20))
    assert (bad.check, bad.evidence, full.check) == ("folder-unusable", "Not a directory", "disk-full")
    assert names(check_folder_use("Config", "run_dir", SeenFolder("/x", kind="nfs4", free=1 << 40))) == []


@pytest.mark.parametrize(
    ("path", "kind", "found"),
    [
        ("/tmp/runs", "ext4", True),
        ("/tmp", "ext4", True),
        ("/tmpfiles/runs", "ext4", False),
        ("/data/runs", "tmpfs", True),
        ("/data/runs", "nfs4", False),
        ("/data/runs", "", False),
    ],
)
def test_folders_that_nodes_most_likely_do_not_see(path: str, kind: str, found: bool) -> None:
    findings = list(check_sharing(WHERE, "run_dir", SeenFolder(path, kind=kind)))
    assert names(findings) == ["folder-not-shared"] * found
    assert all(finding.severity is Severity.WARNING for finding in findings)


# --- scripts


def test_scripts_that_would_not_do() -> None:
    seen = SeenScript("line 3: unexpected EOF", "sbatch: error: Batch job submission failed: Invalid account")
    malformed, refused = check_script(WHERE, "Slurm", seen)
    assert (malformed.check, refused.check) == ("script-malformed", "block-refused")
    assert "account" in refused.fix
    assert names(check_script(WHERE, "Slurm", SeenScript())) == []
    (odd,) = check_script(WHERE, "Slurm", SeenScript(refused="no, thank you"))
    assert odd.fix == "Correct the provider's options."


# --- a test block

HERE = Here("3.11.7", "0.1", {"numpy": "2.0", "pyzmq": "26.0", "dill": None})
GOOD = SeenNode(
    "n1", "3.11.2", "/bin/python3", "0.1", packages={"numpy": "2.0", "pyzmq": "26.0"}, reached={"a": "", "b": "refused"}
)


def block(*nodes: SeenNode, **facts: Any) -> list[Finding]:
    return list(check_block(WHERE, "Slurm", SeenBlock(nodes=nodes, **facts), HERE))


def test_a_good_block() -> None:
    assert block(GOOD) == []
    assert block(GOOD, GOOD, expected=2) == []


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"python": "3.9.18"}, ["python-differs"]),
        ({"package": None, "package_trouble": "ModuleNotFoundError"}, ["package-missing"]),
        ({"package": "0.0.1"}, ["package-differs"]),
        ({"packages": {"numpy": "2.0", "pyzmq": None}}, ["package-missing"]),
        ({"packages": {"numpy": "1.26", "pyzmq": "26.0"}}, ["packages-differ"]),
        ({"packages": {"numpy": None, "pyzmq": "26.0"}}, ["packages-differ"]),
        ({"packages": {"dill": "0.3"}}, []),
        ({"reached": {"a": "refused", "b": "no answer"}}, ["address-unreachable"]),
        ({"reached": {}}, []),
        ({"folder_trouble": "No such file"}, ["folder-not-shared"]),
        ({"ahead": 3600.0}, ["clock-differs"]),
        ({"ahead": -90.0}, ["clock-differs"]),
        ({"ahead": 5.0}, []),
    ],
)
def test_what_is_wrong_on_a_node(facts: Any, found: list[str]) -> None:
    assert names(block(replace(GOOD, **facts))) == found


@pytest.mark.parametrize("line", ["script: line 4: module: command not found", "Lmod: unknown module: conda/2031"])
def test_a_block_that_works_though_its_script_complains(line: str) -> None:
    (finding,) = block(GOOD, wrote=f"hello\n{line}\nsrun: error: Terminated")
    assert (finding.check, finding.evidence, finding.severity) == ("worker-init", line, Severity.WARNING)


def test_a_launcher_that_reaches_too_few_nodes() -> None:
    (finding,) = block(GOOD, expected=2)
    assert (finding.check, finding.severity) == ("launcher-one-node", Severity.WARNING)


@pytest.mark.parametrize(
    ("facts", "found", "said"),
    [
        ({"refused": "Invalid account"}, "block-refused", "no such account"),
        ({"state": JobState.PENDING, "message": "(Resources)"}, "block-waits", "--patience"),
        ({"state": JobState.PENDING, "hopeless": "its partition is down"}, "block-never-starts", "choose another"),
        (
            {"state": JobState.FAILED, "exit_code": 1, "wrote": "No module named parsl_like"},
            "block-failed",
            "worker_init",
        ),
        ({"state": JobState.FAILED, "wrote": "line 9: cd: /x: No such file or directory"}, "block-failed", "share"),
        ({"state": JobState.COMPLETED, "exit_code": 0}, "block-failed", "run_dir"),
        ({"state": JobState.RUNNING, "seconds": 120.0, "wrote": "loading"}, "block-failed", "worker_init"),
    ],
)
def test_a_block_of_which_nothing_was_heard(facts: Any, found: str, said: str) -> None:
    (finding,) = block(**facts)
    assert finding.check == found
    assert said.lower() in f"{finding.what} {finding.fix}".lower()


# --- findings themselves


def test_a_report() -> None:
    fault, warning = Finding("a", "x", "A.", "B."), Finding("b", "x", "C.", "D.", severity=Severity.WARNING)
    report = Report(ordered([warning, fault, warning]), ("this",))
    assert report.findings == (fault, warning)
    assert (report.faults, report.warnings) == (1, 1)
    assert report.facts()["findings"][0] == {
        "check": "a",
        "where": "x",
        "what": "A.",
        "fix": "B.",
        "evidence": "",
        "severity": "fault",
    }


def test_words() -> None:
    assert sentence("correct it") == "Correct it."
    assert sentence("Why?") == "Why?"
    assert sentence("  ") == ""
    assert sentence(f"try this:{as_command('ssh h')}") == "Try this:\n    ssh h"
    assert listed([]) == "none"
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert nearest("shrot", ["short"]) == "short"
    assert nearest("zzz", ["short"]) is None


def test_an_error_of_the_package_as_a_finding() -> None:
    error = ConfigurationError("Config.retries", "x", "a number", hint="give 3.")
    finding = of_error("description", "Config", error, "Correct it.")
    assert (finding.what, finding.fix) == ("Config.retries is 'x'; expected a number.", "Give 3.")
    assert of_error("description", "Config", ConfigurationError("No."), "Correct it.").fix == "Correct it."


def test_a_login_by_hand_is_told_as_one_after_which_the_doctor_is_asked_again() -> None:
    """Where a program would go on by itself: the doctor has ended."""
    error = AuthException("Permission denied", "h", hint=f"the program goes on then:{as_command('ssh -f -N -M h')}")
    assert of_channel(WHERE, error).fix == "The program goes on then:\n    ssh -f -N -M h"
    error.by_hand = "ssh -p 2222 h"
    finding = of_channel(WHERE, error)
    assert finding.fix == "See whether this works in a terminal, then ask the doctor again:\n    ssh -p 2222 h"
    assert of_channel(WHERE, AuthException("No", "h")).fix == "See whether the machine can be reached by hand."
