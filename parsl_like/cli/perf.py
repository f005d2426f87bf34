"""``parsl-like perf``, which is ``parsl-perf``: how many tasks per second a configuration runs."""

from __future__ import annotations

import click

from parsl_like.version import VERSION


@click.command("perf")
@click.option(
    "--config",
    "name",
    required=True,
    metavar="NAME",
    help="A Python file with a Config called config, or a function fresh_config that returns one; or another name of"
    " a configuration (parsl-like config list).",
)
@click.option("--resources", metavar="EXPR", help="parsl_resource_specification of each task, a dict of Python.")
@click.option(
    "--time",
    "seconds",
    metavar="SECONDS",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=0.001),
    help="How long the last batch should take.",
)
@click.option(
    "--argsize",
    metavar="BYTES",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Bytes added to the arguments of each task.",
)
@click.option(
    "--iterate",
    metavar="MODE",
    default="estimate",
    show_default=True,
    help="How batches grow: estimate (by the rate), exponential (twofold), or their sizes, as in 100,1000.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, all else beside it.")
@click.version_option(VERSION, prog_name="parsl_like", message="%(prog)s %(version)s")
def command(name: str, *, resources: str | None, seconds: float, argsize: int, iterate: str, as_json: bool) -> int:
    """Measure how many tasks per second a configuration runs.

    Batches of tasks that do nothing grow until one takes about as long as --time says. The rate of the last one counts;
    the first ones also show what it takes to start.
    """
    from parsl_like.cli.configurations import configuration_named
    from parsl_like.cli.throughput import Batch, measured, plan, specification

    def tell(batch: Batch) -> None:
        click.echo(
            f"{batch.tasks:9,} tasks  submitted at {batch.submitted_per_second:9,.0f}/s"
            f"  done in {batch.seconds:8.3f} s  {batch.per_second:9,.0f} tasks/s",
            err=as_json,
        )

    growth = plan(iterate, seconds)
    batches = measured(configuration_named(name), growth, specification(resources), argsize, tell)
    last = batches[-1]
    if as_json:
        import json

        click.echo(json.dumps({"tasks_per_second": last.per_second, "batches": [batch.facts() for batch in batches]}))
    else:
        click.echo(f"Tasks per second: {last.per_second:.3f}")
    return 0
