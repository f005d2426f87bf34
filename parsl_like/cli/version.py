"""``parsl-like version``."""

from __future__ import annotations

import click

from parsl_like.version import VERSION

DISTRIBUTIONS = ("pyzmq", "cloudpickle", "msgspec", "pluggy", "psutil", "click", "rich")


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, as_json: bool) -> None:
    """Say the versions of parsl_like, Python and the packages below."""
    import json
    import platform

    versions: dict[str, str | None] = {
        "parsl_like": VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    versions |= {name: _installed(name) for name in DISTRIBUTIONS}
    if as_json:
        click.echo(json.dumps(versions, indent=2))
        return
    for name, version in versions.items():
        click.echo(f"{name:12} {version or 'not installed'}")


def _installed(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
