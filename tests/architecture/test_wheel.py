"""What is built from the checkout holds all of it that runs, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "parsl_like"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the wheel, by their names in it."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path_factory.mktemp("wheel") / "source"
    copy.mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("parsl_like", "examples", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", build], cwd=copy, env=environment, check=True, capture_output=True, timeout=100
    )
    (built,) = copy.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_it_holds_every_module_and_the_demo_and_nothing_else(wheel: dict[str, bytes]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py")}
    held = {name for name in wheel if ".dist-info/" not in name}
    assert held == modules | {"parsl_like/py.typed", "parsl_like/examples/source_census.py"}


def test_it_names_the_command_and_the_licence(wheel: dict[str, bytes]) -> None:
    about = {name.partition("/")[2]: content for name, content in wheel.items() if ".dist-info/" in name}
    assert "parsl-like = parsl_like.cli:main" in about["entry_points.txt"].decode()
    assert about["licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    metadata = about["METADATA"].decode().splitlines()
    assert {"Requires-Python: >=3.11", "License: Apache-2.0"} <= set(metadata)
    extras = {line.split()[1] for line in metadata if line.startswith("Provides-Extra:")}
    clouds = {"aws", "kubernetes", "google", "azure"}
    assert extras == clouds | {"ssh", "globus", "dashboard", "joblib", "yaml", "fsspec", "docs", "test", "all"}
