"""``parsl-like blocks render``: the exact script and commands, and nothing started or left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import parsl_like
from parsl_like.cli import main
from parsl_like.cli.configurations import configuration_named
from parsl_like.cli.rendering import rendered_blocks
from parsl_like.config import Config
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.executors.high_throughput.options import ManagerOptions
from parsl_like.launchers import MpiExecLauncher, SimpleLauncher
from parsl_like.plugins.manager import PluginManager
from parsl_like.providers import LocalProvider
from parsl_like.providers.base import ExecutionProvider

SITE = """
from parsl_like import Config, HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.launchers import MpiExecLauncher
from parsl_like.providers import LocalProvider

config = Config(
    executors=[
        ThreadPoolExecutor(label="here"),
        HighThroughputExecutor("near", LocalProvider(worker_init="module load 'a b'"), worker_port=5001),
        HighThroughputExecutor("far", LocalProvider(nodes_per_block=2, launcher=MpiExecLauncher())),
    ],
    run_dir="/the/runs",
)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.py"
    path.write_text(SITE)
    return path


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["blocks", "render", *words, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def options_in(script: str) -> ManagerOptions:
    word = script.split("--options ", 1)[1].split(maxsplit=1)[0].strip("'\"")
    return ManagerOptions.from_argv(["--options", word])


# --- the script


def test_every_executor_with_blocks_is_shown(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "render", str(site)]) == 0
    said = capsys.readouterr().out
    assert "=== executor near: LocalProvider" in said
    assert "=== executor far: LocalProvider" in said
    assert "here" not in said
    assert "script    /the/runs/NNN/submit_scripts/parsl_like.near.block-0.sh" in said
    assert "beside it manager.key" in said
    assert "module load 'a b'" in said
    assert "mpiexec --bind-to none -n 2" in said


def test_the_script_is_the_one_that_a_run_writes(tmp_path: Path) -> None:
    """But for what is only known then: it is told what to expect in its place."""
    provider = LocalProvider(worker_init="export SITE='x y'", launcher=SimpleLauncher())
    executor = HighThroughputExecutor("ht", provider, max_workers_per_node=3, worker_debug=True)
    executor.transport = "tcp"
    config = Config(executors=[executor], run_dir=str(tmp_path / "runs"), strategy="none")
    (block,) = rendered_blocks(config)
    with parsl_like.load(config) as kernel:
        assert parsl_like.python_app(nothing)().result(timeout=60) is None
        run, run_id = kernel.run_dir, kernel.run_id
        (written,) = Path(run, "submit_scripts").glob("*.sh")
        text = written.read_text()
    told, real = options_in(block.script), options_in(text)
    assert block.script_path == str(written).replace(run, str(tmp_path / "runs" / "NNN"))
    expected = block.script.replace("NNN", os.path.basename(run)).replace("RUN_ID", run_id)
    assert expected.replace(_word(expected), _word(text)) == text
    assert [a.data.rsplit(":", 1)[0] for a in told.addresses] == [a.data.rsplit(":", 1)[0] for a in real.addresses]
    assert told.max_workers == real.max_workers == 3
    assert told.logdir == real.logdir.replace(run, str(tmp_path / "runs" / "NNN"))
    assert told.key_file == str(real.key_file).replace(run, str(tmp_path / "runs" / "NNN"))
    low, high = executor.worker_port_range
    assert f"stands for one from {low} to {high}" in " ".join(block.chosen)


def nothing() -> None:
    """There is a script as soon as a task has run."""


def _word(script: str) -> str:
    return script.split("--options ", 1)[1].split(maxsplit=1)[0]


def test_ports_and_addresses_that_were_chosen_are_in_it() -> None:
    executor = HighThroughputExecutor("ht", address="10.1.2.3", worker_port=5001, control_port=5002)
    (block,) = rendered_blocks(Config(executors=[executor]))
    (told,) = options_in(block.script).addresses
    assert (told.data, told.control) == ("tcp://10.1.2.3:5001", "tcp://10.1.2.3:5002")
    assert not any("stands for one" in sentence for sentence in block.chosen)


@pytest.mark.parametrize(("encrypted", "transport", "hosts"), [(False, None, {"127.0.0.1"}), (True, "ipc", set())])
def test_addresses_are_those_that_it_would_listen_at(encrypted: bool, transport: Any, hosts: set[str]) -> None:
    executor = HighThroughputExecutor("ht", encrypted=encrypted)
    executor.transport = transport
    (block,) = rendered_blocks(Config(executors=[executor]))
    assert {a.data.split("/")[2].rsplit(":", 1)[0] for a in options_in(block.script).addresses} == hosts


def test_a_folder_of_runs_with_an_odd_name_is_not_put_into_commands(tmp_path: Path) -> None:
    odd = tmp_path / "my 'runs'"
    (block,) = rendered_blocks(Config(executors=[HighThroughputExecutor("ht")], run_dir=str(odd)))
    assert str(odd) not in block.script
    assert f"/RUN_DIRECTORIES is {odd}." in block.chosen


def test_a_launch_cmd_of_the_users_own_is_filled_in() -> None:
    executor = HighThroughputExecutor("ht", launch_cmd="mine --port {worker_port} {options}", worker_port=5001)
    (block,) = rendered_blocks(Config(executors=[executor]))
    assert "mine --port 5001 --options" in block.script


def test_nothing_is_left_and_nothing_is_started(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # What is left in TMPDIR, and processes, fail every test.
    as_json(capsys, str(site))
    assert os.listdir() == []
    assert not Path("/the").exists()


class ByHand(ExecutionProvider):
    def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str:
        raise AssertionError

    def status(self, job_ids: Any) -> list[Any]:
        raise AssertionError

    def cancel(self, job_ids: Any) -> list[bool]:
        raise AssertionError


def test_a_provider_with_methods_of_its_own_is_shown_what_it_would_get() -> None:
    (block,) = rendered_blocks(Config(executors=[HighThroughputExecutor("ht", ByHand())]))
    assert (block.provider, block.submit, block.cancel) == ("ByHand", [], ())
    assert "--options" in block.script


# --- choosing


def test_one_executor(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [block["executor"] for block in as_json(capsys, str(site), "--executor", "far")] == ["far"]
    assert main(["blocks", "render", str(site), "--executor", "fra"]) == 2
    assert "one of here, near, far" in capsys.readouterr().err


def test_executors_without_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "render", "local_threads"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "No executor has blocks.\n")


@pytest.mark.parametrize("name", ["module_of_mine:config", "module_of_mine:make", "module_of_mine:holder.config"])
def test_a_config_of_a_module(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "module_of_mine", raising=False)
    Path("module_of_mine.py").write_text(
        "from parsl_like import Config\nconfig = Config(retries=3)\ndef make(): return config\n"
        "class holder: config = config\n"
    )
    assert configuration_named(name).retries == 3
    monkeypatch.delitem(sys.modules, "module_of_mine")


def test_ready_made_configs_and_those_of_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PluginManager, "site_configs", {"ours": lambda: Config(retries=5)})
    assert configuration_named("ours").retries == 5
    assert isinstance(configuration_named("htex_local"), Config)
    assert isinstance(configuration_named("auto"), Config)
    with pytest.raises(ConfigurationError, match=r"no configuration 'theirs'.*parsl-like config list shows \d+"):
        configuration_named("theirs")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.py", "There is no file absent.py"),
        ("json:dumps", "json:dumps cannot be had: TypeError"),
        ("json:nothing", "AttributeError"),
        ("no_such_module:config", "ModuleNotFoundError"),
        ("sys:argv", "expected a Config"),
    ],
)
def test_what_is_no_config_is_said_to_be_none(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        configuration_named(name)


def test_an_executor_that_cannot_say_what_its_blocks_run() -> None:
    class Own(ThreadPoolExecutor):
        provider = LocalProvider()

    with pytest.raises(ConfigurationError, match="says what its blocks run only when it runs"):
        list(rendered_blocks(Config(executors=[Own(label="own")])))


# --- asking the batch system


def test_bash_reads_the_script_where_there_is_no_batch_system(capsys: pytest.CaptureFixture[str]) -> None:
    def of(worker_init: str) -> Config:
        return Config(executors=[HighThroughputExecutor("ht", LocalProvider(worker_init=worker_init))])

    (good,) = rendered_blocks(of("true"), judged=True)
    (bad,) = rendered_blocks(of("if true; then"), judged=True)
    assert (good.refused, bad.refused) == (False, True)
    assert "well formed" in str(good.verdict)
    assert "bash cannot read it" in str(bad.verdict)
    Path("bad.py").write_text(SITE.replace("module load 'a b'", "if"))
    assert main(["blocks", "render", "bad.py", "--test"]) == 1
    assert "judged    bash cannot read it" in capsys.readouterr().out


def test_the_rendered_script_runs(tmp_path: Path) -> None:
    provider = LocalProvider(worker_init="exit 5", nodes_per_block=2, launcher=MpiExecLauncher())
    (block,) = rendered_blocks(Config(executors=[HighThroughputExecutor("ht", provider)]))
    folder = str(tmp_path / "scripts")
    os.mkdir(folder)
    script = Path(folder, "script.sh")
    script.write_text(block.script.replace(os.path.dirname(block.script_path), folder))
    done = subprocess.run(["bash", str(script)], check=False, timeout=60, start_new_session=True)
    assert done.returncode == 5
