"""The check that every test leaves nothing behind is itself seen to fail, once for each kind of thing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parent.parent / "conftest.py"

LEAKS = {
    "thread": "threading.Thread(target=threading.Event().wait, args=(60,), name='left', daemon=True).start()",
    "child": "globals().update(kept=subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']))",
    "zombie": "globals().update(kept=subprocess.Popen([sys.executable, '-c', 'pass']))",
    "orphan": "subprocess.run(['/bin/sh', '-c', 'sleep 60 > /dev/null 2>&1 &'], check=True)",
    "socket": "globals().update(kept=socket.socket())",
    "pipe": "os.pipe()",
    "file": "tempfile.mkstemp(prefix='left-')",
}
SETTLES = {
    "late_thread": "threading.Timer(0.05, print).start()",
    "late_orphan": "subprocess.run(['/bin/sh', '-c', 'sleep 0.05 > /dev/null 2>&1 &'], check=True)",
    "late_close": "threading.Timer(0.05, socket.socket().close).start()",
}
EXPECTED = {
    "thread": r"thread 'left' runs",
    "child": r"process \d+ runs",
    "zombie": r"process \d+ runs or was never waited for",
    "orphan": r"process \d+ runs.*sleep 60",
    "socket": r"descriptor \d+ is open: socket:",
    "pipe": r"descriptor \d+ is open: pipe:",
    "file": r"file 'left-\w+' is left in TMPDIR",
}


def run(folder: Path, tests: list[str], patience: float) -> str:
    """What pytest says about these tests under the conftest of this suite."""
    if not Path("/proc/self/environ").is_file():
        pytest.skip("processes and descriptors are looked up in /proc")
    conftest = CONFTEST.read_text(encoding="utf-8")
    assert "PATIENCE_S = 10.0" in conftest
    conftest = conftest.replace("PATIENCE_S = 10.0", f"PATIENCE_S = {patience}")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    modules = "import os, socket, subprocess, sys, tempfile, threading"
    (folder / "test_leaks.py").write_text("\n".join([modules, *tests]), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=100).stdout


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> str:
    tests = [f"def test_leak_{name}(): {body}" for name, body in LEAKS.items()]
    return run(tmp_path_factory.mktemp("leaking"), [*tests, "def test_clean(): pass"], patience=0.1)


@pytest.fixture(scope="module")
def settling(tmp_path_factory: pytest.TempPathFactory) -> str:
    tests = [f"def test_settles_{name}():\n {body}" for name, body in SETTLES.items()]
    return run(tmp_path_factory.mktemp("settling"), tests, patience=10.0)


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_fails_its_test_and_no_other(name: str, leaking: str) -> None:
    blocks = re.split(r"_+ ERROR at teardown of (test_\w+) _+", leaking)
    said = dict(zip(blocks[1::2], blocks[2::2], strict=True))
    assert set(said) == {f"test_leak_{leak}" for leak in LEAKS}, leaking
    assert re.search(EXPECTED[name], said[f"test_leak_{name}"]), said[f"test_leak_{name}"]


def test_a_clean_test_passes_among_them(leaking: str) -> None:
    assert "test_clean PASSED" in leaking


@pytest.mark.parametrize("name", SETTLES)
def test_what_ends_by_itself_is_waited_for(name: str, settling: str) -> None:
    assert f"test_settles_{name} PASSED" in settling, settling
    assert "ERROR" not in settling, settling
