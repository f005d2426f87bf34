"""One command of a batch system: what it was given, and what it prints."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tests.fakes.cluster.model import Cluster, Job


@dataclass(frozen=True)
class Call:
    """A command.

    Attributes:
        name: Which.
        words: Its arguments.
        folder: Where it was called.
        environment: Of whom it was called by.
        owner: Who that is.
        uid: Their number.
        now: When (seconds since the epoch).
        cluster: Whom it speaks to.
        read: Gives the text of a file, by its absolute path; raises OSError.
        hidden: Numbers of jobs that it must not know of.
        stdin: What it is given as its standard input, if it reads a script from there.
    """

    name: str
    words: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    owner: str
    uid: int
    now: float
    cluster: Cluster
    read: Callable[[str], str]
    hidden: Collection[int] = frozenset()
    stdin: str = ""

    def jobs(self) -> list[Job]:
        """All jobs that the command may know of, oldest first."""
        return [job for job in self.cluster.jobs.values() if job.number not in self.hidden]

    def job(self, number: int | None) -> Job | None:
        return None if number is None or number in self.hidden else self.cluster.jobs.get(number)

    def path(self, given: str) -> str:
        """A path from the command line, made absolute."""
        return given if given.startswith("/") else f"{self.folder}/{given}"


@dataclass(frozen=True)
class Answer:
    """What a command prints, and how it ends.

    Attributes:
        stdout: What it prints.
        stderr: What it complains of.
        code: Its exit code.
        job: The number of the job that it submitted.
        delay: Seconds before it prints.
        hangs: Whether it never ends by itself; nothing is printed then.
    """

    stdout: str | bytes = ""
    stderr: str | bytes = ""
    code: int = 0
    job: int | None = None
    delay: float = 0.0
    hangs: bool = False


class WrongUse(Exception):
    """An option that the command does not have, or one without its value."""


@dataclass(frozen=True)
class Options:
    """Options of a command, and what is left.

    Attributes:
        values: By the option's first name without dashes: the last value, ``""`` for one that takes none.
        operands: The rest.
        all: All values of each.
    """

    values: dict[str, str] = field(default_factory=dict)
    operands: list[str] = field(default_factory=list)
    all: dict[str, list[str]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)


def parse(words: Sequence[str], flags: Sequence[str], valued: Sequence[str], *, single: bool = False) -> Options:
    """Read options as getopt_long(3) does; with ``single``, long names have one dash, as Grid Engine's.

    Names that mean the same stand in one text: ``"output o"``. The flag ``+`` means that the first operand ends them.
    """
    names = {name: group.split()[0] for group in (*flags, *valued) for name in group.split()}
    takes = {name for group in valued for name in group.split()}
    found, rest = Options(), list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            found.operands.append(word)
            if "+" in names:  # the first operand ends the options
                found.operands.extend(rest)
                break
            continue
        if word == "--":
            found.operands.extend(rest)
            break
        name, given = _split(word, names, takes, rest, single=single)
        if name not in names:
            raise WrongUse(name)
        if name in takes and given is None:
            if not rest:
                raise WrongUse(name)
            given = rest.pop(0)
        found.values[names[name]] = given or ""
        found.all.setdefault(names[name], []).append(given or "")
    return found


def _split(
    word: str, names: Mapping[str, str], takes: Collection[str], rest: list[str], *, single: bool
) -> tuple[str, str | None]:
    """An option's name and the value that is in the same word; more short options go back to the rest."""
    if single or word.startswith("--"):
        name, equals, value = word.lstrip("-").partition("=")
        return (word.lstrip("-"), None) if single else (name, value if equals else None)
    name, more = word[1:2], word[2:]
    if name in takes:
        return name, more or None
    if more:
        rest.insert(0, f"-{more}")
    return name, None


def directives(script: str, prefix: str) -> list[str]:
    """The options in a script's head: lines that begin with the prefix, up to the first line of shell text."""
    import shlex

    words: list[str] = []
    for line in script.splitlines():
        if line.startswith(prefix) and line[len(prefix) : len(prefix) + 1] in ("", " ", "\t", "-"):
            words += shlex.split(line[len(prefix) :], comments=True)
        elif line.strip() and not line.startswith("#"):
            break
    return words


def clock_seconds(text: str) -> float | None:
    """Seconds of ``[days-]hours:minutes:seconds``, fewer fields counting from the right; None if it is no time."""
    days, dash, rest = text.rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
        if len(parts) > 3 or any(part < 0 for part in parts):
            return None
        seconds = float(sum(part * 60**place for place, part in enumerate(reversed(parts))))
        return seconds + (int(days) * 86400 if dash else 0)
    except ValueError:
        return None


def clock_text(seconds: float) -> str:
    """``hours:minutes:seconds``."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def date(when: float) -> str:
    """As ctime(3) writes it."""
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(when))


def iso_date(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(when))


def unpack(text: str) -> dict[str, str]:
    """``a=1,b=2`` as a mapping; a word without a value is one with an empty value."""
    return {name: value for name, _, value in (part.partition("=") for part in text.split(",") if part)}
