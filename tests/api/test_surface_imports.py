"""No public name needs a package that is optional, or a module that Windows lacks, and none loads a heavy one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig

from tests.api.surface import DATA, ENTRIES, ERRORS, PACKAGE, ROOT

OPTIONAL = (
    *("azure", "boto3", "botocore", "dill", "flask", "flux", "globus_compute_sdk", "globus_sdk", "google"),
    *("googleapiclient", "ipyparallel", "joblib", "kubernetes", "mpi4py", "ndcctools", "paramiko", "proxystore"),
    *("radical", "requests", "sqlalchemy", "starlette", "typeguard", "uvicorn", "work_queue"),
)
NOT_ON_WINDOWS = ("fcntl", "grp", "pwd", "resource", "termios")
HEAVY = ("asyncio", "multiprocessing", "psutil", "rich", "sqlite3", "zmq")

PATHS = sorted({entry.path for entry in [*ENTRIES, *ERRORS]})
MODULES = sorted({*(module["path"] for module in DATA["module"]), *(package["module"] for package in DATA["package"])})

PROGRAM = """
import importlib, json, sys
sys.path[:0], blocked, heavy, package, paths, modules = json.loads(sys.argv[1])
for name in blocked:
    sys.modules[name] = None
for path in paths:
    module, _, name = path.rpartition(".")
    exec(f"from {package}.{module} import {name}" if module else f"from {package} import {name}")
for module in modules:
    importlib.import_module(f"{package}.{module}".rstrip("."))
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def loaded(blocked: tuple[str, ...] = (), heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """The heavy modules that a fresh interpreter has loaded after importing every name, without those blocked."""
    places = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    facts = json.dumps([places, blocked, heavy, PACKAGE, PATHS, MODULES])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, facts],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_every_name_is_there_without_optional_packages() -> None:
    loaded(OPTIONAL)


def test_every_name_is_there_without_what_windows_lacks() -> None:
    loaded(NOT_ON_WINDOWS)


def test_all_names_together_load_nothing_heavy() -> None:
    assert loaded() == []


def test_a_heavy_module_would_be_seen() -> None:
    assert loaded(heavy=("sqlite3", "parsl_like.config")) == ["parsl_like.config"]
