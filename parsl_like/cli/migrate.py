"""``parsl-like migrate``."""

from __future__ import annotations

import difflib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from parsl_like.cli.migration.migration import Migration

WOULD_CHANGE = 1
UNREADABLE = 2


@click.command("migrate")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--diff", "as_diff", is_flag=True, help="Print the changes as a diff; all else goes to standard error.")
@click.option("--write", is_flag=True, help="Change the files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array with an object for each file.")
def command(paths: tuple[Path, ...], *, as_diff: bool, write: bool, as_json: bool) -> int:
    """Rewrite imports and names of programs written for Parsl, and list what to check by hand.

    Without --write nothing is changed. Programs are read, never run. Ends with 0 if no FILE needs a change any more, 1
    if one would be changed, 2 if one is no Python, or cannot be read or written; the others are still done.
    """
    if as_diff and as_json:
        raise click.UsageError("--diff and --json are two forms of one output; choose one.")
    reports = [_Report(path, write) for path in paths]
    if as_json:
        import json

        click.echo(json.dumps([report.facts() for report in reports], indent=2))
    for report in reports:
        report.print(as_diff=as_diff, as_json=as_json)
    waiting = sum(report.waits for report in reports)
    if waiting:
        hint = f"{waiting} of {len(reports)} files would change: --diff shows how, --write does it."
        click.echo(hint, err=as_diff or as_json)
    if any(report.failure for report in reports):
        return UNREADABLE
    return WOULD_CHANGE if waiting else 0


class _Report:
    """What is to be said of one file, which has been changed by then if that was asked."""

    def __init__(self, path: Path, write: bool) -> None:
        from parsl_like.cli.migration.errors import CannotMigrate
        from parsl_like.cli.migration.files import ProgramFile
        from parsl_like.cli.migration.migration import migrated

        self.path = path
        self.migration: Migration | None = None
        self.failure: str | None = None
        self.written = False
        try:
            file = ProgramFile.read(path)
            migration = migrated(file.text)
            if write and migration.changed:
                file.write(migration.after)
                self.written = True
            self.migration = migration
        except CannotMigrate as error:
            place = f"{path}:{error.line}" if error.line else str(path)
            self.failure = f"{place}: left alone: {error.reason}"

    @property
    def waits(self) -> bool:
        """Whether the file would be changed, and has not been."""
        return self.migration is not None and self.migration.changed and not self.written

    def facts(self) -> dict[str, object]:
        """What happened, for JSON."""
        migration = self.migration
        return {
            "path": str(self.path),
            "error": self.failure,
            "changes": migration.changes if migration else 0,
            "written": self.written,
            "arguments": [{"line": said.line, "text": said.text} for said in migration.arguments] if migration else [],
            "check": [{"line": said.line, "text": said.text} for said in migration.remarks] if migration else [],
        }

    def print(self, *, as_diff: bool, as_json: bool) -> None:
        """Print what happened, in lines that editors can follow; a failure always goes to standard error."""
        migration = self.migration
        if migration is None:
            click.echo(self.failure, err=True)
        if migration is None or as_json:
            return
        if as_diff:
            self._print_diff(migration)
        verb = "rewritten" if self.written else "to rewrite"
        click.echo(f"{self.path}: {migration.changes} {verb}, {len(migration.remarks)} to check", err=as_diff)
        for said in migration.arguments:
            click.echo(f"{self.path}:{said.line}: {said.text}", err=as_diff)
        for said in migration.remarks:
            click.echo(f"{self.path}:{said.line}: check: {said.text}", err=as_diff)

    def _print_diff(self, migration: Migration) -> None:
        """Print what was or would be changed, as ``patch`` takes it."""
        before, after = (list(io.StringIO(text, newline="")) for text in (migration.before, migration.after))
        for line in difflib.unified_diff(before, after, str(self.path), str(self.path)):
            click.echo(line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n", nl=False)
