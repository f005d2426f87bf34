"""A census of Python sources: one program that uses every kind of app.

Run it on the standard library of this interpreter, or on a folder of yours::

    python examples/source_census.py
    python examples/source_census.py path/to/sources --out census --top 20
    python examples/source_census.py --executor threads
    python examples/source_census.py --config site.toml    # wherever a configuration of yours says
    python examples/source_census.py --plain        # the same work in a loop, without the engine
    python examples/source_census.py --checkpoint   # parsl-like resume --run-dir census/runinfo goes on after a crash

An app may run on another machine, so it brings along what it needs: it imports inside its own body and takes the
rest as arguments. Calling it gives a future at once; a future given to another app is a dependency of that call.
``census.csv`` (a line per file) and ``census.json`` (everything) hold no times and no absolute paths: every executor,
and the plain loop, writes the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import sysconfig
import time
import warnings
from collections import Counter
from concurrent.futures import wait
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import parsl_like
from parsl_like import Config, File, HighThroughputExecutor, ThreadPoolExecutor, bash_app, join_app, python_app
from parsl_like.dataflow.errors import DependencyError
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.errors import ConfigurationError
from parsl_like.profiles import config_named
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

Row = dict[str, Any]  # and Any alone for parameters that are given futures: the app itself sees their results

LOOSE = "(modules)"  # the package of the files that lie directly in the folder
FINER_PACKAGES = 5
SKIPPED_FOLDERS = {"site-packages", "dist-packages", "__pycache__"}


@python_app
def census_file(root: str, name: str, package: str, inputs: Sequence[File] = ()) -> Row:
    """Count what one file holds; a file that cannot be decoded or parsed is a row with the reason.

    ``inputs`` are for a census with a checkpoint: a file is counted again if its content has changed.
    """
    import ast
    from pathlib import Path

    data = Path(root, name).read_bytes()
    code = [line for line in map(bytes.strip, data.splitlines()) if line and not line.startswith(b"#")]
    row: Row = {"name": name, "package": package, "bytes": len(data), "lines": len(data.splitlines())}
    row |= {"code_lines": len(code), "functions": 0, "classes": 0, "branches": 0, "longest": 0, "longest_name": ""}
    row |= {"imports": [], "reason": ""}
    try:
        nodes = list(ast.walk(ast.parse(data, filename=name)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return row | {"reason": f"{type(error).__name__}: {error}"}

    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    branching = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
    row["functions"] = len(functions)
    row["classes"] = sum(isinstance(node, ast.ClassDef) for node in nodes)
    row["branches"] = sum(isinstance(node, branching) for node in nodes)
    for function in sorted(functions, key=lambda function: function.lineno):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > row["longest"]:
            row |= {"longest": length, "longest_name": function.name}

    folder = name.split("/")[:-1]
    imports: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imports.add(str(node.module))
        elif isinstance(node, ast.ImportFrom):  # relative: a leading dot stands for the folder of the census
            above = ["", *folder[: max(0, len(folder) + 1 - node.level)]]
            below = [node.module] if node.module else [alias.name for alias in node.names]
            imports.update(".".join([*above, module]) for module in below)
    return row | {"imports": sorted(imports)}


@bash_app
def pack(
    root: str, inputs: Sequence[File] = (), outputs: Sequence[File] = (), stdout: Any = None, stderr: Any = None
) -> str:
    """Compress the files listed in ``inputs[0]`` into ``outputs[0]`` and print the bytes before and after.

    Nothing in the archive depends on the day or the user: its size is the same on every run. The names come from a
    file, because those of a large package would make the command longer than the system allows.
    """
    import shlex

    folder, listing, archive = map(shlex.quote, (root, inputs[0].filepath, outputs[0].filepath))
    return f"""
        set -euo pipefail
        cd {folder}
        xargs --null cat -- < {listing} | wc -c
        tar --create --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
            --null --no-unquote --files-from={listing} | gzip -n -9 > {archive}
        wc -c < {archive}
    """


@python_app
def packed_size(printed: str, inputs: Sequence[Any] = ()) -> Row:
    """Read the two sizes that ``pack`` printed; the archive in ``inputs`` makes this wait for it."""
    from pathlib import Path

    before, after = Path(printed).read_text(encoding="ascii").split()
    return {"before": int(before), "after": int(after)}


@python_app
def measure(root: str, name: str, inputs: Sequence[File] = ()) -> list[Row]:
    """Cyclomatic complexity (McCabe 1976) and nesting depth of each function of one file."""
    import ast
    from pathlib import Path

    branching = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
    nesting = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
    found: list[Row] = []
    stack: list[tuple[ast.AST, Row, int]] = [(ast.parse(Path(root, name).read_bytes()), {}, 0)]
    while stack:
        node, function, depth = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function, depth = {"file": name, "name": node.name, "line": node.lineno, "complexity": 1, "depth": 0}, 0
            found.append(function)
        elif isinstance(node, nesting):
            depth += 1
        if function:
            function["complexity"] += isinstance(node, branching)
            function["complexity"] += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
            function["depth"] = max(function["depth"], depth)
        for child in ast.iter_child_nodes(node):
            # An elif is an If inside an If, but in the same column: not one level deeper.
            same = isinstance(node, ast.If) and isinstance(child, ast.If) and node.col_offset == child.col_offset
            stack.append((child, function, depth - same))
    return sorted(found, key=lambda function: (function["line"], function["name"]))


@join_app
def finer_pass(root: str, inputs: Sequence[Any] = (), checkpoint: bool = False) -> list[Future[list[Row]]]:
    """Decide, now that the census is known, which files to measure; the result is the list of their results."""
    names = files_to_measure(inputs)
    if not checkpoint:
        return [measure(root, name) for name in names]
    remembered = measure.options(cache=True)
    return [remembered(root, name, inputs=[File(f"{root}/{name}")]) for name in names]


@python_app
def import_graph(folder: str, inputs: Sequence[Any] = ()) -> Row:
    """Reduce all files to packages, ranked by how many others import them, and the imports between them."""
    from collections import Counter

    # If the folder is itself a package, absolute imports begin with its name.
    prefix = f"{folder}." if any(row["name"] == "__init__.py" for row in inputs) else ""
    tops = {prefix + row["name"].split("/")[0].removesuffix(".py"): row["package"] for row in inputs}
    package_of = {top.removesuffix(".__init__"): package for top, package in tops.items()}
    packages: dict[str, Row] = {}
    edges: Counter[tuple[str, str]] = Counter()
    for row in inputs:
        package = packages.setdefault(row["package"], {"package": row["package"], "files": 0})
        package["files"] += 1
        for key in ("lines", "code_lines", "functions", "classes", "branches"):
            package[key] = package.get(key, 0) + row[key]
        for module in row["imports"]:
            path = prefix + module[1:] if module.startswith(".") else module
            top = ".".join(path.split(".")[: 1 + prefix.count(".")])
            target: str = package_of.get(top, row["package"])
            if target != row["package"]:
                edges[row["package"], target] += 1
    importers = Counter(target for _, target in edges)
    for name, package in packages.items():
        package["imported_by"] = importers[name]
    ranking = sorted(packages.values(), key=lambda p: (-p["imported_by"], -p["code_lines"], p["package"]))
    return {"ranking": ranking, "edges": [[source, target, edges[source, target]] for source, target in sorted(edges)]}


@python_app
def import_cycles(graph: Any) -> list[list[str]]:
    """Strongly connected components: the groups of packages of which each leads, by imports, to each."""
    imported: dict[str, set[str]] = {package["package"]: set() for package in graph["ranking"]}
    for source, target, _ in graph["edges"]:
        imported[source].add(target)
    reached: dict[str, set[str]] = {}
    for start in imported:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = imported[waiting.pop()] - seen
            seen |= new
            waiting += new
        reached[start] = seen
    groups = {name: sorted(other for other in reached[name] if name in reached[other]) for name in sorted(reached)}
    return [group for name, group in groups.items() if group[:1] == [name]]  # each group under its first name only


# From here on: what runs in this process.


class TasksFailedError(Exception):
    """Some tasks failed; the message shows the first errors."""


def find_sources(root: Path) -> dict[str, str]:
    """Each Python file (relative, with slashes) and its package: the top-level folder, or ``(modules)``."""
    names: list[str] = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS and not name.startswith(".")]
        paths = [Path(folder, file) for file in files if file.endswith(".py")]
        names += [path.relative_to(root).as_posix() for path in paths if path.is_file()]
    return {name: name.split("/")[0] if "/" in name else LOOSE for name in sorted(names)}


def list_packages(sources: dict[str, str], out: Path) -> dict[str, str]:
    """Write the list of each package's files for ``pack``; give the path, without suffix, of all that it makes."""
    (out / "packages").mkdir(parents=True, exist_ok=True)
    files: dict[str, list[str]] = {}
    for name, package in sources.items():
        files.setdefault(package, []).append(name)
    paths = {}
    for package, names in files.items():
        paths[package] = str(out / "packages" / quote(package, safe="()", errors="surrogateescape"))
        Path(f"{paths[package]}.list").write_bytes(b"".join(os.fsencode(name) + b"\0" for name in names))
    return paths


def files_to_measure(rows: Iterable[Row]) -> list[str]:
    """The files that parsed, of the packages with the most branches per function."""
    branches: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for row in rows:
        branches[row["package"]] += row["branches"]
        functions[row["package"]] += row["functions"]
    ranked = sorted(branches, key=lambda name: (-branches[name] / max(1, functions[name]), name))
    return [row["name"] for row in rows if row["package"] in ranked[:FINER_PACKAGES] and not row["reason"]]


def run_with_engine(root: Path, out: Path, config: Config) -> Row:
    """Start every task at once; the futures handed on are the only order there is."""
    sources = find_sources(root)
    with parsl_like.load(config) as kernel:
        print(f"run directory: {kernel.run_dir}", file=sys.stderr)
        checkpoint = config.memoizer is not None
        count, connect = census_file.options(cache=checkpoint), import_graph.options(cache=checkpoint)
        compress, weigh = pack.options(cache=checkpoint), packed_size.options(cache=checkpoint)

        def contents(names: Iterable[str]) -> list[File]:
            """What a result that is kept depends on beside the arguments."""
            return [File(f"{root}/{name}") for name in names] if checkpoint else []

        files = [count(str(root), name, package, inputs=contents([name])) for name, package in sources.items()]
        graph = connect(root.name, inputs=files)
        cycles = import_cycles.options(cache=checkpoint)(graph)
        finer = finer_pass(str(root), inputs=files, checkpoint=checkpoint)
        packed, sizes = {}, {}
        for package, path in list_packages(sources, out).items():
            packed[package] = compress(
                str(root),
                inputs=[File(f"{path}.list"), *contents(name for name in sources if sources[name] == package)],
                outputs=[File(f"{path}.tar.gz")],
                stdout=(f"{path}.stdout", "w"),
                stderr=(f"{path}.stderr", "w"),
            )
            sizes[package] = weigh(f"{path}.stdout", inputs=packed[package].outputs)
        wait_for([*files, *packed.values(), *sizes.values(), graph, cycles, finer])
        return {
            "files": [row.result() for row in files],
            "sizes": {package: size.result() for package, size in sizes.items()},
            "graph": graph.result(),
            "cycles": cycles.result(),
            "finer": finer.result(),
        }


def wait_for(futures: Sequence[Future[Any]]) -> None:
    """Wait until all are done; raise ``TasksFailedError`` if any failed, with the first errors that differ."""
    wait(futures)
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors:
        # The others only follow from these, and would say the same again.
        causes = [error for error in errors if not isinstance(error, DependencyError)] or errors
        first = "\n".join([*dict.fromkeys(f"- {type(error).__name__}: {error}" for error in causes)][:5])
        raise TasksFailedError(f"{len(errors)} of {len(futures)} tasks failed; the first errors:\n{first}")


def run_plain(root: Path, out: Path) -> Row:
    """The same functions in a loop, without the engine: what its answer is compared with."""
    sources = find_sources(root)
    files = [census_file.func(str(root), name, package) for name, package in sources.items()]
    graph = import_graph.func(root.name, inputs=files)
    finer = [measure.func(str(root), name) for name in files_to_measure(files)]
    sizes = {}
    for package, path in list_packages(sources, out).items():
        command = pack.func(str(root), inputs=[File(f"{path}.list")], outputs=[File(f"{path}.tar.gz")])
        with Path(f"{path}.stdout").open("w") as stdout, Path(f"{path}.stderr").open("w") as stderr:
            subprocess.run(["bash", "-c", command], stdout=stdout, stderr=stderr, check=True)
        sizes[package] = packed_size.func(f"{path}.stdout")
    return {"files": files, "sizes": sizes, "graph": graph, "cycles": import_cycles.func(graph), "finer": finer}


def write_files(census: Row, out: Path) -> None:
    """Write ``census.csv`` and ``census.json``: only facts about the sources, in a fixed order."""
    with (out / "census.csv").open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.DictWriter(stream, list(census["files"][0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"imports": len(row["imports"])} for row in census["files"])
    (out / "census.json").write_text(json.dumps(census, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines of aligned columns, the first to the left, the others to the right; plain ASCII."""
    cells = [[str(cell).encode("unicode_escape").decode() for cell in row] for row in (header, *rows)]
    first, *others = [max(map(len, column)) for column in zip(*cells, strict=True)]
    form = f"{{:{first}}}" + "".join(f"  {{:>{width}}}" for width in others)
    return "\n".join(form.format(*row) for row in cells)


def report(census: Row, top: int) -> str:
    """The answer for people: the ranking, the most complex functions, the totals."""
    header = ["package", "imported_by", "files", "code_lines", "functions", "branches", "before", "after"]
    packages = [package | census["sizes"][package["package"]] for package in census["graph"]["ranking"]]
    ranking = [[package[key] for key in header] for package in packages[:top]]
    total = ["total", "", *(sum(package[key] for package in packages) for key in header[2:])]
    found = sorted(chain(*census["finer"]), key=lambda f: (-f["complexity"], f["file"], f["line"]))
    complex_ones = [[f"{f['file']}:{f['line']} {f['name']}", f["complexity"], f["depth"]] for f in found[:top]]
    unparsed = sum(bool(row["reason"]) for row in census["files"])
    return f"""\
{table(header, [*ranking, total])}

{table(["most complex functions", "complexity", "depth"], complex_ones)}

packages: {len(packages)}; files that do not parse: {unparsed}; \
imports between packages: {len(census["graph"]["edges"])}; cycles: {len(census["cycles"])}"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; a mistake ends the program with status 2."""
    parser = argparse.ArgumentParser(prog="source_census", description="A census of the Python sources of a folder.")
    add = parser.add_argument
    add("folder", nargs="?", type=Path, default=Path(sysconfig.get_path("stdlib")), help="default: standard library")
    add("--executor", choices=["htex", "threads"], default="htex", help="what runs the tasks (default: htex)")
    add("--config", metavar="NAME", help="a file, a profile or a site that says what runs the tasks, and how many")
    add("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="at most N at once (default: cores)")
    add("--out", type=Path, default=Path("census"), metavar="DIR", help="where the results go (default: ./census)")
    add("--top", type=int, default=15, metavar="N", help="rows of the printed tables (default: 15)")
    add("--plain", action="store_true", help="a plain loop instead of the engine, to compare with")
    add("--checkpoint", action="store_true", help="keep what was found; the next census computes only what is missing")
    arguments = parser.parse_args(argv)
    if arguments.workers < 1 or arguments.top < 1:
        parser.error("--workers and --top must be at least 1")
    if not arguments.folder.is_dir() or not find_sources(arguments.folder):
        parser.error(f"no folder with Python files: {arguments.folder}")
    return arguments


def configure(name: str | None, executor: str, workers: int, out: Path) -> Config:
    """What a name stands for; else threads of this process, or worker processes in one block on this machine."""
    if name is not None:
        return config_named(name)
    run_dir = str(out / "runinfo")
    if executor == "threads":
        return Config(executors=[ThreadPoolExecutor(max_threads=workers)], run_dir=run_dir)
    block = LocalProvider(init_blocks=1, max_blocks=1, worker_init="export PYTHONWARNINGS=ignore")
    htex = HighThroughputExecutor(max_workers_per_node=workers, provider=block)
    return Config(executors=[htex], run_dir=run_dir)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the census and print it; 0 when complete, 1 when tasks failed."""
    arguments = parse_arguments(argv)
    started = time.perf_counter()
    root, out = arguments.folder.resolve(), arguments.out.resolve()
    try:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, SyntaxWarning):  # of the sources: they are counted, not corrected
                warnings.simplefilter("ignore", category)
            if arguments.plain:
                census = run_plain(root, out)
            else:
                config = configure(arguments.config, arguments.executor, arguments.workers, out)
                if arguments.checkpoint:
                    config.memoizer = BasicMemoizer(checkpoint_mode="task_exit")
                census = run_with_engine(root, out, config)
    except ConfigurationError as error:
        print(f"source_census: {error}", file=sys.stderr)
        return 2
    except (TasksFailedError, subprocess.CalledProcessError) as error:
        print(f"source_census: {error}", file=sys.stderr)
        return 1
    write_files(census, out)
    print(report(census, arguments.top))
    print(f"{time.perf_counter() - started:.2f} s; census.csv and census.json are in {out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
