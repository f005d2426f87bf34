"""On a machine that lacks something, make says what, and which package brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="needs make and a POSIX shell")

# Answers as an interpreter does: to --version, and to -c by looking at the program it is given.
OLD = """#!/bin/sh
case "$1 $2" in
    --version*) echo "Python 3.9.18" ;;
    *) exit 1 ;;
esac
"""
WITHOUT_VENV = """#!/bin/sh
case "$1 $2" in
    --version*) echo "Python 3.12.3" ;;
    *"import venv"*) echo "No module named 'ensurepip'" >&2; exit 1 ;;
    *"print("*) echo 3.12 ;;
esac
"""
# As the real one, but pip ends as it does where no wheel fits and there is no compiler.
WITHOUT_COMPILER = f"""#!/bin/sh
case "$1 $2" in
    "-m venv")
        mkdir -p "$4/bin"
        printf '#!/bin/sh\\n[ "$3" != install ] || {{ echo "gcc: not found" >&2; exit 1; }}\\n' > "$4/bin/python"
        chmod +x "$4/bin/python" ;;
    *) exec {sys.executable} "$@" ;;
esac
"""


def make(tmp_path: Path, script: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make demo` where python3 is ``script``, and no newer Python is on PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("make", "sh", "mkdir", "chmod", "touch", "sed"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    if script is not None:
        (path / "python3").write_text(script, encoding="utf-8")
        (path / "python3").chmod(0o755)
    command = [str(path / "make"), "-C", str(ROOT), f"VENV={tmp_path / 'venv'}", "demo", *arguments]
    environment = {"PATH": str(path), "HOME": str(tmp_path)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=100)


def test_no_python(tmp_path: Path) -> None:
    done = make(tmp_path, None)
    assert done.returncode != 0
    assert "there is no 'python3' on PATH; Python 3.11 or later is needed" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_an_old_python(tmp_path: Path) -> None:
    done = make(tmp_path, OLD)
    assert done.returncode != 0
    assert "'python3' is Python 3.9.18; Python 3.11 or later is needed" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_an_old_python_beside_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "old").write_text(OLD, encoding="utf-8")
    (tmp_path / "elsewhere" / "old").chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.12").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "bin" / "python3.12").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHON": f"{tmp_path}/elsewhere/old",
    }
    done = subprocess.run(
        ["/bin/sh", str(ROOT / ".ci" / "venv"), str(tmp_path / "venv")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=100,
    )
    assert done.returncode != 0
    assert "There is one on PATH; say so with: make PYTHON=python3.1" in done.stderr


def test_no_venv_module(tmp_path: Path) -> None:
    done = make(tmp_path, WITHOUT_VENV)
    assert done.returncode != 0
    assert "its venv or ensurepip module is missing" in done.stderr
    assert "apt-get install python3-venv (or python3.12-venv)" in done.stderr


def test_something_else_in_the_place_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "thesis.txt").touch()
    done = make(tmp_path, WITHOUT_COMPILER)
    assert done.returncode != 0
    assert "is there and is not a virtual environment" in done.stderr
    assert (tmp_path / "venv" / "thesis.txt").exists()


def test_packages_that_do_not_install(tmp_path: Path) -> None:
    done = make(tmp_path, WITHOUT_COMPILER)
    assert done.returncode != 0
    assert "gcc: not found" in done.stderr
    assert "apt-get install build-essential python3-dev" in done.stderr
    assert not (tmp_path / "venv" / ".installed-run").exists()


def test_check_is_what_the_parts_are(tmp_path: Path) -> None:
    stamps = [f"{tmp_path}/.installed-run", f"{tmp_path}/.installed-dev"]
    dry = subprocess.run(
        [
            "make",
            "-C",
            str(ROOT),
            "-n",
            f"VENV={tmp_path}",
            *(part for stamp in stamps for part in ("-o", stamp)),
            "check",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    ).stdout
    order = ["ruff format --check", "ruff check", "mypy", "lint_imports", "-m sphinx", "coverage run", "fail-under=100"]
    assert sorted(order, key=dry.index) == order


@pytest.mark.parametrize(("status", "verdict"), [(0, "passed"), (2, "failed with status 2")])
def test_ci_ends_with_the_closing_line_of_the_tests(tmp_path: Path, status: int, verdict: str) -> None:
    closing = "=== 3 passed, 1 skipped in 4.20s ==="
    (tmp_path / "make").write_text(f"#!/bin/sh\necho '{closing}'; echo more; exit {status}\n", encoding="utf-8")
    (tmp_path / "make").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHON": sys.executable}
    done = subprocess.run(
        [str(ROOT / ".ci" / "run")], capture_output=True, text=True, check=False, env=environment, timeout=100
    )
    assert done.returncode == status
    parts = 1 if status else 3
    assert done.stdout.splitlines()[-parts - 1 :] == [closing] * parts + [f".ci/run: {verdict}"]


@pytest.mark.parametrize("part", ["faults", "site"])
def test_ci_counts_every_part(tmp_path: Path, part: str) -> None:
    (tmp_path / "make").write_text(f'#!/bin/sh\necho "$1"; [ "$1" != {part} ]\n', encoding="utf-8")
    (tmp_path / "make").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHON": sys.executable}
    done = subprocess.run(
        [str(ROOT / ".ci" / "run")], capture_output=True, text=True, check=False, env=environment, timeout=100
    )
    assert done.returncode == 1
    said = done.stdout.splitlines()
    assert [word in said for word in ("check", "faults", "site")] == [True] * 3
    assert said[-2:] == ["no tests ran", ".ci/run: failed with status 1"]


def environment_at(place: Path, interpreter: str) -> Path:
    """Something that looks like an environment made earlier, newer than all it depends on."""
    (place / "bin").mkdir(parents=True)
    (place / "pyvenv.cfg").touch()
    (place / "bin" / "python").write_text(interpreter, encoding="utf-8")
    (place / "bin" / "python").chmod(0o755)
    for stamp in (".installed-run", ".installed-dev"):
        (place / stamp).touch()
    return place


def dry_run(*arguments: str) -> str:
    command = ["make", "-C", str(ROOT), "-n", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout


def test_the_environment_is_made_again_when_its_interpreter_is_gone(tmp_path: Path) -> None:
    works = environment_at(tmp_path / "works", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    broken = environment_at(tmp_path / "broken", "#!/no/such/interpreter\n")
    assert ".ci/venv" not in dry_run(f"VENV={works}", "demo", "test")
    assert ".ci/venv" in dry_run(f"VENV={broken}", "demo")


@pytest.mark.parametrize("changed", ["setup.py", "requirements-dev.txt"])
def test_the_environment_is_brought_up_to_date_when_its_sources_change(tmp_path: Path, changed: str) -> None:
    works = environment_at(tmp_path / "works", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    assert f".ci/venv '{works}' -r requirements-dev.txt" in dry_run(f"VENV={works}", "-W", changed, "test")


def test_an_environment_that_works_is_not_wiped(tmp_path: Path) -> None:
    interpreter = f'#!/bin/sh\n[ "$3" != install ] || exit 0\nexec {sys.executable} "$@"\n'
    works = environment_at(tmp_path / "works", interpreter)
    (works / "mine").touch()
    command = ["/bin/sh", str(ROOT / ".ci" / "venv"), str(works), "-e", "."]
    subprocess.run(command, check=True, env={**os.environ, "PYTHON": sys.executable}, timeout=100)
    assert (works / "mine").exists()
