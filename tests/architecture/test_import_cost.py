"""Importing loads no heavy module, and nothing that a Windows machine lacks: seen in fresh interpreters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

SDKS = ("boto3", "botocore", "paramiko", "kubernetes", "globus_sdk", "azure", "googleapiclient")
HEAVY = (*SDKS, "zmq", "psutil", "rich", "asyncio", "multiprocessing", "sqlite3", "importlib.metadata")
UNUSED_BY_A_NAME = (*HEAVY, "cloudpickle", "msgspec", "pluggy", "click", "concurrent.futures", "subprocess", "logging")
NOT_ON_WINDOWS = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "_posixshmem")


def fresh(code: str) -> str:
    """What ``code`` prints in an interpreter that loaded nothing on our behalf: no site, no .pth file, no coverage."""
    path = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def loaded(code: str, modules: tuple[str, ...]) -> list[str]:
    """Those of ``modules`` that running ``code`` loads."""
    report = f"import json; print(json.dumps([name for name in {modules!r} if name in sys.modules]))"
    found: list[str] = json.loads(fresh(f"{code}\n{report}").splitlines()[-1])
    return found


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert loaded("import parsl_like", UNUSED_BY_A_NAME) == []


def test_a_heavy_module_would_be_seen() -> None:
    assert loaded("import parsl_like, sqlite3", UNUSED_BY_A_NAME) == ["sqlite3"]


@pytest.mark.parametrize(
    "module",
    [
        *("parsl_like.config", "parsl_like.app.app", "parsl_like.dataflow.loader", "parsl_like.dataflow.dflow"),
        *("parsl_like.executors", "parsl_like.providers", "parsl_like.data_provider.files", "parsl_like.monitoring"),
        *("parsl_like.plugins.hookspecs", "parsl_like.core.machine", "parsl_like.jobs.policy", "parsl_like.cli"),
    ],
)
def test_importing_a_module_users_name_loads_no_heavy_one(module: str) -> None:
    assert loaded(f"import {module}", HEAVY) == []


def test_naming_a_config_loads_no_heavy_module() -> None:
    code = (
        "from parsl_like import Config, HighThroughputExecutor, ThreadPoolExecutor\n"
        "Config(executors=[HighThroughputExecutor(), ThreadPoolExecutor()])"
    )
    assert loaded(code, HEAVY) == []


def test_help_loads_no_heavy_module() -> None:
    code = (
        "from parsl_like.cli import main\n"
        "sys.argv = ['parsl-like', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    assert loaded(code, HEAVY) == []


# --- what Windows lacks

BLOCKED = f"""
import importlib, os, select, subprocess, tempfile, shutil, threading, concurrent.futures, logging
for name in {NOT_ON_WINDOWS!r}:
    sys.modules[name] = None
for name in ("epoll", "poll", "kqueue", "devpoll"):
    if hasattr(select, name):
        delattr(select, name)
for name in ("fork", "forkpty", "register_at_fork", "getuid", "geteuid", "setsid", "killpg", "pidfd_open", "getpgid",
             "sched_getaffinity", "uname", "eventfd"):
    if hasattr(os, name):
        delattr(os, name)
"""


def test_the_package_imports_without_posix_modules() -> None:
    assert fresh(f"{BLOCKED}\nimport parsl_like\nprint(parsl_like.__version__)").strip()


def test_the_threads_executor_works_without_posix_modules(tmp_path: Path) -> None:
    program = f"""{BLOCKED}
import parsl_like
from parsl_like import Config, ThreadPoolExecutor, python_app

@python_app
def double(n):
    return 2 * n

with parsl_like.load(Config(executors=[ThreadPoolExecutor()], run_dir={str(tmp_path)!r})):
    print("result", double(double(10)).result(timeout=60))
"""
    assert "result 40" in fresh(program)
