from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from parsl_like.cli import main
from parsl_like.cli.group import COMMANDS, parsl_like
from parsl_like.errors import ConfigurationError, ParslError
from parsl_like.plugins.manager import PluginManager
from parsl_like.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Commands that plugins bring."""
    commands: dict[str, Any] = {}
    monkeypatch.setattr(PluginManager, "cli_commands", commands)
    return commands


def test_help_lists_every_command_without_importing_one() -> None:
    program = (
        "import sys\n"
        "from parsl_like.cli import main\n"
        "status = main(['--help'])\n"
        f"unwanted = {[*(f'parsl_like.cli.{name}' for name in COMMANDS), 'pluggy', 'importlib.metadata', 'rich']}\n"
        "print([name for name in unwanted if name in sys.modules], status)\n"
    )
    path = [str(ROOT), *sys.path]
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {path!r}\n{program}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
    for name, purpose in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert purpose in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_of_itself_what_the_list_says(name: str) -> None:
    source = (ROOT / "parsl_like" / "cli" / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    function = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "command")
    said = (ast.get_docstring(function) or "").splitlines()[0]
    assert said.rstrip(".").startswith(COMMANDS[name].rstrip("."))


def test_the_names_of_commands_are_known_for_completion() -> None:
    with click.Context(parsl_like) as context:
        assert parsl_like.list_commands(context) == sorted(COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["--no-such-option"], ["version", "--no-such-option"]])
def test_wrong_use_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage" in capsys.readouterr().err


def test_an_unknown_command_is_2(brought: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-command"]) == 2
    assert "No such command 'no-such-command'" in capsys.readouterr().err


def test_the_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"parsl_like {VERSION}\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (ConfigurationError("port", 70_000, "a port"), 2),
        (ParslError("lost"), 1),
        (click.ClickException("failed"), 1),
        (click.UsageError("wrong"), 2),
        (click.exceptions.Exit(4), 4),
    ],
)
def test_how_a_command_ends_is_the_status(
    error: BaseException, status: int, brought: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    brought["failing"] = failing
    assert main(["failing"]) == status
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (3, 3), ("text", 0)])
def test_what_a_command_returns_is_the_status(returned: Any, status: int, brought: dict[str, Any]) -> None:
    brought["giving"] = click.Command("giving", callback=lambda: returned)
    assert main(["giving"]) == status


def test_a_plugins_command_may_be_a_place(brought: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_plugins_module")
    module.there = click.Command("there", callback=lambda: 7)  # type: ignore[attr-defined]
    module.not_there = "text"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    brought["there"] = "a_plugins_module:there"
    assert main(["there"]) == 7


@pytest.mark.parametrize("place", ["no_such_module:x", "os:no_such_name", "os:path", "nonsense", 3])
def test_a_plugins_command_that_cannot_be_loaded_is_named(
    place: Any, brought: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    brought["theirs"] = place
    assert main(["theirs"]) == 1
    assert f"the plugin's command 'theirs' ({place})" in capsys.readouterr().err


def test_the_packages_own_commands_cannot_be_replaced(
    brought: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    brought["version"] = click.Command("version", callback=lambda: 7)
    assert main(["version"]) == 0
    assert VERSION in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="pipes of posix")
def test_a_reader_that_has_enough_is_no_traceback() -> None:
    program = "import sys; sys.stdin.read(); from parsl_like.__main__ import main; sys.exit(main(['version']))"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    assert process.stdin
    process.stdin.close()
    assert process.stderr
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert said == b""


@pytest.mark.skipif(os.name != "posix", reason="signals of posix")
def test_control_c_is_130() -> None:
    program = (
        "import os, signal, sys, click\n"
        "from parsl_like.plugins.manager import PluginManager\n"
        "from parsl_like.cli import main\n"
        f"wait = click.Command('wait', callback=lambda: os.kill(os.getpid(), {int(signal.SIGINT)}))\n"
        "PluginManager.cli_commands = {'wait': wait}\n"
        "sys.exit(main(['wait']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (130, "parsl-like: interrupted")


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "parsl_like", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"parsl_like {VERSION}\n"
