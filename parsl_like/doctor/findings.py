"""What is wrong with a configuration, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from parsl_like.core.advice import COMMAND_INDENT, as_command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsl_like.errors import ParslError


class Severity(StrEnum):
    """How bad it is."""

    FAULT = "fault"
    """Tasks would not run, or an allocation would be wasted."""
    WARNING = "warning"
    """It may work, and most likely not as it is meant."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: A short name that stays the same from version to version, for scripts.
        where: The part of the configuration: ``Config``, or an executor by its label.
        what: What is wrong, in a sentence.
        fix: What to do about it, in a sentence; commands to copy are on lines of their own, indented.
        evidence: What shows it, in the words of whoever said so; may have several lines.
        severity: How bad it is.
    """

    check: str
    where: str
    what: str
    fix: str
    evidence: str = ""
    severity: Severity = Severity.FAULT

    def facts(self) -> dict[str, str]:
        """Plain data."""
        return {name: str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination came to.

    Attributes:
        findings: What is wrong, faults first.
        checked: What was looked at, in a few words each.
        unchecked: What could not be looked at, and why, in a sentence each.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def faults(self) -> int:
        """How many findings are faults."""
        return sum(finding.severity is Severity.FAULT for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return len(self.findings) - self.faults

    def facts(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "faults": self.faults,
            "warnings": self.warnings,
            "findings": [finding.facts() for finding in self.findings],
            "checked": list(self.checked),
            "unchecked": list(self.unchecked),
        }


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without repetitions, faults first, otherwise as they came."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.severity is not Severity.FAULT))


def of_error(check: str, where: str, error: ParslError, fix: str) -> Finding:
    """A finding that an error of this package tells in its own words.

    Args:
        check: The finding's name.
        where: The part of the configuration.
        error: The error; its hint is the fix, if it has one.
        fix: What to do if the error does not say.
    """
    what = " ".join(str(part) for part in error.args) or type(error).__name__
    return Finding(check, where, what, sentence(error.hint or fix))


def of_channel(where: str, error: ParslError) -> Finding:
    """The finding for a machine that cannot be reached, or not be asked.

    Args:
        where: The part of the configuration.
        error: The error of the channel, or of what was asked through it.
    """
    finding = of_error("channel", where, error, "see whether the machine can be reached by hand")
    by_hand = getattr(error, "by_hand", None)
    if by_hand is None:
        return finding
    # The doctor has ended by then: nothing goes on by itself.
    return replace(
        finding, fix=f"See whether this works in a terminal, then ask the doctor again:{as_command(by_hand)}"
    )


def sentence(text: str) -> str:
    """A text that begins with a capital letter and ends with a full stop, for readers; a command ends as it does."""
    text = text.strip()
    if not text:
        return text
    is_command = text.rpartition("\n")[2].startswith(COMMAND_INDENT)
    return text[0].upper() + text[1:] + ("" if is_command or text[-1] in ".!?" else ".")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant, None if none is near."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a sentence, the first few if there are many."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more
