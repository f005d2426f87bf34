"""Launchers for blocks of several nodes: what they make is run by a real bash, with stand-ins for the starters."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.launchers import (
    AprunLauncher,
    GnuParallelLauncher,
    JsrunLauncher,
    Launcher,
    MpiExecLauncher,
    MpiRunLauncher,
    SrunLauncher,
    SrunMPILauncher,
)
from parsl_like.launchers.text import CARRIED
from parsl_like.providers.script import FILES_VARIABLE
from parsl_like.testing.contracts import LauncherContract

if TYPE_CHECKING:
    from pathlib import Path

ALL = [
    SrunLauncher,
    SrunMPILauncher,
    AprunLauncher,
    JsrunLauncher,
    MpiExecLauncher,
    MpiRunLauncher,
    GnuParallelLauncher,
]
OVERRIDABLE = [launcher for launcher in ALL if launcher is not GnuParallelLauncher]
BY_PBS = [MpiExecLauncher, MpiRunLauncher, GnuParallelLauncher]


def run(text: str, folder: Path, *, first: str = "") -> subprocess.CompletedProcess[str]:
    script = folder / "script.sh"
    script.write_text(f"{first}\n{text}\n", encoding="utf-8")
    command = ["bash", str(script)]
    return subprocess.run(command, cwd=folder, timeout=60, check=False, capture_output=True, text=True)


@pytest.fixture
def three_nodes(stand_ins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PBS job that has three nodes and says each of them four times."""
    del stand_ins  # sets up an environment without a job
    nodes = tmp_path / "node file"
    nodes.write_text("".join(f"node{node}\n" * 4 for node in range(3)))
    monkeypatch.setenv("PBS_NODEFILE", str(nodes))


# --- the contract


@pytest.mark.usefixtures("stand_ins")
class ManyNodesContract(LauncherContract):
    kind: type[Any]

    def make_launcher(self) -> Launcher:
        made: Launcher = self.kind()
        return made


class TestSrun(ManyNodesContract):
    kind = SrunLauncher


class TestSrunMPI(ManyNodesContract):
    kind = SrunMPILauncher


class TestAprun(ManyNodesContract):
    kind = AprunLauncher


class TestJsrun(ManyNodesContract):
    kind = JsrunLauncher


class TestMpiExec(ManyNodesContract):
    kind = MpiExecLauncher


class TestMpiRun(ManyNodesContract):
    kind = MpiRunLauncher


class TestGnuParallel(ManyNodesContract):
    kind = GnuParallelLauncher


class TestSilentMpiExec(ManyNodesContract):
    def make_launcher(self) -> Launcher:
        return MpiExecLauncher(debug=False, bind_cmd="", overrides="--map-by ppr:3:node")


# --- how many, and where


@pytest.mark.usefixtures("stand_ins", "three_nodes")
@pytest.mark.parametrize("kind", ALL)
def test_each_node_runs_as_many_copies_as_it_shall(kind: Any, tmp_path: Path) -> None:
    result = run(kind().wrap('echo "$STAND_IN_NODE" >> counted', 2, 3), tmp_path)
    assert result.returncode == 0, result.stderr
    assert Counter((tmp_path / "counted").read_text().split()) == {"node0": 2, "node1": 2, "node2": 2}


@pytest.mark.usefixtures("three_nodes")
@pytest.mark.parametrize("kind", [MpiExecLauncher, MpiRunLauncher])
@pytest.mark.parametrize("copies", [1, 2])
def test_open_mpi_is_told_how_many_each_node_shall_run(
    kind: Any, copies: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_IS", "Open MPI 5.0.1")
    result = run(kind().wrap('echo "$STAND_IN_NODE" >> counted', copies, 3), tmp_path)
    assert result.returncode == 0, result.stderr
    assert Counter((tmp_path / "counted").read_text().split()) == dict.fromkeys(["node0", "node1", "node2"], copies)


PILOT = ["--export=ALL", "--mem=0", "--kill-on-bad-exit=0", "--wait=0"]


def test_srun_is_told_nodes_and_copies(stand_ins: Any, tmp_path: Path) -> None:
    assert run(SrunLauncher(debug=False, overrides="-c 4").wrap("true", 2, 3), tmp_path).returncode == 0
    shape = ["--nodes=3", "--ntasks=6", "--ntasks-per-node=2"]
    assert stand_ins.calls() == [["srun", *shape, *PILOT, "--overlap", "-c", "4"]]


def test_a_single_copy_on_a_node_is_bound_to_nothing_by_srun(stand_ins: Any, tmp_path: Path) -> None:
    assert run(SrunLauncher().wrap("true", 1, 3), tmp_path).returncode == 0
    shape = ["--nodes=3", "--ntasks=3", "--ntasks-per-node=1"]
    assert stand_ins.calls() == [["srun", *shape, *PILOT, "--overlap", "--cpu-bind=none", "--label"]]


@pytest.mark.parametrize("kind", [SrunLauncher, SrunMPILauncher])
def test_a_srun_that_does_not_know_the_word_is_not_told_to_share(
    kind: Any, stand_ins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_OLD", "yes")
    assert run(kind().wrap("true", 1, 1), tmp_path).returncode == 0
    assert "--overlap" not in stand_ins.calls()[0]


@pytest.mark.parametrize(
    ("by_task", "tasks", "copies", "asked"),
    [
        ("8", "1", 1, 8),  # as a job of this package's own
        ("8", "1(x2)", 1, 8),
        ("4", "8(x2)", 1, 32),  # a pilot has what all tasks of the job would have
        ("4", "8(x2),2", 1, 8),  # each node has so many
        ("4", "1(x2)", 2, 2),
        ("1", "1", 2, 1),
        ("4", None, 1, 4),
    ],
)
def test_srun_asks_for_the_processors_of_the_job(
    by_task: str,
    tasks: str | None,
    copies: int,
    asked: int,
    stand_ins: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", by_task)
    if tasks is not None:
        monkeypatch.setenv("SLURM_TASKS_PER_NODE", tasks)
    text = SrunLauncher(debug=False).wrap("true", copies, 1)
    assert run(text, tmp_path, first="set -euo pipefail; IFS=$'\\n'").returncode == 0
    assert f"--cpus-per-task={asked}" in stand_ins.calls()[0]


def test_each_copy_for_mpi_has_a_step_on_its_node(stand_ins: Any, tmp_path: Path) -> None:
    assert run(SrunMPILauncher(overrides="--mpi=pmix").wrap("true", 2, 2), tmp_path).returncode == 0
    rest = [*PILOT, "--overlap", "--cpu-bind=none", "--mpi=pmix"]
    steps = [["srun", "--nodes=1", "--ntasks=1", f"--relative={node}", *rest] for node in (0, 0, 1, 1)]
    assert sorted(stand_ins.calls()) == steps


def test_aprun_and_jsrun_are_told_copies_and_copies_on_a_node(stand_ins: Any, tmp_path: Path) -> None:
    for launcher in (AprunLauncher(overrides="-d 8"), JsrunLauncher(overrides="-c ALL_CPUS")):
        assert run(launcher.wrap("true", 2, 3), tmp_path).returncode == 0
    assert stand_ins.calls() == [
        ["aprun", "-n", "6", "-N", "2", "-cc", "none", "-d", "8"],
        ["jsrun", "-n", "6", "-r", "2", "-c", "ALL_CPUS"],
    ]


@pytest.mark.usefixtures("three_nodes")
def test_mpi_starters_are_told_the_nodes_of_pbs(stand_ins: Any, tmp_path: Path) -> None:
    for launcher in (MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64"), MpiRunLauncher(overrides="-x A")):
        assert run(launcher.wrap("true", 1, 3), tmp_path).returncode == 0
    exec_call, run_call = stand_ins.calls()
    assert exec_call[:6] == ["mpiexec", "--cpu-bind", "none", "-n", "3", "--hostfile"]
    assert exec_call[7:] == ["--depth=64"]
    assert run_call[:4] == ["mpirun", "-np", "3", "--hostfile"]
    assert run_call[5:] == ["-x", "A"]


@pytest.mark.parametrize(
    ("launcher", "call"),
    [
        (MpiExecLauncher(), ["mpiexec", "--bind-to", "none", "-n", "6"]),
        (MpiExecLauncher(bind_cmd=""), ["mpiexec", "-n", "6"]),
        (MpiRunLauncher(), ["mpirun", "-np", "6"]),
    ],
)
def test_without_pbs_mpi_starters_know_the_nodes_themselves(
    launcher: Launcher, call: list[str], stand_ins: Any, tmp_path: Path
) -> None:
    assert run(launcher.wrap("true", 2, 3), tmp_path).returncode == 0
    assert stand_ins.calls() == [call]


@pytest.mark.usefixtures("three_nodes")
@pytest.mark.parametrize("kind", [MpiExecLauncher, MpiRunLauncher])
@pytest.mark.parametrize("overrides", ["--host a,b", "-hosts a", "-machinefile mine"])
def test_a_user_who_names_hosts_is_the_only_one_who_does(
    kind: Any, overrides: str, stand_ins: Any, tmp_path: Path
) -> None:
    assert run(kind(overrides=overrides).wrap("true", 1, 2), tmp_path).returncode == 0
    assert "--hostfile" not in stand_ins.calls()[0]


def test_without_pbs_gnu_parallel_starts_its_copies_here(stand_ins: Any, tmp_path: Path) -> None:
    assert run(GnuParallelLauncher().wrap('echo "$STAND_IN_NODE" >> counted', 3, 1), tmp_path).returncode == 0
    assert (tmp_path / "counted").read_text().split() == [":"] * 3
    (call,) = stand_ins.calls()
    assert call[:7] == ["parallel", "--will-cite", "--null", "--ungroup", "--jobs", "3", "--workdir"]
    assert call[7] == str(tmp_path)


# --- how it ends


@pytest.mark.usefixtures("stand_ins", "three_nodes")
@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("debug", [True, False])
def test_one_copy_that_fails_fails_the_block(kind: Any, debug: bool, tmp_path: Path) -> None:
    command = "mkdir first 2>/dev/null || exit 0; exit 5"
    result = run(kind(debug=debug).wrap(command, 2, 3), tmp_path)
    assert result.returncode == 5
    assert result.stderr == ""


@pytest.mark.usefixtures("stand_ins", "three_nodes")
@pytest.mark.parametrize("kind", ALL)
def test_a_killed_copy_fails_the_block(kind: Any, tmp_path: Path) -> None:
    assert run(kind().wrap("kill -KILL $$", 1, 2), tmp_path).returncode == 137


@pytest.mark.usefixtures("stand_ins", "three_nodes")
@pytest.mark.parametrize("kind", ALL)
def test_it_works_in_a_strict_shell(kind: Any, tmp_path: Path) -> None:
    """``worker_init`` may have set any of these."""
    assert run(kind().wrap("exit 3", 2, 2), tmp_path, first="set -euo pipefail").returncode == 3
    assert run(kind().wrap("true", 2, 2), tmp_path, first="set -euo pipefail").returncode == 0


@pytest.mark.parametrize("kind", ALL)
def test_a_starter_that_is_not_there_fails_the_block(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("awk", "bash", "env", "mktemp", "rm"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))
    result = run(kind(debug=False).wrap("true", 1, 1), tmp_path)
    assert result.returncode == 127
    assert "not found" in result.stderr


@pytest.mark.usefixtures("three_nodes")
@pytest.mark.parametrize("kind", BY_PBS)
@pytest.mark.parametrize("command", ["true", "exit 4"])
def test_no_file_stays_behind(kind: Any, command: str, stand_ins: Any, tmp_path: Path) -> None:
    run(kind().wrap(command, 2, 3), tmp_path)
    assert list(stand_ins.temporary.iterdir()) == []


# --- what copies see, and what is said


@pytest.mark.usefixtures("stand_ins", "three_nodes")
@pytest.mark.parametrize("kind", ALL)
def test_copies_find_what_worker_init_has_put_on_the_path(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILES_VARIABLE, "/a 'folder' of $HOME")
    command = f'printf "%s\\n" "$PATH" "$PYTHONPATH" "${FILES_VARIABLE}" > seen'
    first = 'export PATH="$PATH:/opt/my tools" PYTHONPATH=/x'
    assert run(kind().wrap(command, 1, 1), tmp_path, first=first).returncode == 0
    path, python_path, files = (tmp_path / "seen").read_text().splitlines()
    assert path.endswith(":/opt/my tools")
    assert (python_path, files) == ("/x", "/a 'folder' of $HOME")


def test_the_folder_of_a_blocks_files_is_among_what_is_carried() -> None:
    assert FILES_VARIABLE in CARRIED


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("kind", ALL)
def test_it_says_what_it_starts_and_how_that_ended(kind: Any, tmp_path: Path) -> None:
    said = run(kind().wrap("exit 6", 2, 3), tmp_path).stdout
    lines = [line for line in said.splitlines() if line.startswith("parsl_like: ")]
    assert len(lines) == 2
    assert re.search(r"starts 2 of the command on each of 3 node|started 6 copies", lines[0])
    assert re.search(r"ended with exit code \d|6 of 6 copies failed", lines[1])


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("kind", ALL)
def test_it_says_nothing_without_debug(kind: Any, tmp_path: Path) -> None:
    result = run(kind(debug=False).wrap("true", 2, 1), tmp_path)
    assert (result.stdout, result.stderr) == ("", "")


# --- as descriptions


@pytest.mark.parametrize("kind", ALL)
def test_wrong_values_are_refused_by_name(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.debug is 'yes'; expected True or False"):
        kind(debug="yes").sealed()
    with pytest.raises(TypeError, match=f"{kind.__name__}.*'debugg'.*did you mean 'debug'"):
        kind(debugg=True)


@pytest.mark.parametrize("kind", OVERRIDABLE)
def test_overrides_are_text(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.overrides is \['-c', '4'\]; expected text"):
        kind(overrides=["-c", "4"]).sealed()


def test_options_of_mpi_launchers() -> None:
    with pytest.raises(ConfigurationError, match=r"MpiExecLauncher\.bind_cmd is None"):
        MpiExecLauncher(bind_cmd=None).sealed()  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"MpiRunLauncher\.bash_location is ''"):
        MpiRunLauncher(bash_location="").sealed()
    assert "/opt/bash -c true" in MpiRunLauncher(bash_location="/opt/bash", start_timeout=None).wrap("true", 1, 1)
    assert "/bin/bash" not in MpiRunLauncher(bash_location="/opt/bash").wrap("true", 1, 1)


def test_positional_arguments_come_in_parsls_order() -> None:
    assert SrunLauncher(False, "-c 1") == SrunLauncher(debug=False, overrides="-c 1")
    assert MpiExecLauncher(False, "b", "o") == MpiExecLauncher(debug=False, bind_cmd="b", overrides="o")
    assert MpiRunLauncher(False, "b", "o") == MpiRunLauncher(debug=False, bash_location="b", overrides="o")
    assert GnuParallelLauncher(False) == GnuParallelLauncher(debug=False)


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("kind", [SrunLauncher, SrunMPILauncher])
def test_a_step_within_a_copy_is_not_told_what_the_copys_own_was_told(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CPU_BIND", "quiet,none")
    monkeypatch.setenv("SLURM_LABELIO", "1")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert run(kind().wrap("env | grep ^SLURM > seen", 1, 1), tmp_path).returncode == 0
    assert (tmp_path / "seen").read_text() == "SLURM_JOB_ID=7\n"
