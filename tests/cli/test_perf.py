from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from parsl_like.cli import main
from parsl_like.cli.throughput import Batch, measured, plan, specification
from parsl_like.config import Config
from parsl_like.errors import ConfigurationError
from parsl_like.executors import ThreadPoolExecutor
from parsl_like.profiles.python_sources import of_file

THREADS = """
from parsl_like import Config, ThreadPoolExecutor
config = Config(executors=[ThreadPoolExecutor()], run_dir={!r}, initialize_logging=False)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "threads.py"
    path.write_text(THREADS.format(str(tmp_path / "runs")))
    return path


# --- sizes of batches


@pytest.mark.parametrize(
    ("tasks", "seconds", "size"),
    [
        (10, 1.0, 100),  # the rate says 1200, and ten times as many is the most
        (100, 60.0, 200),
        (100, 89.9, 133),
        (1, 80.0, 2),  # always some more
        (100, 90.0, None),
        (100, 500.0, None),
    ],
)
def test_batches_grow_until_one_takes_long_enough(tasks: int, seconds: float, size: int | None) -> None:
    grow = plan("estimate", 120.0)
    assert grow([]) == 10
    assert grow([Batch(tasks, 0.1, seconds)]) == size


def test_batches_may_double_or_have_sizes_of_your_own() -> None:
    double = plan("exponential", 120.0)
    assert [double([]), double([Batch(10, 0.1, 1.0)]), double([Batch(10, 0.1, 90.0)])] == [10, 20, None]
    sizes, batch = plan("5, 3", 120.0), Batch(5, 0.1, 500.0)
    assert [sizes([]), sizes([batch]), sizes([batch, batch])] == [5, 3, None]


def test_rates() -> None:
    batch = Batch(tasks=100, submitting=0.5, seconds=2.0)
    assert (batch.submitted_per_second, batch.per_second) == (200.0, 50.0)
    assert batch.facts() == {"tasks": 100, "submitting": 0.5, "seconds": 2.0, "tasks_per_second": 50.0}


# --- what is measured


def test_it_measures_on_the_configuration_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.cli.throughput.MOST_OUTSTANDING", 30)
    config = Config(executors=[ThreadPoolExecutor()], run_dir=tmp_path, initialize_logging=False)
    told: list[Batch] = []
    batches = measured(config, plan("estimate", 0.05), argsize=10, tell=told.append)
    assert told == batches
    assert batches[0].tasks == 10
    assert batches[-1].seconds >= 0.75 * 0.05
    assert all(batch.seconds >= batch.submitting > 0 for batch in batches)


def test_a_task_that_fails_ends_it_with_its_reason(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--config", str(path), "--time", "0.01", "--resources", "{'cores': 1}"]) != 0
    assert "cores" in capsys.readouterr().err


def test_the_rate_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--config", str(path), "--time", "0.01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["10", "tasks"]
    assert float(lines[-1].removeprefix("Tasks per second: ")) > 0


def test_the_rate_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--config", str(path), "--time", "0.01", "--argsize", "100", "--json"]) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["tasks_per_second"] == facts["batches"][-1]["tasks_per_second"] > 0
    assert "tasks/s" in said.err


@pytest.mark.integration
def test_worker_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "htex.py"
    path.write_text(
        "from parsl_like import Config, HighThroughputExecutor\n"
        "def fresh_config():\n"
        f"    return Config(executors=[HighThroughputExecutor(max_workers_per_node=1)], run_dir={str(tmp_path)!r})\n"
    )
    assert main(["perf", "--config", str(path), "--time", "0.1", "--resources", "{'priority': 1}"]) == 0
    assert "Tasks per second: " in capsys.readouterr().out


# --- what it is given


def test_a_function_comes_before_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "two.py"
    path.write_text(
        "from parsl_like import Config\nconfig = None\ndef fresh_config(): return Config(project_name='fresh')\n"
    )
    assert of_file(path).project_name == "fresh"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1", "config is None; expected a Config"),
        ("config = 3", "config is 3; expected a Config"),
        ("raise KeyError('site')", "cannot be run: KeyError: 'site'"),
        ("def fresh_config(x): ...", "cannot be run: TypeError: "),
        ("x = (", "cannot be run: SyntaxError: "),
        ("from parsl.config import Config\nconfig = Config()", "holds a configuration of Parsl's own"),
        ("import parsl.no_such_module", "Try: parsl-like migrate --write"),
    ],
)
def test_a_file_without_a_configuration_is_2(
    tmp_path: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = ModuleType("parsl.config")
    theirs.Config = type("Config", (), {"__module__": "parsl.config"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parsl", ModuleType("parsl"))
    monkeypatch.setitem(sys.modules, "parsl.config", theirs)
    path = tmp_path / "config.py"
    path.write_text(text)
    assert main(["perf", "--config", str(path)]) == 2
    assert reason in capsys.readouterr().err


def test_wrong_use_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf"]) == 2
    assert "Usage: parsl-like perf" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--config", "no-such-file.py"]) == 2
    assert "There is no file no-such-file.py" in capsys.readouterr().err


def test_a_configuration_has_the_names_it_has_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--config", "local_threads", "--time", "0.01"]) == 0
    assert "Tasks per second" in capsys.readouterr().out


@pytest.mark.parametrize(
    "option", [["--time", "0"], ["--argsize", "-1"], ["--resources", "[1]"], ["--iterate", "1,x"], ["--iterate", "0"]]
)
def test_a_wrong_value_is_2(path: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--config", str(path), *option]) == 2
    assert option[0] in capsys.readouterr().err


def test_resources_are_a_dict() -> None:
    assert specification(None) is None
    assert specification("{'cores': 1, 'gpus': [0]}") == {"cores": 1, "gpus": [0]}
    for text in ("3", "dict(a=1)", "{'a': open('x')}", "{"):
        with pytest.raises(ConfigurationError, match="--resources is"):
            specification(text)


# --- what the guide shows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "command-line.md"


def test_the_example_of_the_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## perf")[2].partition("\n## ")[0]
    program, shown = (section.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("python", "text"))
    monkeypatch.chdir(tmp_path)
    Path("threads.py").write_text(program)
    command, _, output = shown.partition("\n")
    words = command.removeprefix("$ parsl-like ").split()
    assert words[-2:] == ["--time", "1"]
    assert main([*words[:-1], "0.05"]) == 0
    without_numbers = [re.sub(r"[\d,.]+", "0", " ".join(line.split())) for line in output.splitlines()]
    printed = [re.sub(r"[\d,.]+", "0", " ".join(line.split())) for line in capsys.readouterr().out.splitlines()]
    assert set(printed) == set(without_numbers)
