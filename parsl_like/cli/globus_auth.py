"""``parsl-like globus-auth``, which is ``parsl-globus-auth``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.data_provider.globus_login import Login


@click.command("globus-auth")
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@click.option("--client-id", help="The client ID by which Globus knows programs of yours.")
@click.option("--force", is_flag=True, help="Log in even if that has been done.")
@click.option("--logout", is_flag=True, help="Have Globus forget the login, and remove it here.")
def command(collections: tuple[str, ...], client_id: str | None, force: bool, logout: bool) -> None:
    """Log in to Globus, so that runs can have files moved without asking.

    You are given an address for a browser, on any machine, and asked for the code that is shown there. The login lasts;
    it is kept in a file that only you can read. Each COLLECTION, given by its UUID, is looked into; where Globus wants
    your consent to use it, you are asked to log in once more. The exit code is 1 if one cannot be used.
    """
    from parsl_like.data_provider import globus_login
    from parsl_like.errors import ParslError
    from parsl_like.remote.transfers.trouble import Trouble

    path = globus_login.token_path()
    try:
        if logout:
            _log_out(path)
            return
        login = None if force else globus_login.read(path)
        if login is None:
            login = _log_in(path, client_id or _remembered(path), ())
            click.echo(f"You are logged in; {path} says so to programs of yours.")
        elif not collections:
            _try(path, login)
            click.echo(f"You are logged in already ({path}); --force does it again.")
        fine = not collections or _look_into(path, login, collections)
    except Trouble as trouble:
        raise click.ClickException(trouble.reason) from trouble
    except (ParslError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if not fine:
        raise SystemExit(1)


def _log_in(path: Path, client_id: str | None, scopes: tuple[str, ...]) -> Login:
    from parsl_like.data_provider import globus_login

    client_id = client_id or os.environ.get(globus_login.CLIENT_VARIABLE)
    if not client_id:
        click.echo(globus_login.REGISTER)
        client_id = click.prompt("Client ID").strip()
    return globus_login.log_in(path, client_id, scopes, click.echo, click.prompt)


def _remembered(path: Path) -> str | None:
    """The client ID of the login before; one that cannot be read has none."""
    from parsl_like.data_provider import globus_login
    from parsl_like.remote.transfers.trouble import Trouble

    try:
        login = globus_login.read(path)
    except Trouble:
        return None
    return None if login is None else login.client_id


def _link(path: Path, login: Login) -> Any:
    from parsl_like.data_provider.globus_link import Link, transfer_client
    from parsl_like.data_provider.globus_login import authorized

    return Link(transfer_client(authorized(path, login)))


def _try(path: Path, login: Login) -> None:
    """Ask Globus for something small."""
    _link(path, login).new_id()


def _look_into(path: Path, login: Login, collections: tuple[str, ...]) -> bool:
    """Say of each collection whether it can be used, after having asked for the consents that are missing."""
    from parsl_like.data_provider.globus_link import ConsentNeeded
    from parsl_like.remote.transfers.trouble import Trouble

    link = _link(path, login)
    needed: list[str] = []
    for collection in collections:
        try:
            link.can_list(collection)
        except ConsentNeeded as consent:
            needed += consent.scopes
        except Trouble:
            continue  # it is said below
    if needed:
        click.echo("Globus wants your consent to use what you have named.")
        login = _log_in(path, login.client_id, tuple(dict.fromkeys([*login.scopes, *needed])))
        link = _link(path, login)
    fine = True
    for collection in collections:
        try:
            click.echo(f"{collection}: {link.can_list(collection)}")
        except Trouble as trouble:
            click.echo(f"{collection}: {trouble.reason}", err=True)
            fine = False
    return fine


def _log_out(path: Path) -> None:
    from parsl_like.data_provider import globus_login

    login = globus_login.read(path)
    if login is None:
        click.echo("You are not logged in.")
        return
    globus_login.log_out(path, login)
    click.echo("You are logged out.")
