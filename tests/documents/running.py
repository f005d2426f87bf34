"""Programs as Parsl's documents show them, with Parsl's name replaced, each run as a user would run it.

Programs are written for Parsl, and lie as such beside the tests. A run replaces the name, in one of two spellings,
writes the result into an empty directory and starts it there with an interpreter of its own. A program ends well if
its exit code is 0, and if it prints what the file beside it (``.out`` for ``.py``) says, where there is one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

HERE = Path(__file__).resolve().parent
INDEX = HERE / "INDEX"
DESCRIBE = HERE / "describe.py"

COLUMNS = ("example", "program", "test", "state", "place", "anchor", "about")
SECONDS = 60.0
"""What a program may take on a machine with other work; the longest takes three."""

Mode = Literal["threads", "workers", "own", "alone"]
"""What tasks run on: two threads, as after ``load()``; worker processes instead; what the program asks for. A program
that loads nothing is run alone, and twice, to compare what it describes."""

ON_WORKERS = """
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="workers",
            cores_per_worker=0.1,
            max_workers_per_node=2,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        )
    ]
)
"""
LOADS_DEFAULT = re.compile(r"\bload\(\)")
LOADS_WORKERS = "load(__import__('on_workers').config)"
LOADS = re.compile(r"\bload\(|\bDataFlowKernel\(|ParslPoolExecutor\(")


@dataclass(frozen=True)
class Example:
    """A line of the index."""

    example: str
    program: str
    test: str
    state: str
    place: str
    anchor: str
    about: str

    @property
    def document(self) -> str:
        """The first part of its name."""
        return self.example.split("/")[0]

    @property
    def chapter(self) -> str:
        """Its name without the number."""
        return self.example.rpartition("/")[0]

    @property
    def path(self) -> Path | None:
        """The program's file; None if the example is no program."""
        return None if self.program == "-" else HERE / self.program

    @property
    def bytes(self) -> range:
        """Where it is in the document, if that is known in bytes."""
        begin, dash, end = self.place.partition("-")
        return range(int(begin), int(end)) if dash and begin and end else range(0)


def examples(document: str = "") -> list[Example]:
    """The lines of the index, of one document or of both.

    Raises:
        ValueError: a line has not the columns that it should have.
    """
    found = []
    for number, line in enumerate(INDEX.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            cells = line.split("\t")
            if len(cells) != len(COLUMNS):
                raise ValueError(f"{INDEX.name}:{number}: {len(cells)} columns, not {len(COLUMNS)}: {line}")
            found.append(Example(*cells))
    return [example for example in found if document in ("", example.document)]


def spellings(text: str) -> dict[str, str]:
    """The text with Parsl's name replaced plainly and as a whole word; once, as "both", where that is the same."""
    plain, words = text.replace("parsl", "parsl_like"), re.sub(r"\bparsl\b", "parsl_like", text)
    return {"both": plain} if plain == words else {"plain": plain, "words": words}


def modes(text: str) -> list[Mode]:
    """On what a program is run: on both kinds of executors, unless it says itself on which."""
    if LOADS_DEFAULT.search(text):
        return ["threads", "workers"]
    return ["own"] if LOADS.search(text) else ["alone"]


@dataclass(frozen=True)
class Run:
    """One way to run one program."""

    program: Path
    spelling: str
    mode: Mode

    def __str__(self) -> str:
        return "-".join([self.program.stem, *([] if self.spelling == "both" else [self.spelling]), self.mode])

    def check(self, variables: Mapping[str, str] | None = None) -> None:
        """Run it in the current directory.

        Args:
            variables: Environment variables for the program.

        Raises:
            AssertionError: it failed, or prints something else than it should.
        """
        folder = Path.cwd()
        for source in self.program.parent.glob("*.py"):
            if source == self.program or not source.name[0].isdigit():  # a module that programs import
                self._write(source, folder / source.name)
        if self.mode == "workers":
            (folder / "on_workers.py").write_text(ON_WORKERS, encoding="utf-8")
        command = [sys.executable, self.program.name]
        if self.mode == "alone":
            command.insert(1, str(DESCRIBE))
        printed = _printed(command, {**os.environ, **(variables or {})})
        expected = self.program.with_suffix(".out")
        if expected.exists():
            want = _lines(expected.read_text(encoding="utf-8"))
            assert _lines(printed) == want, f"it printed\n{printed}instead of\n" + "\n".join(want)

    def _write(self, source: Path, target: Path) -> None:
        text = source.read_text(encoding="utf-8")
        text = spellings(text).get(self.spelling, spellings(text).get("both", text))
        if self.mode == "workers":
            text = LOADS_DEFAULT.sub(LOADS_WORKERS, text)
        target.write_text(text, encoding="utf-8")


def runs_of(chapter: str, broken: Mapping[str, str] | None = None) -> list[Any]:
    """A test parameter for each way to run each program of a chapter.

    Args:
        chapter: As in the index, like "1.2/quickstart".
        broken: Reasons why runs, named as in the test's name, fail although their example should run.

    Raises:
        ValueError: a run in ``broken`` does not exist.
    """
    broken, params = dict(broken or {}), []
    for example in examples():
        if example.chapter == chapter and example.path is not None and example.path.name[0].isdigit():
            text = example.path.read_text(encoding="utf-8")
            for run in (Run(example.path, spelling, mode) for spelling in spellings(text) for mode in modes(text)):
                reason = broken.pop(str(run), example.state if example.state.startswith("issue:") else "")
                marks = [pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True)] if reason else []
                params.append(pytest.param(run, id=str(run), marks=marks))
    if broken:
        raise ValueError(f"{chapter} has no runs {', '.join(broken)}")
    return params


def _printed(command: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, encoding="utf-8", env=environment, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"it has not ended after {SECONDS:g} s; it printed {error.stdout!r}") from None
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"it ended well, and complained\n{done.stderr}"
    return done.stdout


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
