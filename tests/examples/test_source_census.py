"""The census: right on sources written here, and the same bytes from every executor and the plain loop."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter, defaultdict
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from examples import source_census
from parsl_like.dataflow.errors import DependencyError
from parsl_like.memo.history import facts_in

REPOSITORY = Path(source_census.__file__).parents[1]

KNOWN = '''\
"""A module written to be counted."""

import os.path
from alpha import first

# A comment is no code.


class Shape:
    def area(self, sides):
        total = 0
        for side in sides:
            if side < 0 and side != -1:
                raise ValueError(side)
            elif side == 0:
                continue
            elif side == 1:
                total += 1
            else:
                while total < side:
                    total += 1
        return total


async def wait(value):
    try:
        return 1 if value else 2
    except ValueError:

        def inner():
            return first, os.path

        return inner
'''

AWKWARD = """it's "a" $(touch pwned) `folder`"""

FILES: dict[str, bytes] = {
    "known.py": KNOWN.encode(),
    "alpha/__init__.py": b"from . import parts\nimport beta.deep, json\n",
    "alpha/parts.py": b"from ..known import Shape\nfrom beta import deep\n",
    "beta/deep/__init__.py": b"import alpha.parts\n",
    "empty/__init__.py": b"",
    "broken/bad syntax.py": b"def f(:\n    pass\n",
    "broken/latin.py": b'name = "caf\xe9"\n',
    "broken/null.py": b"x = 1\x00\n",
    "broken/cookie.py": b"# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n",
    f"{AWKWARD}/we ird;na&me\\n.py": b"if True:\n    import known\n",
    "-dash/-n.py": b"x = [1]\n",
    "d\u00e9j\u00e0/vu \u4e2d.py": "def \u00e9t\u00e9():\n    return 1\n".encode(),
    "caf\udce9 #1?\n/\udcff\n.py": b"x = 1\n",  # names that are not UTF-8
    "simple/plain.py": b"def f():\n    return 1\n",
    "site-packages/other.py": b"import known\n",
    ".hidden/other.py": b"import known\n",
    "notes.txt": b"no Python\n",
}
SEEN = sorted(name for name in FILES if name.endswith(".py") and "other" not in name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sources with most of what can be awkward about them."""
    root = tmp_path / "the 'sources' of $(touch pwned)"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def run(folder: Path, out: Path, *options: str) -> dict[str, Any]:
    assert source_census.main([str(folder), "--out", str(out), *options]) == 0
    result: dict[str, Any] = json.loads((out / "census.json").read_text())
    return result


@pytest.fixture
def plain(folder: Path, tmp_path: Path) -> dict[str, Any]:
    """What the plain loop finds in the folder."""
    return run(folder, tmp_path / "it's plain", "--plain")


def row_of(census: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [row for row in census["files"] if row["name"] == name]
    return row


def test_every_source_has_one_row_in_order_and_nothing_else_has(plain: dict[str, Any]) -> None:
    assert [row["name"] for row in plain["files"]] == SEEN


def test_counts_of_a_known_file(plain: dict[str, Any]) -> None:
    assert row_of(plain, "known.py") == {
        "name": "known.py",
        "package": "(modules)",
        "bytes": len(KNOWN),
        "lines": 33,
        "code_lines": 24,
        "functions": 3,
        "classes": 1,
        "branches": 7,  # for, if, elif, elif, while, the conditional expression, except
        "longest": 13,
        "longest_name": "area",
        "imports": ["alpha", "os.path"],
        "reason": "",
    }


def test_complexity_and_depth_of_a_known_file(folder: Path) -> None:
    assert source_census.measure.func(str(folder), "known.py") == [
        {"file": "known.py", "name": "area", "line": 10, "complexity": 7, "depth": 3},
        {"file": "known.py", "name": "wait", "line": 25, "complexity": 3, "depth": 1},
        {"file": "known.py", "name": "inner", "line": 30, "complexity": 1, "depth": 0},
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken/bad syntax.py", "SyntaxError: invalid syntax (bad syntax.py, line 1)"),
        ("broken/latin.py", "can't decode byte 0xe9"),
        ("broken/null.py", "null bytes"),
    ],
)
def test_a_file_that_does_not_parse_is_a_row_with_the_reason(plain: dict[str, Any], name: str, reason: str) -> None:
    row = row_of(plain, name)
    assert reason in row["reason"]
    assert (row["bytes"], row["functions"], row["imports"]) == (len(FILES[name]), 0, [])


@pytest.mark.parametrize("name", ["broken/cookie.py", "empty/__init__.py", f"{AWKWARD}/we ird;na&me\\n.py"])
def test_an_odd_file_that_does_parse_has_no_reason(plain: dict[str, Any], name: str) -> None:
    assert row_of(plain, name)["reason"] == ""


def test_a_file_nested_too_deeply_is_a_row_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text("-" * 100_000 + "1\n")
    assert source_census.census_file.func(str(tmp_path), "deep.py", "(modules)")["reason"]


def test_outdated_escapes_are_counted_without_complaint(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text('pattern = "\\d"\n')
    assert row_of(run(tmp_path, tmp_path / "out", "--plain"), "old.py")["reason"] == ""


def test_imports_between_packages_and_their_cycle(plain: dict[str, Any]) -> None:
    assert plain["graph"]["edges"] == [
        ["(modules)", "alpha", 1],
        ["alpha", "(modules)", 1],
        ["alpha", "beta", 2],
        ["beta", "alpha", 1],
        [AWKWARD, "(modules)", 1],
    ]
    assert plain["cycles"] == [["(modules)", "alpha", "beta"]]


def test_ranking_is_by_importers_then_size_then_name(plain: dict[str, Any]) -> None:
    ranking = plain["graph"]["ranking"]
    assert [package["package"] for package in ranking[:3]] == ["(modules)", "alpha", "beta"]
    assert [package["imported_by"] for package in ranking[:4]] == [2, 2, 1, 0]
    assert ranking[0]["functions"] == 3


def test_absolute_imports_of_a_folder_that_is_itself_a_package(tmp_path: Path) -> None:
    for name, text in {
        "__init__.py": "",
        "core/a.py": "from top.edge import b\nfrom .. import loose\nimport json",
        "edge/b.py": "import top\n",
        "json/c.py": "",
        "loose.py": "",
    }.items():
        path = tmp_path / "top" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    edges = run(tmp_path / "top", tmp_path / "out", "--plain")["graph"]["edges"]
    assert edges == [["core", "(modules)", 1], ["core", "edge", 1], ["edge", "(modules)", 1]]


def test_the_finer_pass_takes_the_packages_with_the_most_branches_per_function() -> None:
    def row(package: str, branches: int, functions: int, reason: str = "") -> dict[str, Any]:
        name = f"{package}/{branches}.py"
        return {"name": name, "package": package, "branches": branches, "functions": functions, "reason": reason}

    few = [row(f"p{number}", number, 10) for number in range(source_census.FINER_PACKAGES)]
    most = [row("none", 1, 0), row("many", 9, 3), row("many", 0, 0, reason="SyntaxError")]
    assert source_census.files_to_measure([*few, *most]) == ["p2/2.py", "p3/3.py", "p4/4.py", "none/1.py", "many/9.py"]


def test_an_archive_holds_its_package_and_its_size_is_recorded(
    plain: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    for package in {row["package"] for row in plain["files"]}:
        names = [row["name"] for row in plain["files"] if row["package"] == package]
        archive = tmp_path / "it's plain" / "packages" / f"{quote(os.fsencode(package), safe='()')}.tar.gz"
        with tarfile.open(archive) as packed:
            assert packed.getnames() == names
            assert [packed.extractfile(name).read() for name in names] == [FILES[name] for name in names]  # type: ignore[union-attr]
        before = sum(len(FILES[name]) for name in names)
        assert plain["sizes"][package] == {"before": before, "after": archive.stat().st_size}
        stem = str(archive).removesuffix(".tar.gz")
        assert Path(f"{stem}.stdout").read_text().split() == [str(before), str(archive.stat().st_size)]
        assert Path(f"{stem}.stderr").read_text() == ""
    assert not list(tmp_path.glob("**/pwned"))
    assert not Path("pwned").exists()


def test_the_table_of_files_agrees_with_the_rest(plain: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "it's plain" / "census.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    expected = [row | {"imports": len(row["imports"])} for row in plain["files"]]
    assert rows == [
        {key: str(value).encode("utf-8", "backslashreplace").decode() for key, value in row.items()} for row in expected
    ]


def everything(folder: Path, out: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[str, bytes, bytes]:
    capsys.readouterr()
    run(folder, out, *options)
    return capsys.readouterr().out, (out / "census.csv").read_bytes(), (out / "census.json").read_bytes()


def test_results_hold_no_absolute_path(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, *files = everything(folder, tmp_path / "plain", capsys, "--plain")
    for text in (table, *map(bytes.decode, files)):
        assert "known.py" in text
        assert str(tmp_path) not in text


def test_threads_equal_the_plain_loop(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = everything(folder, tmp_path / "plain", capsys, "--plain")
    assert everything(folder, tmp_path / "threads", capsys, "--executor", "threads", "--workers", "3") == expected
    assert list((tmp_path / "threads" / "runinfo").iterdir())


def test_a_configuration_of_a_file_equals_the_plain_loop(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f"run_dir = '{tmp_path}/runs'\nexecutors = [{{ type = 'ThreadPoolExecutor', max_threads = 2 }}]\n")
    expected = everything(folder, tmp_path / "plain", capsys, "--plain")
    assert everything(folder, tmp_path / "named", capsys, "--config", str(site)) == expected
    assert list((tmp_path / "runs").iterdir())


REMEMBERED = {"census_file", "measure", "pack", "packed_size", "import_graph", "import_cycles"}
"""All that a census with a checkpoint need not do again; which files to measure is decided anew."""


def ends(out: Path, run: str) -> dict[str, Counter[str]]:
    """How many calls of each app ended in which way, by the records of a run."""
    apps: dict[int, str] = {}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    with (out / "runinfo" / run / "records.jsonl").open(encoding="utf-8") as records:
        for line in records:
            with suppress(ValueError):  # the first line, and the last one of a program that was killed
                kind, _, task, fields = json.loads(line)
                if kind == "task":
                    apps[task] = fields["app"]
                elif kind == "state" and fields["state"] in ("exec_done", "memo_done"):
                    found[apps[task]][fields["state"]] += 1
    return found


def test_a_census_with_a_checkpoint_computes_only_what_is_missing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = everything(folder, tmp_path / "plain", capsys, "--plain")
    options = ["--executor", "threads", "--checkpoint"]
    out = tmp_path / "out"
    assert everything(folder, out, capsys, *options) == expected
    first = ends(out, "000")
    assert set(first) == {*REMEMBERED, "finer_pass"}
    assert all(set(found) == {"exec_done"} for found in first.values())
    assert everything(folder, out, capsys, *options) == expected
    second = ends(out, "001")
    assert {app: second[app] for app in REMEMBERED} == {
        app: Counter(memo_done=first[app]["exec_done"]) for app in REMEMBERED
    }


def test_a_census_with_a_checkpoint_sees_what_was_changed_since(folder: Path, tmp_path: Path) -> None:
    options = ["--executor", "threads", "--checkpoint"]
    out = tmp_path / "out"
    run(folder, out, *options)
    (folder / "known.py").write_text("changed = True\n")
    assert run(folder, out, *options) == run(folder, tmp_path / "plain", "--plain")
    again = ends(out, "001")
    assert again["census_file"] == Counter(exec_done=1, memo_done=len(SEEN) - 1)
    assert again["pack"]["exec_done"] == again["packed_size"]["exec_done"] == 1
    archive = next((out / "packages").glob("beta*.tar.gz"))
    archive.unlink()
    run(folder, out, *options)
    assert ends(out, "002")["pack"]["exec_done"] == 1
    assert archive.exists()


@pytest.mark.integration
@pytest.mark.parametrize("executor", ["threads", "htex"])
def test_a_census_that_was_killed_in_its_middle_is_gone_on_with(tmp_path: Path, executor: str) -> None:
    root, out = sources_of_several_packages(tmp_path / "sources"), tmp_path / "out"
    expected = run(root, tmp_path / "plain", "--plain")
    half = len(expected["files"]) // 2
    demo = ["demo", str(root), "--out", str(out), "--executor", executor, "--workers", "1", "--checkpoint"]
    kept = killed_when_there_are(half, [sys.executable, "-m", "parsl_like", *demo], out)
    before = ends(out, "000")
    resume = [sys.executable, "-m", "parsl_like", "resume", "--run-dir", str(out / "runinfo")]
    done = subprocess.run(resume, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = ends(out, "001")
    for app in REMEMBERED:
        assert after[app]["memo_done"] == kept[app] >= before[app]["exec_done"]
    assert sum(kept.values()) >= half
    assert after["census_file"] == Counter(
        memo_done=kept["census_file"], exec_done=len(expected["files"]) - kept["census_file"]
    )
    assert after["import_graph"] == after["import_cycles"] == Counter(exec_done=1)
    assert (out / "census.json").read_bytes() == (tmp_path / "plain" / "census.json").read_bytes()


def sources_of_several_packages(root: Path) -> Path:
    """Some two hundred files of the standard library."""
    for name in ("asyncio", "concurrent", "email", "encodings", "importlib", "json", "xml"):
        shutil.copytree(Path(json.__file__).parents[1] / name, root / name, ignore=shutil.ignore_patterns("*.pyc"))
    return root


def killed_when_there_are(count: int, command: list[str], out: Path) -> Counter[str]:
    """Kill a census when so many results are in its checkpoint; gives how many each app then has there."""
    checkpoint = out / "runinfo" / "000" / "checkpoint"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        while sum(1 for _ in facts_in(str(checkpoint))) < count:
            assert program.poll() is None, "it ended before there was so much"
            time.sleep(0.01)
        program.kill()
    return Counter(facts.name for facts in facts_in(str(checkpoint)))


@pytest.mark.integration
def test_htex_equals_the_plain_loop(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = everything(folder, tmp_path / "plain", capsys, "--plain")
    assert everything(folder, tmp_path / "htex", capsys, "--workers", "2") == expected


@pytest.mark.integration
@pytest.mark.parametrize("executor", ["htex", "threads"])
def test_run_as_a_script_it_equals_the_plain_loop(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], executor: str
) -> None:
    expected = everything(folder, tmp_path / "plain", capsys, "--plain")
    script, out = REPOSITORY / "examples" / "source_census.py", tmp_path / "script"
    path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    result = subprocess.run(
        [sys.executable, str(script), str(folder), "--out", str(out), "--executor", executor],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (result.stdout, (out / "census.csv").read_bytes(), (out / "census.json").read_bytes()) == expected


def test_a_second_run_into_the_same_folder_gives_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = everything(folder, tmp_path / "out", capsys, "--executor", "threads")
    assert everything(folder, tmp_path / "out", capsys, "--executor", "threads") == first


@pytest.mark.parametrize("options", [["--plain"], ["--executor", "threads"]])
def test_a_task_that_fails_ends_the_program_with_1_and_a_message(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    (tmp_path / "out" / "packages" / "simple.tar.gz").mkdir(parents=True)  # nothing can be written over a folder
    assert source_census.main([str(folder), "--out", str(tmp_path / "out"), *options]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "source_census: " in captured.err
    assert "pack" in captured.err
    assert not (tmp_path / "out" / "census.json").exists()


@pytest.mark.parametrize(
    "arguments", [["no such folder"], ["."], [".", "--workers", "0"], [".", "--top", "0"], [".", "--executor", "none"]]
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        source_census.main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_configuration_that_does_not_exist_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.py").touch()
    arguments = [str(tmp_path), "--out", str(tmp_path / "out"), "--config", "htex_lcal"]
    assert source_census.main(arguments) == 2
    assert "did you mean 'htex_local'?" in capsys.readouterr().err


def test_errors_that_are_the_same_are_shown_once() -> None:
    futures = [Future[int]() for _ in range(7)]
    for number, future in enumerate(futures):
        future.set_exception(ValueError(f"it is {number // 6}"))
    with pytest.raises(source_census.TasksFailedError) as failed:
        source_census.wait_for(futures)
    assert str(failed.value).splitlines()[1:] == ["- ValueError: it is 0", "- ValueError: it is 1"]


def test_what_only_follows_from_an_error_is_not_shown_beside_it() -> None:
    futures = [Future[int]() for _ in range(3)]
    futures[0].set_exception(cause := ValueError("no"))
    for number, future in enumerate(futures[1:], 2):
        future.set_exception(DependencyError([(cause, "task 1 (f)")], number))
    with pytest.raises(source_census.TasksFailedError, match="3 of 3 tasks failed") as failed:
        source_census.wait_for(futures)
    assert str(failed.value).splitlines()[1:] == ["- ValueError: no"]
    with pytest.raises(source_census.TasksFailedError, match="DependencyError"):
        source_census.wait_for(futures[1:])


def test_the_table_is_aligned_and_printable_everywhere() -> None:
    assert source_census.table(["name", "n"], [["a\nb\u00e9", 5], ["c", 1234]]) == (
        "name         n\na\\nb\\xe9     5\nc         1234"
    )
