"""``parsl-like doctor``."""

from __future__ import annotations

import copy
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from parsl_like.core.advice import COMMAND_INDENT

if TYPE_CHECKING:
    from parsl_like.config import Config
    from parsl_like.doctor.findings import Finding, Report
    from parsl_like.doctor.sightings import SeenScript
    from parsl_like.doctor.wishes import Wishes

FOUND: Final = 4
"""The exit status if there is a fault."""
INDENT: Final = " " * 9


@click.command("doctor")
@click.argument("config", metavar="CONFIG")
@click.option("--executor", "label", metavar="LABEL", help="Look at this executor only.")
@click.option("--submit", is_flag=True, help="Submit a small test block of each executor, too, and see what it sees.")
@click.option(
    "--patience",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a test block may wait in the queue.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config: str, label: str | None, *, submit: bool, patience: float, as_json: bool) -> int:
    """Say what is wrong with a configuration, and what to do, before a run does.

    CONFIG is a file of Python (with config or fresh_config), TOML or YAML, a profile, module:attribute, auto, a site
    of a plugin, or one of parsl_like.configs.

    Looks at the descriptions, the batch system's commands and queues, ports, addresses and the run directory. Nothing
    is submitted but with --submit. Ends with 4 if there is a fault, with 0 if there is none or only a warning.
    """
    from parsl_like.doctor.wishes import Wishes

    report = _report(config, Wishes(submit, patience, label, tell=lambda text: click.echo(f"{text} ...", err=True)))
    if as_json:
        import json

        click.echo(json.dumps(report.facts(), indent=2))
    else:
        _print(report)
    return FOUND if report.faults else 0


def _report(name: str, wishes: Wishes) -> Report:
    from parsl_like.cli.configurations import configuration_named
    from parsl_like.doctor.examination import examined, of_unusable
    from parsl_like.errors import ConfigurationError, OptionalModuleMissing

    try:
        config = configuration_named(name)
    except (ConfigurationError, OptionalModuleMissing) as error:
        return of_unusable(error)
    return examined(config, _script, wishes)


def _script(config: Config, label: str, judged: bool) -> SeenScript:
    """What bash and, if it is to be asked, the batch system think of the script of an executor's block."""
    from parsl_like.cli.rendering import rendered_blocks
    from parsl_like.doctor.probes.scripts import malformed
    from parsl_like.doctor.sightings import SeenScript

    alone = copy.copy(config)  # what is wrong with other executors is told of them
    chosen = [each for each in config.executors or () if getattr(each, "label", None) == label]
    alone.executors = [_without_tunnel(each) for each in chosen]
    (block,) = rendered_blocks(alone, label, judged=judged)
    refused = block.verdict if block.refused and block.submit else None
    return SeenScript(malformed(block.script), refused)


def _without_tunnel(executor: Any) -> Any:
    """The same executor, but for a tunnel: nothing listens yet to which one could lead."""
    channel = getattr(getattr(executor, "provider", None), "channel", None)
    if not getattr(channel, "tunnel", False):
        return executor
    twin = copy.copy(executor)
    twin.provider = copy.copy(executor.provider)
    twin.provider.channel = copy.copy(channel)
    twin.provider.channel.tunnel = False
    return twin


def _print(report: Report) -> None:
    for finding in report.findings:
        _print_finding(finding)
    for sentence in report.unchecked:
        click.echo(f"not looked at: {sentence}", err=True)
    if report.findings:
        click.echo(f"{_count(report.faults, 'fault')}, {_count(report.warnings, 'warning')}", err=True)
    else:
        click.echo("nothing is wrong, as far as can be seen from here", err=True)


def _print_finding(finding: Finding) -> None:
    click.echo(f"{finding.severity.value:<9}{finding.where}: {finding.what}")
    for line in finding.evidence.splitlines():
        click.echo(f"{INDENT}| {line}")
    for line in f"Try: {finding.fix}".splitlines():
        click.echo(f"{INDENT}{line}" if line.startswith(COMMAND_INDENT) else _filled(line))


def _filled(line: str) -> str:
    """A line of prose, wrapped at spaces only: what is broken elsewhere cannot be copied."""
    return textwrap.fill(
        line,
        110,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
