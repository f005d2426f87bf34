"""``parsl-like config``: configurations shown as data, checked and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from parsl_like.profiles.profile import Found

WRONG = 2


@click.group("config")
def command() -> None:
    """Show, check and list configurations.

    NAME is a file of Python, TOML or YAML, FILE:PROFILE, module:attribute, a profile of the project or of yours, a
    site, or auto.
    """


@command.command("show")
@click.argument("name", required=False)
@click.option("--toml", "as_toml", is_flag=True, help="As TOML; so it is without an option.")
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML.")
@click.option("--origin", "with_origin", is_flag=True, help="Every value, also defaults, and who said it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the table, or with --origin an array of values.")
def show(name: str | None, *, as_toml: bool, as_yaml: bool, with_origin: bool, as_json: bool) -> None:
    """Print a configuration as data.

    Without NAME it is the one that a program gets that says only load(). A file made of the output is the same
    configuration again.
    """
    if as_toml + as_yaml + (with_origin or as_json) > 1:
        raise click.UsageError("Take one of --toml, --yaml and --json; --origin goes with --json alone.")
    found = _found(name)
    if with_origin:
        _print_origins(found, as_json=as_json)
        return
    from parsl_like.profiles.encoding import encoded

    told = encoded(found.config)
    for variable in told.secrets:
        click.echo(f"parsl-like: a secret is not shown; it is looked for in the variable {variable}.", err=True)
    form = "yaml" if as_yaml else "toml"
    click.echo(_written(told.table, "json" if as_json else form), nl=False)


@command.command("check")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def check(names: tuple[str, ...], *, as_json: bool) -> int:
    """Say whether configurations can be meant; touches nothing but their files.

    Notes tell what a run would still refuse: values that are your own and that nobody has said, parts that this
    version only describes. Ends with 2 if a configuration is wrong.
    """
    from parsl_like.cli.config_check import checked

    verdicts = [checked(name) for name in names or (None,)]
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(verdict) for verdict in verdicts], indent=2))
    else:
        for verdict in verdicts:
            click.echo(f"{verdict.name}: {verdict.error or 'good'}", err=verdict.error is not None)
            for note in verdict.notes:
                click.echo(f"  note: {note}")
    return WRONG if any(verdict.error for verdict in verdicts) else 0


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_configurations(*, as_json: bool) -> None:
    """List the configurations that have a name; a star is at the one that load() takes."""
    from parsl_like.profiles.named import Configurations

    listed = Configurations().listed()
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(one) for one in listed], indent=2))
        return
    width = max(len(one.name) for one in listed)
    origins = max(len(one.origin) for one in listed)
    for one in listed:
        star = "*" if one.is_usual else " "
        click.echo(f"{star} {one.name:{width}}  {one.origin:{origins}}  {one.about}".rstrip())


def _found(name: str | None) -> Found:
    from parsl_like.cli.configurations import found_or_usual

    found = found_or_usual(name)
    if found is None:
        raise click.UsageError("Nobody has chosen a configuration: name one, as in: parsl-like config show auto")
    return found


def _print_origins(found: Found, *, as_json: bool) -> None:
    from parsl_like.profiles.origins import origins

    rows = origins(found)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        click.echo(f"{row.path} = {row.value}  # {row.origin}")


def _written(table: dict[str, Any], form: str) -> str:
    if form == "json":
        import json

        return f"{json.dumps(table, indent=2)}\n"
    if form == "yaml":
        from parsl_like.profiles.yaml_writer import write_yaml

        return write_yaml(table)
    from parsl_like.profiles.toml_writer import write_toml

    return write_toml(table)
