"""One login by paramiko, over as many machines as are on the way; nothing of it is left when it fails."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import time
from typing import TYPE_CHECKING, Any, Final

from parsl_like.channels.errors import AuthException, SSHException
from parsl_like.channels.ssh import limits
from parsl_like.channels.ssh.destination import SSH_PORT
from parsl_like.channels.ssh.host_keys import HostKeys
from parsl_like.channels.ssh.known_hosts import fitting
from parsl_like.core.advice import as_command
from parsl_like.errors import ChannelError, ConfigurationError, OptionalModuleMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

    from parsl_like.channels.ssh.destination import Destination

LOG: Final = "parsl_like.channels.ssh.paramiko"
"""The logger of paramiko's own words."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """How to log in.

    Attributes:
        password: The password, which may also be that of a key.
        gssapi: Whether to log in by Kerberos.
        skip: Whether the machine asks for no login.
        known_hosts: The file of known machines; None for the usual ones.
    """

    password: str | None = dataclasses.field(default=None, repr=False)
    gssapi: bool = False
    skip: bool = False
    known_hosts: str | None = None


def load_paramiko() -> Any:
    """The module.

    Raises:
        OptionalModuleMissing: it is not installed.
    """
    try:
        import paramiko
    except ImportError as error:
        raise OptionalModuleMissing(
            ["paramiko"],
            "SSHChannel logs in with it: pip install 'parsl_like[ssh]'; OpenSSHChannel needs only ssh itself",
        ) from error
    return paramiko


def log_in(destination: Destination, credentials: Credentials, deadline: float) -> list[paramiko.SSHClient]:
    """Connect and log in.

    Args:
        destination: Where to.
        credentials: How, on the last machine; keys and agents must do for those on the way.
        deadline: By when, in monotonic seconds.

    Returns:
        The clients, the last machine's first; each is reached through the one after it.

    Raises:
        UnknownHostKeyException: the machine's key is not known.
        BadHostKeyException: it is another one than the one that is known.
        AuthException: the login is not accepted.
        SSHException: the machine cannot be reached, or does not answer in time.
        ConfigurationError: the installed paramiko cannot do what is asked for.
    """
    before: list[paramiko.SSHClient] = []
    try:
        if destination.through is not None:
            way = Credentials(known_hosts=credentials.known_hosts)
            before = log_in(destination.through, way, deadline)
        return [_one_login(destination, credentials, deadline, before), *before]
    except BaseException:
        for client in before:
            end(client)
        raise


def end(client: paramiko.SSHClient) -> None:
    """Close a client; no error if the connection below it is gone."""
    module = load_paramiko()
    with contextlib.suppress(module.SSHException, EOFError, OSError):
        client.close()


def _one_login(
    destination: Destination, credentials: Credentials, deadline: float, before: list[paramiko.SSHClient]
) -> paramiko.SSHClient:
    module = load_paramiko()
    keys = HostKeys(destination, credentials.known_hosts)
    options = _options(module, destination, credentials)
    client: paramiko.SSHClient = module.SSHClient()
    client.set_log_channel(LOG)
    client.set_missing_host_key_policy(keys.policy())
    options["transport_factory"] = _transports(module, keys.known.kinds)
    try:
        _connect(client, destination, options, deadline, before)
    except BaseException as error:
        end(client)
        refusal = _refusal(error, destination, keys, module)
        if refusal is error:
            raise
        raise refusal from error
    return client


def _connect(
    client: paramiko.SSHClient,
    destination: Destination,
    options: dict[str, Any],
    deadline: float,
    before: list[paramiko.SSHClient],
) -> None:
    sock = _socket_to(destination, deadline, before)
    left = _left(deadline) + 5  # what ends it all comes first
    try:
        # Each step has a limit of its own, and some have none.
        with limits.at(deadline, lambda: _shut(sock)) as late:
            client.connect(
                destination.alias or destination.hostname,
                port=SSH_PORT if destination.alias is not None else destination.port,
                username=destination.username,
                sock=sock,
                timeout=left,
                banner_timeout=left,
                auth_timeout=left,
                channel_timeout=left,
                **options,
            )
    except BaseException as error:
        _shut(sock)
        with contextlib.suppress(OSError, EOFError):
            sock.close()
        if late.is_set():
            raise _too_late(destination) from error
        raise


def _options(paramiko: Any, destination: Destination, credentials: Credentials) -> dict[str, Any]:
    """The options of ``connect`` that tell how to log in."""
    if credentials.skip:
        return {"auth_strategy": _NoLogin(destination.username)}
    keys = [os.path.expanduser(key) for key in destination.keys]
    if destination.explicit and not os.access(keys[0], os.R_OK):
        raise AuthException(
            f"there is no key {keys[0]} that can be read",
            destination.name,
            hint="correct key_filename= of the channel.",
        )
    options: dict[str, Any] = {
        "password": credentials.password,
        # ssh, too, passes over keys of its configuration that are not there.
        "key_filename": [key for key in keys if os.access(key, os.R_OK)] or None,
        "allow_agent": destination.agent,
        "look_for_keys": not destination.explicit,
    }
    if credentials.gssapi:
        import inspect

        if "gss_auth" not in inspect.signature(paramiko.SSHClient.connect).parameters:
            raise ConfigurationError(
                f"gssapi_auth=True: paramiko {paramiko.__version__} has no GSSAPI any more.",
                hint="use OpenSSHChannel, which logs in as ssh does, or pip install 'paramiko[gssapi]<5'.",
            )
        options["gss_auth"] = True
    return options


class _NoLogin:
    """Says who one is and nothing else, in the form in which paramiko takes a way to log in."""

    def __init__(self, username: str) -> None:
        self._username = username

    def authenticate(self, transport: paramiko.Transport) -> object:
        return transport.auth_none(self._username)


def _transports(paramiko: Any, kinds: set[str]) -> Callable[..., paramiko.Transport]:
    """What makes a transport to which the server shows a key of a kind that is known, if it has one."""

    def made(sock: Any, **options: Any) -> paramiko.Transport:
        transport: paramiko.Transport = paramiko.Transport(sock, disabled_algorithms=options.get("disabled_algorithms"))
        security = transport.get_security_options()
        ways = fitting(kinds, security.key_types)
        if ways:
            security.key_types = ways
        return transport

    return made


def _socket_to(destination: Destination, deadline: float, before: list[paramiko.SSHClient]) -> Any:
    if before:
        transport = before[0].get_transport()
        if transport is None:
            raise EOFError
        way = (destination.hostname, destination.port)
        return transport.open_channel("direct-tcpip", way, ("127.0.0.1", 0), timeout=_left(deadline))
    sock = socket.create_connection((destination.hostname, destination.port), timeout=_left(deadline))
    # What is sent is small and awaited.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def _shut(sock: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        sock.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())


# --- why it failed ---


def _too_late(destination: Destination) -> SSHException:
    return SSHException(
        f"no login at {destination.hostname}:{destination.port} in time",
        destination.name,
        transient=True,
        hint=f"see how long this takes:{as_command(f'{destination.login} true')}",
    )


def _refusal(error: BaseException, destination: Destination, keys: HostKeys, paramiko: Any) -> BaseException:
    """The error to raise for one that was raised in a login."""
    if isinstance(error, ChannelError | ConfigurationError) or not isinstance(error, Exception):
        return error
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer) and "host key" in str(error):
        return keys.other("no key of a kind that is known")
    if isinstance(error, paramiko.AuthenticationException):
        return _not_accepted(error, destination, paramiko)
    return _unreachable(error, destination)


def _not_accepted(error: Exception, destination: Destination, paramiko: Any) -> ChannelError:
    text, by_hand = str(error), as_command(f"{destination.login} true")
    if "timeout" in text.lower() or "eof" in text.lower():
        return SSHException(text, destination.name, transient=True, hint=f"see what this says:{by_hand}")
    if isinstance(error, paramiko.PasswordRequiredException):
        text = f"{text}; a key needs its passphrase"
    keys = ", ".join(destination.keys) or "the agent and the keys in ~/.ssh"
    return AuthException(
        f"{destination.username} at {destination.hostname}:{destination.port}: {text} Tried: {keys}",
        destination.name,
        hint=f"see whether this works:{by_hand}\ngive username= and key_filename=, or add the key to the agent "
        "(ssh-add). For a machine that asks for a code, use OpenSSHChannel or SSHInteractiveLoginChannel.",
    )


def _unreachable(error: Exception, destination: Destination) -> SSHException:
    place = f"{destination.hostname}:{destination.port}"
    hint = f"see whether this works:{as_command(f'{destination.login} true')}"
    if isinstance(error, socket.gaierror):
        text = f"the name {destination.hostname} is not known: {error.strerror}"
        return SSHException(text, destination.name, transient=error.errno == socket.EAI_AGAIN, hint=hint)
    what = str(error) or type(error).__name__
    return SSHException(f"{place}: {what}", destination.name, transient=True, hint=hint)
