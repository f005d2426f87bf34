"""``parsl-like config``: what is shown is what was said, and can be read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parsl_like.cli import main
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.profiles.texts import from_toml, from_yaml
from parsl_like.providers import SlurmProvider

SITE = """
from parsl_like import Config, HighThroughputExecutor
from parsl_like.channels import SSHChannel
from parsl_like.providers import SlurmProvider

channel = SSHChannel("h", password="the secret")
config = Config([HighThroughputExecutor("ht", SlurmProvider("short", channel=channel))], retries=2)
"""


@pytest.fixture(autouse=True)
def _profiles() -> None:
    Path("parsl_like.toml").write_text(
        'default = "mine"\n'
        '[profiles.mine]\ndescription = "one of mine"\nretries = 2\n'
        '[profiles.mine.executors.ht]\ntype = "HighThroughputExecutor"\n'
        'provider = { type = "SlurmProvider", partition = "short" }\n'
        "[profiles.wrong]\nretires = 2\n"
    )


MINE = Config([HighThroughputExecutor("ht", SlurmProvider("short"))], retries=2)


def out(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["config", *words]) == status
    return capsys.readouterr().out


def test_what_is_shown_is_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert from_toml(out(capsys, "show", "mine")) == MINE
    assert from_toml(out(capsys, "show")) == MINE
    assert from_toml(out(capsys, "show", "mine", "--toml")) == MINE
    assert json.loads(out(capsys, "show", "--json"))["executors"][0]["provider"]["partition"] == "short"
    pytest.importorskip("yaml")
    assert from_yaml(out(capsys, "show", "mine", "--yaml")) == MINE


def test_one_of_python_becomes_data_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    Path("site.py").write_text(SITE)
    assert main(["config", "show", "site.py"]) == 0
    said = capsys.readouterr()
    assert "secret" not in said.out
    assert "the variable SSHCHANNEL_PASSWORD" in said.err
    provider = from_toml(said.out, environment={"SSHCHANNEL_PASSWORD": "x"}).executors[0].provider  # type: ignore
    assert provider.channel.password == "x"


def test_who_said_what(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(capsys, "show", "mine", "--origin").splitlines()
    here = Path("parsl_like.toml").resolve()
    assert f"retries = 2  # {here}:4" in lines
    assert f"executors[0].provider.partition = 'short'  # {here}:7" in lines
    assert "executors[0].provider.account = None  # default of SlurmProvider" in lines
    rows = json.loads(out(capsys, "show", "mine", "--origin", "--json"))
    assert {"path": "retries", "value": "2", "origin": f"{here}:4"} in rows


def test_good_and_wrong_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "mine", "wrong", "nobody"]) == 2
    said = capsys.readouterr()
    assert "mine: good" in said.out
    assert "wrong: " in said.err
    assert "parsl_like.toml:9: Config has no 'retires'. Try: did you mean 'retries'?" in said.err
    assert "nobody: There is no configuration 'nobody'." in said.err
    assert out(capsys, "check") == "mine: good\n"
    verdicts = json.loads(out(capsys, "check", "mine", "wrong", "--json", status=2))
    assert [verdict["error"] is None for verdict in verdicts] == [True, False]


def test_what_a_run_would_refuse_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.toml").write_text(
        '[executors.ht]\ntype = "HighThroughputExecutor"\n[executors.ht.provider]\ntype = "KubernetesProvider"\n'
        'image = "<image:PARSL_LIKE_IMAGE>"\n'
    )
    said = out(capsys, "check", "own.toml")
    assert said.startswith("own.toml: good\n")
    assert "set PARSL_LIKE_IMAGE" in said
    assert "KubernetesProvider is described only" in said


def test_without_a_choice_show_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("parsl_like.toml").unlink()
    assert main(["config", "show"]) == 2
    assert "Nobody has chosen a configuration" in capsys.readouterr().err
    assert "two threads" in out(capsys, "check")


def test_forms_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "mine", "--toml", "--yaml"]) == 2
    assert main(["config", "show", "mine", "--yaml", "--origin"]) == 2


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(capsys, "list").splitlines()
    assert lines[0].startswith("* mine ")
    assert lines[0].endswith("one of mine")
    assert any(line.startswith("  local_threads ") for line in lines)
    listed = json.loads(out(capsys, "list", "--json"))
    assert listed[0]["is_usual"]


def test_other_commands_take_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "render", "mine"]) == 0
    assert "#SBATCH --partition=short" in capsys.readouterr().out
