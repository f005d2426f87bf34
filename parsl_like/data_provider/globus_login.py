"""Who the user is to Globus: a login that lasts, kept in a file that only he can read.

Source: Globus Auth developer guide, "Native applications" (OAuth 2.0 with PKCE, RFC 7636, and refresh tokens).
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from parsl_like.data_provider.globus_link import LOGIN, refusal, sdk
from parsl_like.folders import private_folder
from parsl_like.remote.transfers.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

logger = logging.getLogger(__name__)

SERVER = "transfer.api.globus.org"
TRANSFER = "urn:globus:auth:scope:transfer.api.globus.org:all"
"""The right to have files moved."""

FILE_VARIABLE = "PARSL_LIKE_GLOBUS_TOKENS"
CLIENT_VARIABLE = "PARSL_LIKE_GLOBUS_CLIENT_ID"

REGISTER = (
    "Programs are known to Globus by a client ID. To get one, once and free of charge: at"
    " https://app.globus.org/settings/developers register a thick client, with the redirect URL"
    " https://auth.globus.org/v2/web/auth-code; its client UUID is the ID."
)


class Login(NamedTuple):
    """What has come of a login.

    Attributes:
        client_id: The program that the user allowed it.
        refresh_token: Gets new access tokens; it lasts until it is not used for half a year.
        access_token: Goes with each request.
        expires_at: When it ends, in seconds since the epoch.
        scopes: What the user has allowed.
    """

    client_id: str
    refresh_token: str
    access_token: str
    expires_at: int
    scopes: tuple[str, ...]


# --- the file


def token_path(variables: Mapping[str, str] | None = None) -> Path:
    """Where the login is kept.

    Args:
        variables: The environment; None for that of the process.
    """
    variables = os.environ if variables is None else variables
    if named := variables.get(FILE_VARIABLE):
        return Path(named).expanduser()
    chosen = variables.get("XDG_CONFIG_HOME") or (variables.get("APPDATA") if os.name == "nt" else None)
    home = variables.get("HOME") or os.path.expanduser("~")
    return Path(chosen or Path(home, ".config")) / "parsl_like" / "globus.json"


def read(path: Path) -> Login | None:
    """The login in a file; None if there is no file.

    Raises:
        Trouble: it cannot be read, is not what it should be, or others can read it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_shared(path, os.fstat(file.fileno()))
            found = json.load(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Trouble(f"the login to Globus in {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise Trouble(f"{path} holds no login to Globus; run `{LOGIN} --force`") from error
    try:
        login = Login(**{**found, "scopes": tuple(found["scopes"])})
    except (TypeError, KeyError) as error:
        raise Trouble(f"{path} holds no login to Globus; run `{LOGIN} --force`") from error
    words = (login.client_id, login.refresh_token, login.access_token, *login.scopes)
    if not all(isinstance(word, str) for word in words) or not isinstance(login.expires_at, int):
        raise Trouble(f"{path} holds no login to Globus; run `{LOGIN} --force`")
    return login


def write(path: Path, login: Login) -> None:
    """Keep a login; at every moment there is the old one or the new one, and only this user can read it.

    Raises:
        OSError: it cannot be written.
        ConfigurationError: the folder may be changed by others.
    """
    folder = private_folder(path.parent)
    part = os.path.join(folder, f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(login._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise Trouble(f"{path} belongs to another user ({status.st_uid}); its login to Globus is not used")
    if status.st_mode & 0o077:
        raise Trouble(
            f"{path} can be read by others ({stat.filemode(status.st_mode)}), and so can the login to Globus in it;"
            f" chmod 600 it, and run `{LOGIN} --force` if somebody may have read it"
        )


# --- logging in


def log_in(
    path: Path, client_id: str, scopes: Iterable[str], say: Callable[[str], object], ask: Callable[[str], str]
) -> Login:
    """Have the user log in with a browser, anywhere, and keep what comes of it.

    Args:
        path: Where it is kept.
        client_id: The program's.
        scopes: What he is asked to allow besides having files moved.
        say: Shows him something.
        ask: Asks him for something.

    Raises:
        Trouble: Globus does not take what he says.
        OptionalModuleMissing: globus-sdk is not installed.
        OSError: it cannot be kept.
        ConfigurationError: it would not be safe there.
    """
    module = sdk()
    wanted = tuple(dict.fromkeys([TRANSFER, *scopes]))
    try:
        client = module.NativeAppAuthClient(client_id, app_name="parsl_like")
        client.oauth2_start_flow(
            list(wanted), refresh_tokens=True, prefill_named_grant=f"parsl_like on {socket.gethostname()}"
        )
        say(
            f"Log in to Globus with this address, in a browser on any machine:\n\n{client.oauth2_get_authorize_url()}\n"
        )
        code = ask("The code that you are shown there").strip()
        granted = client.oauth2_exchange_code_for_tokens(code).by_resource_server[SERVER]
        login = Login(
            client_id,
            str(granted["refresh_token"]),
            str(granted["access_token"]),
            int(granted["expires_at_seconds"]),
            wanted,
        )
    except module.GlobusAPIError as error:
        raise Trouble(f"Globus does not take that: {error.http_status} {_said(error)}") from error
    except module.NetworkError as error:
        raise Trouble(f"Globus cannot be reached: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise Trouble("Globus has given no tokens that last; look at the registration of the client ID") from error
    write(path, login)
    return login


def log_out(path: Path, login: Login) -> None:
    """Have Globus forget a login, and remove it here, even if Globus cannot be reached.

    Raises:
        Trouble: Globus could not be told.
        OptionalModuleMissing: globus-sdk is not installed.
        OSError: the file cannot be removed.
    """
    module = sdk()
    path.unlink(missing_ok=True)
    try:
        client = module.NativeAppAuthClient(login.client_id, app_name="parsl_like")
        for token in (login.access_token, login.refresh_token):
            client.oauth2_revoke_token(token)
    except module.GlobusError as error:
        raise Trouble(f"{path} is gone, but Globus could not be told ({error}); revoke it at app.globus.org") from error


def authorizer(variables: Mapping[str, str] | None = None) -> Any:
    """What puts the user's token on requests, and gets a new one when it has ended.

    A program that is run at a terminal asks him to log in if he has not.

    Args:
        variables: The environment; None for that of the process.

    Raises:
        Trouble: there is no login.
        OptionalModuleMissing: globus-sdk is not installed.
    """
    variables = os.environ if variables is None else variables
    path = token_path(variables)
    login = read(path)
    if login is None:
        if not _at_terminal():
            raise Trouble(f"you have not logged in to Globus ({path} is not there); run `{LOGIN}`")
        client_id = variables.get(CLIENT_VARIABLE) or ""
        if not client_id:
            _say(REGISTER)
            client_id = _ask("Client ID").strip()
        try:
            login = log_in(path, client_id, (), _say, _ask)
        except OSError as error:
            raise Trouble(f"the login to Globus cannot be kept in {path}: {error.strerror or error}") from error
    return authorized(path, login)


def authorized(path: Path, login: Login) -> Any:
    """The same for a login that is there.

    Raises:
        Trouble: Globus does not know it any more.
        OptionalModuleMissing: globus-sdk is not installed.
    """
    module = sdk()
    kept = [login]

    def keep(answer: Any) -> None:
        granted = answer.by_resource_server[SERVER]
        kept[0] = kept[0]._replace(
            access_token=granted["access_token"],
            refresh_token=granted.get("refresh_token") or kept[0].refresh_token,
            expires_at=int(granted["expires_at_seconds"]),
        )
        try:
            write(path, kept[0])
        except Exception as error:  # noqa: BLE001 - it is good for this run all the same
            logger.warning("the new token for Globus could not be kept in %s: %s", path, error)

    try:
        return module.RefreshTokenAuthorizer(
            login.refresh_token,
            module.NativeAppAuthClient(login.client_id, app_name="parsl_like"),
            access_token=login.access_token,
            expires_at=login.expires_at,
            on_refresh=keep,
        )
    except module.GlobusAPIError as error:
        raise refusal(error) from error


def _said(error: Any) -> str:
    return " ".join(str(error.message or error.text or error.code).split())[:300]


def _at_terminal() -> bool:
    streams: Sequence[Any] = (sys.stdin, sys.stderr)
    return threading.current_thread() is threading.main_thread() and all(
        stream is not None and stream.isatty() for stream in streams
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _ask(what: str) -> str:
    sys.stderr.write(f"{what}: ")
    sys.stderr.flush()
    return input()
