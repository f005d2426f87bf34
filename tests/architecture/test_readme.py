"""The first program of the README runs as it is printed there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def program() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]


def run(folder: Path, source: str) -> str:
    (folder / "first.py").write_text(source, encoding="utf-8")
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "first.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.integration
@pytest.mark.parametrize("executor", ["ThreadPoolExecutor(max_threads=4)", "HighThroughputExecutor()"])
def test_the_first_program(tmp_path: Path, executor: str) -> None:
    source = program()
    threads = "ThreadPoolExecutor(max_threads=4)"
    assert threads in source
    source = source.replace(threads, executor).replace(
        "import Config, ThreadPoolExecutor", f"import Config, {executor.partition('(')[0]}"
    )
    words = sum(len((ROOT / name).read_text(encoding="utf-8").split()) for name in ("README.md", "LICENSE"))
    assert f"{words} words; gzip ended with 0" in run(tmp_path, source)
    assert (tmp_path / "LICENSE.gz").read_bytes().startswith(b"\x1f\x8b")
