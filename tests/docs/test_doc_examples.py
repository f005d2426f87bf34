"""What the guide shows has been run: programs print what is shown beside them, and so do commands.

Examples on threads are doctest blocks, which ``make docs`` runs; here it is only seen to that each page has one.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
EXAMPLES = ROOT / "docs" / "examples"
PLUGIN = EXAMPLES / "plugin"

PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py"))
SHOWN = re.compile(r"```\{literalinclude\} (\S+)")
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
RUN_HERE = re.compile(r"```\{(?:testcode|doctest)\}|\{literalinclude\} \.\./examples/|\{include\} \.\./\.\./README")
MARKS_UNDER_CODE = re.compile(r"[\s~^]*[~^][\s~^]*")
"""A traceback's line that points at a part of the line above; interpreters draw it differently."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def pages() -> list[Path]:
    return sorted(GUIDE.glob("*.md"))


def comparable(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if not MARKS_UNDER_CODE.fullmatch(line)]
    return "\n".join(lines).rstrip() + "\n"


def assert_prints(shown: str, printed: str) -> None:
    """``...`` in what is shown stands for anything."""
    want, got = comparable(shown), comparable(printed)
    if not doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS):
        pytest.fail(f"shown:\n{want}\nprinted:\n{got}", pytrace=False)


def run(*command: str | Path, cwd: Path, path: str = str(ROOT)) -> str:
    """What a command prints on its standard output; it must end with 0."""
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


# --- programs


@pytest.mark.integration
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_is_shown(name: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / f"{name}.py", tmp_path)
    printed = run(sys.executable, f"{name}.py", cwd=tmp_path)
    assert_prints((EXAMPLES / f"{name}.out").read_text(encoding="utf-8"), printed)


@pytest.mark.integration
def test_the_plugin_of_the_guide_can_be_installed_used_and_keeps_its_contract(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="61")
    site, source = tmp_path / "site", shutil.copytree(PLUGIN, tmp_path / "plugin")
    quietly = ["--quiet", "--no-index", "--no-cache-dir", "--disable-pip-version-check"]
    install = ["-m", "pip", "install", *quietly, "--no-deps", "--no-build-isolation", "--target", str(site)]
    run(sys.executable, *install, source, cwd=tmp_path)
    for name in ("warm_executor.py", "build", "warm_executor.egg-info"):  # from here on only the installed one counts
        target = source / name
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    path = os.pathsep.join([str(site), str(ROOT)])

    printed = run(sys.executable, "program.py", cwd=source, path=path)
    assert_prints((PLUGIN / "program.out").read_text(encoding="utf-8"), printed)
    assert re.search(
        r"^warm +warm-executor 1\.0 +warm_executor\n +executor_types, open_executor$",
        run(sys.executable, "-m", "parsl_like", "plugins", cwd=source, path=path),
        re.MULTILINE,
    )
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", f"--basetemp={tmp_path / 'inner'}"]
    assert " passed" in run(sys.executable, "-m", "pytest", *options, "test_warm_executor.py", cwd=source, path=path)


# --- commands


def commands() -> list[tuple[str, str]]:
    """Commands of the package that a page shows, with the output shown, if any is."""
    found = []
    for page in pages():
        for block in CONSOLE.findall(text_of(page)):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if command.startswith("parsl-like ") and output:
                    found.append((command, output))
    return found


@pytest.mark.integration
@pytest.mark.parametrize(("command", "shown"), commands(), ids=lambda value: value.partition("\n")[0][:40])
def test_a_command_prints_what_is_shown(command: str, shown: str, tmp_path: Path) -> None:
    words = shlex.split(command)[1:]
    assert_prints(shown, run(sys.executable, "-m", "parsl_like", *words, cwd=tmp_path))


# --- completeness


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_page_has_an_example_that_is_run(page: Path) -> None:
    text = text_of(page)
    assert RUN_HERE.search(text) or any(command in text for command, _ in commands())


def test_every_program_is_shown_with_its_output() -> None:
    shown = {Path(name).name for page in pages() for name in SHOWN.findall(text_of(page))}
    files = {path.name for path in [*EXAMPLES.iterdir(), *PLUGIN.iterdir()] if path.suffix in (".py", ".out", ".toml")}
    assert shown == files - {"ruff.toml"}
    assert {path.stem for path in EXAMPLES.glob("*.out")} == set(PROGRAMS)


def test_the_commands_shown_are_found() -> None:
    assert {"parsl-like --help", "parsl-like plugins", "parsl-like version"} <= {command for command, _ in commands()}


def test_every_error_of_the_table_is_where_the_page_says() -> None:
    import builtins
    from concurrent import futures

    from parsl_like import errors
    from parsl_like.dataflow import errors as dataflow_errors
    from parsl_like.memo import errors as memo_errors

    rows = re.findall(r"^\| `(\w+)`(?: (?:in|of) `([\w.]+)`)? \|", text_of(GUIDE / "failures.md"), re.MULTILINE)
    homes = {
        "": errors,
        "concurrent.futures": futures,
        "parsl_like.dataflow.errors": dataflow_errors,
        "parsl_like.memo.errors": memo_errors,
    }
    named = [(name, home) for name, home in rows if name.endswith(("Error", "Lost", "Exit", "Exception")) or home]
    assert len(named) > 10
    missing = [name for name, home in rows if not hasattr(homes[home], name) and not hasattr(builtins, name)]
    assert missing == []


# --- that a difference would be seen


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("one\ntwo\n", "one\ntwo  \n"),
        ("host ...\n", "host a.b\n"),
        ("a\n  ~^~\nb\n", "a\nb\n"),
        ("a\n...\nd\n", "a\nb\nc\nd\n"),
    ],
)
def test_what_counts_as_the_same(shown: str, printed: str) -> None:
    assert_prints(shown, printed)


@pytest.mark.parametrize(("shown", "printed"), [("one\n", "two\n"), ("one\n", "one\ntwo\n"), ("a ... c\n", "a b d\n")])
def test_what_does_not(shown: str, printed: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="shown:"):
        assert_prints(shown, printed)
