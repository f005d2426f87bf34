"""The cheap benchmarks run to their end and write what they found; how fast it was is nobody's business here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"
CHEAP = ("throughput", "round_trip", "hops", "chain", "fan_in", "idle", "blocks", "checkpoint")
OURS = "htex,threads,process pool,thread pool,floor"

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(300)]


def run(results: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS), "--quick", "--results", str(results), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=280)


def test_the_cheap_ones(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    done = run(results, "--engines", OURS, *CHEAP)
    assert done.returncode == 0, done.stderr
    text = results.read_text(encoding="utf-8")
    assert "failed" not in text, text
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [
        "Throughput",
        "Round trip",
        "Hops",
        "Chain",
        "Fan-in",
        "Idle",
        "Blocks",
        "Checkpoint",
    ]
    rows = re.findall(r"^\| (.*?) \| ([\d.,]*) \|", text, re.MULTILINE)
    assert len(rows) > 30
    assert all(value for _, value in rows), "some figure of ours is missing"


@pytest.mark.skipif(
    shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None, reason="sshd is not installed"
)
def test_the_tunnel(tmp_path: Path) -> None:
    """By both kinds of SSH channel and without one: transfers, messages, a connection that is reset."""
    pytest.importorskip("paramiko")
    results = tmp_path / "RESULTS.md"
    done = run(results, "tunnel")
    assert done.returncode == 0, done.stderr
    text = results.read_text(encoding="utf-8")
    assert "failed" not in text, text
    figures = dict(re.findall(r"^\| (.*?): .*? \| ([\d.,]+) \|", text, re.MULTILINE))
    assert set(figures) == {"without", "SSHChannel", "OpenSSHChannel"}
    assert len(re.findall(r"^\| .*?: .*? \| [\d.,]+ \|", text, re.MULTILINE)) == 11


def test_a_section_is_replaced(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    for _ in range(2):
        assert run(results, "--engines", "floor", "chain").returncode == 0
    assert results.read_text(encoding="utf-8").count("## Chain") == 1


def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    done = run(tmp_path / "RESULTS.md", "chains")
    assert done.returncode == 2
    assert "there is no benchmark chains" in done.stderr
