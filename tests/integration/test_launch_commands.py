"""Commands of the user's own that start managers and the interchange, as Parsl's documents write them."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.config import Config
from parsl_like.errors import BadStateException, ConfigurationError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import WrappedLauncher
from parsl_like.providers import LocalProvider

pytestmark = pytest.mark.integration

WAIT = 90

# What 1.2 and today's Parsl start managers with, as their generated scripts show it.
OLD = (
    "process_worker_pool.py {debug} {max_workers} -a {addresses} -p {prefetch_capacity} -c {cores_per_worker} "
    "-m {mem_per_worker} --poll {poll_period} --task_port={task_port} --result_port={result_port} --logdir={logdir} "
    "--block_id={{block_id}} --hb_period={heartbeat_period} {address_probe_timeout_string} "
    "--hb_threshold={heartbeat_threshold} --cpu-affinity {cpu_affinity} "
)
NEW = (
    "process_worker_pool.py {debug} {max_workers_per_node} -a {addresses} -p {prefetch_capacity} "
    "-c {cores_per_worker} -m {mem_per_worker} --poll {poll_period} --port={worker_port} --cert_dir {cert_dir} "
    "--logdir={logdir} --logconf={logconf} --block_id={{block_id}} --hb_period={heartbeat_period} "
    "{address_probe_timeout_string} "
    "--hb_threshold={heartbeat_threshold} --drain_period={drain_period} --cpu-affinity {cpu_affinity} "
    "{enable_mpi_mode} --mpi-launcher={mpi_launcher} --available-accelerators {accelerators}"
)


@pytest.fixture(autouse=True)
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands as an installation puts them, on the PATH of blocks."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, module in (
        ("process_worker_pool.py", "parsl_like.executors.high_throughput.process_worker_pool"),
        ("interchange.py", "parsl_like.executors.high_throughput.interchange"),
    ):
        script(folder / name, f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(parsl_like.__file__).parents[1]))
    return folder


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@python_app
def surroundings() -> dict[str, str]:
    import os

    return dict(os.environ)


def run(tmp_path: Path, launcher: Any = None, **options: Any) -> dict[str, str]:
    """What a task finds around it."""
    provider = LocalProvider(init_blocks=1, max_blocks=1, **({} if launcher is None else {"launcher": launcher}))
    settings = {"max_workers_per_node": 2, "cores_per_worker": 0.1, **options}
    executor = HighThroughputExecutor(label="htex", provider=provider, **settings)
    with parsl_like.load(Config(executors=[executor], run_dir=str(tmp_path / "runs"))):
        found: dict[str, str] = surroundings().result(WAIT)
    return found


@pytest.mark.parametrize("launch_cmd", [OLD, NEW, "process_worker_pool.py {debug} -c {cores_per_worker}"])
def test_the_documents_commands_end_in_a_working_manager(tmp_path: Path, launch_cmd: str) -> None:
    found = run(tmp_path, launch_cmd=launch_cmd)
    assert (found["PARSL_WORKER_COUNT"], found["PARSL_WORKER_BLOCK_ID"]) == ("2", "0")


def test_over_tcp_as_well(tmp_path: Path) -> None:
    assert run(tmp_path, launch_cmd=OLD, transport="tcp", encrypted=False)["PARSL_WORKER_COUNT"] == "2"
    assert run(tmp_path, launch_cmd=NEW, transport="tcp", address="127.0.0.1")["PARSL_WORKER_COUNT"] == "2"


def test_what_is_written_by_hand_counts(tmp_path: Path) -> None:
    found = run(tmp_path, launch_cmd="process_worker_pool.py --max_workers=3 -u mine -l {logdir}/deeper")
    assert (found["PARSL_WORKER_COUNT"], found["PARSL_WORKER_POOL_ID"]) == ("3", "mine")
    assert list((tmp_path / "runs").glob("*/htex/deeper/block-0/mine/manager.log"))


def test_a_wrapper_in_front_of_the_default_as_a_program_reads_it_back(tmp_path: Path) -> None:
    executor = HighThroughputExecutor()
    assert executor.launch_cmd is not None
    found = run(tmp_path, launch_cmd=f"env WRAPPED=yes {executor.launch_cmd}", launcher=WrappedLauncher("nice -n 5"))
    assert (found["WRAPPED"], found["PARSL_WORKER_COUNT"]) == ("yes", "2")


def test_several_commands_in_a_row(tmp_path: Path) -> None:
    text = 'export FIRST="a b"; cd / && test -d ${HOME:-/} && { true; }; process_worker_pool.py -a {addresses}'
    assert run(tmp_path, launch_cmd=text)["FIRST"] == "a b"


def test_a_container_that_keeps_nothing_of_the_environment(tmp_path: Path, commands: Path) -> None:
    image = script(
        tmp_path / "container",
        f'#!/bin/bash\nshift 2\nexec env -i INSIDE=1 PATH={shlex.quote(str(commands))}:/usr/bin:/bin "$@"\n',
    )
    package = shlex.quote(str(Path(parsl_like.__file__).parents[1]))
    text = f"{image} exec image.sif env PYTHONPATH={package} {NEW}"
    assert run(tmp_path, launch_cmd=text)["INSIDE"] == "1"


@pytest.mark.parametrize("pointing", ["--cert_dir $1", "-l $2"])
def test_a_script_that_loses_the_options_finds_them_beside_the_keys(tmp_path: Path, pointing: str) -> None:
    own = script(tmp_path / "own.sh", f"#!/bin/bash\nexec process_worker_pool.py {pointing} --block_id=$3\n")
    found = run(tmp_path, launch_cmd=f"{own} {{cert_dir}} {{logdir}} {{{{block_id}}}} #")
    assert (found["PARSL_WORKER_COUNT"], found["PARSL_WORKER_BLOCK_ID"]) == ("2", "0")


def test_a_place_for_nothing_is_told_before_anything_starts(tmp_path: Path) -> None:
    executor = HighThroughputExecutor(launch_cmd="process_worker_pool.py -a {adresses}")
    with pytest.raises(ConfigurationError, match=r"did you mean \{addresses\}"):
        parsl_like.load(Config(executors=[executor], run_dir=str(tmp_path / "runs")))


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    provider = LocalProvider(init_blocks=1, max_blocks=1)
    executor = HighThroughputExecutor(label="htex", provider=provider, launch_cmd="my_pool.py {debug}")
    with (
        parsl_like.load(Config(executors=[executor], run_dir=str(tmp_path / "runs"))),
        pytest.raises(BadStateException, match=r"my_pool\.py"),
    ):
        surroundings().result(WAIT)


@pytest.mark.parametrize(
    "command", [["interchange.py"], "nice -n 1 interchange.py", ["env", "A B=1", "interchange.py"]]
)
def test_an_interchange_of_the_users_own_command(tmp_path: Path, command: Any) -> None:
    assert run(tmp_path, interchange_launch_cmd=command)["PARSL_WORKER_COUNT"] == "2"


def test_an_interchange_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    executor = HighThroughputExecutor(label="htex", interchange_launch_cmd=["no-such-command"])
    with pytest.raises(parsl_like.errors.ParslError, match="no-such-command"):
        parsl_like.load(Config(executors=[executor], run_dir=str(tmp_path / "runs")))
