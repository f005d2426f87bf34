from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from parsl_like.cli import main
from parsl_like.plugins import hookimpl
from parsl_like.plugins import registry as registry_module
from parsl_like.plugins.builtin import BUILTINS, Builtin
from parsl_like.plugins.entry_points import Declared

if TYPE_CHECKING:
    import pytest

SOUND = tuple(builtin for builtin in BUILTINS if builtin.name == "jsonl")


class Plugin:
    @hookimpl
    def parsl_like_cli_commands(self) -> dict[str, Any]:
        return {"their-command": "a.module:command"}


def install(monkeypatch: pytest.MonkeyPatch, builtins: tuple[Builtin, ...], *points: Declared) -> None:
    monkeypatch.setattr(registry_module, "BUILTINS", builtins)
    monkeypatch.setattr(registry_module, "declared", lambda group: points)


def test_lists_what_is_registered_and_from_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, SOUND, Declared("theirs", "their_module", "their-dist 2.1", Plugin))
    assert main(["plugins", "--json"]) == 0
    ours, theirs = json.loads(capsys.readouterr().out)
    assert ours == {
        "name": "builtin:jsonl",
        "origin": "parsl_like",
        "module": "parsl_like.monitoring.sinks.jsonl",
        "hooks": ["parsl_like_open_monitoring_sink"],
        "failure": None,
    }
    assert (theirs["name"], theirs["origin"]) == ("theirs", "their-dist 2.1")
    assert theirs["hooks"] == ["parsl_like_cli_commands"]
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    assert "builtin:jsonl  parsl_like  parsl_like.monitoring.sinks.jsonl\n               open_monitoring_sink\n" in out
    assert "theirs         their-dist 2.1" in out
    assert "commands of plugins: their-command" in out


def test_one_that_does_not_work_is_shown_and_gives_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ImportError("no module named x")

    install(
        monkeypatch,
        (Builtin("broken", "no_such_module", ("run_started",)),),
        Declared("theirs", "their_module", "their-dist 2.1", fail),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["plugins"]) == 1
    out = capsys.readouterr().out
    assert "left out: no_such_module cannot be imported" in out
    assert "left out: ImportError: no module named x" in out


def test_the_list_names_every_built_in_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plugins", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [info["name"] for info in found][: len(BUILTINS)] == [builtin.plugin_name for builtin in BUILTINS]
