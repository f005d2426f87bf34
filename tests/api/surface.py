"""The public surface of two versions of Parsl, read from ``surface.toml``, and where this package has each part."""

from __future__ import annotations

import ast
import csv
import fnmatch
import importlib
import inspect
import math
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PACKAGE = "parsl_like"
ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "reference" / "differences.csv"

Version = Literal["newest", "legacy"]
VERSIONS: tuple[Version, ...] = ("newest", "legacy")

DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_name("surface.toml").read_text(encoding="utf-8"))


# --- what Parsl has


@dataclass(frozen=True)
class Parameter:
    """One parameter of a signature; ``default`` is an expression, None if there is none."""

    name: str
    kind: inspect._ParameterKind
    default: str | None

    @property
    def positional(self) -> bool:
        return self.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD

    @property
    def variable(self) -> bool:
        return self.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@cache
def parameters(signature: str) -> tuple[Parameter, ...]:
    """The parameters of a signature written as Python writes them, in parentheses."""
    (function,) = ast.parse(f"def f{signature}: ...").body
    assert isinstance(function, ast.FunctionDef)
    said = function.args
    missing = [None] * (len(said.args) - len(said.defaults))
    usual = [_parameter(a, d) for a, d in zip(said.args, [*missing, *said.defaults], strict=True)]
    star = [Parameter(said.vararg.arg, inspect.Parameter.VAR_POSITIONAL, None)] if said.vararg else []
    named = [
        _parameter(a, d, inspect.Parameter.KEYWORD_ONLY) for a, d in zip(said.kwonlyargs, said.kw_defaults, strict=True)
    ]
    rest = [Parameter(said.kwarg.arg, inspect.Parameter.VAR_KEYWORD, None)] if said.kwarg else []
    return (*usual, *star, *named, *rest)


def _parameter(
    argument: ast.arg, default: ast.expr | None, kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
) -> Parameter:
    return Parameter(argument.arg, kind, None if default is None else ast.unparse(default))


@dataclass(frozen=True)
class Entry:
    """A class or function: its signature and the methods of it, by version; a version that lacks it is absent."""

    section: str
    path: str
    signatures: dict[Version, str]
    methods: dict[Version, tuple[str, ...]] = field(default_factory=dict)
    bases: dict[Version, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.path


def _entry(raw: dict[str, Any]) -> Entry:
    both = raw.get("both")
    signatures = {version: raw.get(version, both) for version in VERSIONS}
    signatures = {version: text for version, text in signatures.items() if text is not None}
    methods = {"newest": raw.get("methods", ()), "legacy": raw.get("legacy_methods", raw.get("methods", ()))}
    bases = {version: tuple(raw.get(f"{version}_bases", ())) for version in VERSIONS}
    return Entry(
        raw.get("section", "Errors"),
        raw["path"],
        signatures,  # type: ignore[arg-type]
        {version: tuple(methods[version]) for version in signatures},  # type: ignore[index]
        {version: bases[version] for version in signatures},  # type: ignore[index]
    )


ENTRIES = [_entry(raw) for raw in DATA["signature"]]
ERRORS = [_entry(raw) for raw in DATA["error"]]


def each(entries: list[Entry]) -> list[tuple[Entry, Version]]:
    """Every entry with each version that has it."""
    return [(entry, version) for entry in entries for version in entry.signatures]


SECTIONS = list(dict.fromkeys(entry.section for entry in [*ENTRIES, *ERRORS]))


def section(name: str) -> list[Entry]:
    """The entries of one section."""
    return [entry for entry in [*ENTRIES, *ERRORS] if entry.section == name]


def complaints(check: Callable[..., object], items: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    """What a check complains of, by item; many small checks in one test, each with its own word."""
    found = {}
    for item in items:
        try:
            check(*item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test that asked fails with it
            found[" ".join(map(str, item))] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return found


def named(pair: object) -> str | None:
    """Names of parametrized tests."""
    return str(pair) if isinstance(pair, Entry | str) else None


# --- what is here


def resolve(path: str) -> Any:
    """The object at a path below the package; fails as an import statement would."""
    module, _, name = path.rpartition(".")
    home = importlib.import_module(f"{PACKAGE}.{module}" if module else PACKAGE)
    try:
        return getattr(home, name)
    except AttributeError:
        return importlib.import_module(f"{home.__name__}.{name}")  # `from x import y` finds a module too


def value_of(expression: str) -> Any:
    """A default of Parsl's, made of the classes of this package."""
    names = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    known: dict[str, Any] = {"inf": math.inf}
    known |= {name: resolve(HOMES[name]) for name in names if name in HOMES}
    return eval(expression, known)


HOMES = {entry.path.rpartition(".")[2]: entry.path for entry in ENTRIES} | {
    "States": "dataflow.states.States",
    "JobState": "jobs.states.JobState",
}


# --- the table of deliberate differences


@dataclass(frozen=True)
class Difference:
    """A row of the table: ``where`` and ``what`` may have wildcards in ``where``."""

    where: str
    what: str
    parsl: str
    here: str
    why: str

    def covers(self, path: str, what: str) -> bool:
        return what in self.subjects and any(fnmatch.fnmatchcase(path, one) for one in self.where.split())

    @property
    def subjects(self) -> list[str]:
        """What it is about: an argument, something in parentheses, or methods by name."""
        kind, _, names = self.what.partition(" ")
        return [f"method {name}" for name in names.split()] if kind == "method" else [self.what]


def differences() -> list[Difference]:
    """The rows of the table that the documentation shows."""
    with TABLE.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))
    return [Difference(*(cell.strip() for cell in row)) for row in rows[1:]]


DIFFERENCES = differences()


def listed(path: str, what: str) -> Difference | None:
    """The row that says that something is different on purpose."""
    return next((row for row in DIFFERENCES if row.covers(path, what)), None)
