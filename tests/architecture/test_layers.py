"""The contracts of .importlinter hold, cover every module they are meant to cover, and are seen to break."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HTEX = "executors.high_throughput"

# What each contract has to name: import-linter cannot, as long as the module does not exist.
PURE = (
    *("core", "jobs.policy", "jobs.ledger", f"{HTEX}.protocol", f"{HTEX}.backlog"),
    *(f"{HTEX}.exchange.{name}" for name in ("placement", "placement_events", "openings", "roster")),
    *(f"{HTEX}.exchange.{name}" for name in ("parcels", "function_cache", "idleness")),
    *(f"{HTEX}.node.{name}" for name in ("dispatch", "dispatch_events", "pace")),
    *("providers.dialect", "providers.parsers", "journal.frames"),
)
MIDDLE = ("app", "jobs", "config", "core", "dataflow", "lazy", "plugins", "remote")
LIGHT = (f"{HTEX}.manager", f"{HTEX}.node", "remote")
SUBMIT_SIDE = (
    *("app", "config", "dataflow", "plugins", f"{HTEX}.session", "providers", "launchers", "channels", "jobs"),
    *("monitoring", "data_provider", "memo"),
)
PROVIDERS = tuple(
    f"providers.{name}"
    for name in (
        *("slurm", "pbspro", "torque", "cobalt", "lsf", "condor", "grid_engine"),
        *("local", "ad_hoc", "aws", "azure", "googlecloud", "kubernetes"),
    )
)
NOT_YET = {"lazy"}


def contracts() -> dict[str, dict[str, list[str]]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    prefix = "importlinter:contract:"
    return {
        section.removeprefix(prefix): {key: value.split() for key, value in parser[section].items()}
        for section in parser.sections()
        if section.startswith(prefix)
    }


def existing(names: tuple[str, ...]) -> set[str]:
    """Those that import-linter sees: modules, and packages that have their ``__init__.py`` all the way up."""
    found = set()
    for name in names:
        path = ROOT.joinpath("parsl_like", *name.split("."))
        folders = [folder for folder in path.parents if folder.is_relative_to(ROOT / "parsl_like")]
        if (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()) and all(
            (folder / "__init__.py").is_file() for folder in folders
        ):
            found.add(f"parsl_like.{name}")
    return found


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {script}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, timeout=60)


def test_every_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("contract", "key", "names"),
    [
        ("pure-core", "source_modules", PURE),
        ("sdk-at-the-edge", "source_modules", MIDDLE),
        ("worker-is-light", "source_modules", LIGHT),
        ("worker-is-light", "forbidden_modules", SUBMIT_SIDE),
        ("htex-inside", "containers", (HTEX,)),
        ("dataflow-inside", "containers", ("dataflow",)),
        ("providers-independent", "modules", PROVIDERS),
    ],
)
def test_contract_covers_every_module_it_is_meant_for(contract: str, key: str, names: tuple[str, ...]) -> None:
    said = set(contracts().get(contract, {}).get(key, ()))
    missing = existing(names) - said
    assert not missing, f"add to [importlinter:contract:{contract}] {key}: {sorted(missing)}"


def test_what_the_contracts_are_meant_for_is_where_they_look() -> None:
    """A module that moved would otherwise leave its contract without a word."""
    named = {*PURE, *MIDDLE, *LIGHT, *SUBMIT_SIDE, *PROVIDERS}
    there = {name.removeprefix("parsl_like.") for name in existing(tuple(named))}
    assert named - there == NOT_YET


def test_the_root_layers_are_exhaustive() -> None:
    assert contracts()["layers"]["exhaustive"] == ["True"]
    assert contracts()["acyclic"]["ancestors"] == ["parsl_like.**"]


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/ids.py", "import threading", "The core does no I/O"),
        ("core/ids.py", "from parsl_like import config", "Layers, top to bottom"),
        ("errors.py", "import parsl_like.core.ids", "Layers, top to bottom"),
        ("undeclared/__init__.py", "", "Layers, top to bottom"),
        ("core/states.py", "import parsl_like.core.cycle", "No cycles among the modules"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copytree(ROOT / "parsl_like", tmp_path / "parsl_like", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    target = tmp_path / "parsl_like" / module
    target.parent.mkdir(exist_ok=True)
    with target.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    (tmp_path / "parsl_like" / "config.py").touch()
    if "cycle" in line:
        (target.parent / "cycle.py").write_text("import parsl_like.core.states\n", encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract}" in done.stdout.partition("Broken contracts")[2], done.stdout
