"""``parsl-like cache``: the results that runs have remembered, seen and managed from outside."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.cli.cache_listing import Cache, Result, Share

SHARES: Final = ("run", "app", "results", "size", "first", "last")
RESULTS: Final = ("run", "key", "app", "task", "time", "size")

_run_dir = click.argument("run_dir", default="runinfo", type=click.Path(exists=True, file_okay=False))


@click.group("cache")
def command() -> None:
    """List, show, forget and export remembered results.

    RUN_DIR is the folder of all runs, runinfo as a rule, the directory of one, or its checkpoint folder. A KEY may be
    cut short. Files that somebody else may have written are left alone. Ends with 1 if something could not be read or
    written.
    """


@command.command("list")
@_run_dir
@click.option("--app", help="Only results of this app.")
@click.option("--results", "each", is_flag=True, help="List every result, not only how many an app has.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_results(run_dir: str, *, app: str | None, each: bool, as_json: bool) -> int:
    """List what the runs in RUN_DIR have remembered; no value is rebuilt."""
    cache = _cache(run_dir)
    if each:
        results = list(cache.results(lambda result: app is None or result.app == app))
        _print([result.facts() for result in results], RESULTS, as_json=as_json)
    else:
        _print([_facts(share) for share in cache.shares(app)], SHARES, as_json=as_json)
    return _told(cache)


@command.command("show")
@click.argument("key")
@_run_dir
@click.option("--value", "with_value", is_flag=True, help="Also the value. This runs the code by which it is rebuilt.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(key: str, run_dir: str, *, with_value: bool, as_json: bool) -> int:
    """Show one result: where and when it was computed, and what its key was made of."""
    cache = _cache(run_dir)
    result = cache.find(key)
    facts = result.facts()
    if with_value:
        facts["value"] = repr(cache.value(result))
    if as_json:
        import json

        click.echo(json.dumps(facts, indent=2))
    else:
        parts = facts.pop("parts")
        for name, fact in facts.items():
            click.echo(f"{name:6}  {_shown(name, fact)}")
        for label, digest in parts.items():
            click.echo(f"part    {label}: {digest}")
    return _told(cache)


@command.command("forget")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False))
@click.option("--app", help="Every result of this app.")
@click.option("--all", "everything", is_flag=True, help="Every result.")
def forget(keys: tuple[str, ...], run_dir: str, *, app: str | None, everything: bool) -> int:
    """Have the runs in RUN_DIR not give results any more, and say how many.

    The calls are run again by the next program that would have used them. A run that is under way goes on with what it
    has loaded. The files stay as large as they are; what is forgotten is written beside it.
    """
    if bool(keys) + (app is not None) + everything != 1:
        raise click.UsageError("Say which keys, or --app, or --all.")
    cache = _cache(run_dir)
    wanted = {cache.find(key).key for key in keys}

    def is_wanted(result: Result) -> bool:
        return everything or result.key in wanted or (app is not None and result.app == app)

    click.echo(f"forgot {cache.forget(is_wanted)} results")
    return _told(cache)


@command.command("export")
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False))
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--parsl", "as_parsl", is_flag=True, help="As Parsl writes it. This rebuilds every value.")
def export(run_dir: str, folder: str, *, as_parsl: bool) -> int:
    """Gather the results of the runs in RUN_DIR in one checkpoint in FOLDER, and say how many.

    Give FOLDER to checkpoint_files= of the program that is to use it; with --parsl, also one of Parsl's.
    """
    cache = _cache(run_dir)
    try:
        results, for_parsl = cache.export(folder, as_parsl=as_parsl)
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror or error}") from error
    click.echo(f"wrote {results} results to {folder}")
    if as_parsl and for_parsl < results:
        click.echo(f"Parsl will not find {results - for_parsl} of them: they have no key of Parsl's.", err=True)
    return _told(cache)


def _cache(run_dir: str) -> Cache:
    from parsl_like.cli.cache_listing import Cache

    return Cache(run_dir)


def _told(cache: Cache) -> int:
    for trouble in dict.fromkeys(cache.troubles):
        click.echo(f"parsl-like: {trouble}", err=True)
    return 1 if cache.troubles else 0


def _facts(share: Share) -> dict[str, Any]:
    return {name: getattr(share, name) for name in SHARES}


def _print(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    table = [list(columns), *([_shown(name, row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(columns))]
    for line in table if rows else []:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    if not rows:
        click.echo("nothing is remembered", err=True)


def _shown(name: str, fact: Any) -> str:
    if name in ("time", "first", "last"):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(fact))
    if name == "task" and fact < 0:
        return "-"
    return str(fact) or "-"
