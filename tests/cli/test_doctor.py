"""``parsl-like doctor``: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import OpenSSHChannel
from parsl_like.cli import main
from parsl_like.cli.doctor import _without_tunnel
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import SlurmProvider
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster

SITE = """
from parsl_like import Config, HighThroughputExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider, SlurmProvider

config = Config([HighThroughputExecutor("ht", {provider})])
"""


def site(provider: str) -> str:
    Path("site.py").write_text(SITE.format(provider=provider))
    return "site.py"


def doctor(capsys: pytest.CaptureFixture[str], *words: str, status: int) -> dict[str, Any]:
    assert main(["doctor", *words, "--json"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_good_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", site("LocalProvider()")]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "nothing is wrong, as far as can be seen from here\n")
    found = doctor(capsys, "site.py", status=0)
    assert (found["faults"], found["warnings"], found["findings"]) == (0, 0, [])
    assert "executor ht: its address and ports" in found["checked"]
    assert os.listdir() == ["site.py"]


def test_faults_and_what_to_do_about_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", site("LocalProvider(worker_init='if true; then', init_blocks=0, max_blocks=0)")]) == 4
    out, err = capsys.readouterr()
    assert "fault    executor ht: It may have no block at all, so its tasks would never run.\n" in out
    assert "         Try: Set max_blocks=1.\n" in out
    assert "fault    executor ht: bash cannot read the script of its blocks" in out
    assert "         | " in out
    assert err == "2 faults, 0 warnings\n"


def test_a_warning_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    found = doctor(capsys, site("LocalProvider(nodes_per_block=2)"), status=0)
    assert found["faults"] == 0
    assert "launcher-one-node" in [finding["check"] for finding in found["findings"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config = 3", "Config"),
        ("from parsl_like import Config\nconfig = Config(retries='3')", "retries"),
        (None, "There is no file site.py"),
    ],
)
def test_a_configuration_that_cannot_be_had(text: str | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    if text is not None:
        Path("site.py").write_text(text)
    found = doctor(capsys, "site.py", status=4)
    (finding,) = found["findings"]
    assert finding["check"] == "description"
    assert said in finding["what"]


def test_an_executor_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", site("LocalProvider()"), "--executor", "th"]) == 2
    assert "one of ht" in capsys.readouterr().err


def test_without_a_batch_system(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bin").mkdir()
    for name in ("sh", "bash"):
        os.symlink(f"/bin/{name}", f"bin/{name}")
    monkeypatch.setenv("PATH", os.path.abspath("bin"))
    found = doctor(capsys, site("SlurmProvider(launcher=SimpleLauncher())"), status=4)
    faults = [finding for finding in found["findings"] if finding["severity"] == "fault"]
    assert [finding["check"] for finding in faults] == ["command-missing"]
    assert "sbatch, squeue, scancel" in faults[0]["what"]


@pytest.mark.integration
@pytest.mark.parametrize(("flavour", "kind", "field"), [("slurm", "Slurm", "partition"), ("pbspro", "PBSPro", "queue")])
def test_what_a_batch_system_refuses(
    flavour: str,
    kind: str,
    field: str,
    make_cluster: MakeCluster,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = make_cluster(flavour, queues={"short": {}})
    text = SITE.replace("SlurmProvider\n", f"{kind}Provider\n")
    Path("site.py").write_text(text.format(provider=f"{kind}Provider({field}='shrt', launcher=SimpleLauncher())"))
    words = ["site.py"] if flavour == "slurm" else ["site.py", "--submit"]
    found = doctor(capsys, *words, status=4)
    faults = [finding for finding in found["findings"] if finding["severity"] == "fault"]
    expected = {
        "slurm": ("queue-unknown", 'partition="short"'),
        "pbspro": ("block-refused", "no such queue or partition"),
    }
    assert [(finding["check"], expected[flavour][1] in finding["fix"]) for finding in faults] == [
        (expected[flavour][0], True)
    ]
    assert cluster.jobs() == []


def test_a_machine_that_cannot_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    channel = "OpenSSHChannel('127.0.0.1', port=9, tunnel=True, interactive=False)"
    Path("site.py").write_text(
        SITE.replace(
            "from parsl_like.launchers", "from parsl_like.channels import OpenSSHChannel\nfrom parsl_like.launchers"
        ).format(provider=f"SlurmProvider(channel={channel})")
    )
    found = doctor(capsys, "site.py", status=4)
    assert [finding["check"] for finding in found["findings"]] == ["channel"]
    assert "refused" in found["findings"][0]["what"]


def test_commands_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    """They are shown whole, on a line of their own, with the port and the key that the channel uses."""
    key = f"/tmp/{'long-' * 30}key"
    provider = f"SlurmProvider(channel=OpenSSHChannel('127.0.0.1', port=9, key_filename={key!r}, interactive=False))"
    Path("site.py").write_text(
        SITE.replace(
            "from parsl_like.launchers", "from parsl_like.channels import OpenSSHChannel\nfrom parsl_like.launchers"
        ).format(provider=provider)
    )
    assert main(["doctor", "site.py"]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert "         Try: See whether this works in a terminal:" in lines
    assert f"             ssh -i {key} -o IdentitiesOnly=yes -p 9 127.0.0.1" in lines


@pytest.mark.parametrize("tunnel", [True, False])
def test_a_script_is_looked_at_without_a_tunnel(tunnel: bool) -> None:
    """Nothing listens yet to which one could lead."""
    channel = OpenSSHChannel("login.example.org", tunnel=tunnel)
    executor = HighThroughputExecutor("ht", SlurmProvider("short", channel=channel))
    looked_at = _without_tunnel(executor)
    assert not looked_at.provider.channel.tunnel
    assert looked_at.provider.partition == "short"
    assert channel.tunnel is tunnel
