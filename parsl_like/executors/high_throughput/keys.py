"""The keys that guard the links over TCP: one CurveZMQ pair per role, in files that only their user can read.

A manager's file holds nothing that would open a driver's link, so a key that leaks from a node cannot submit tasks.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from parsl_like.errors import ConfigurationError

Role = Literal["interchange", "driver", "manager"]

PEERS: Mapping[Role, tuple[Role, ...]] = {
    "interchange": ("driver", "manager"),
    "driver": ("interchange",),
    "manager": ("interchange",),
}
"""Whose public keys each role has."""


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """What one role needs to open its links, and nothing else.

    Attributes:
        role: Whose keys these are.
        public: Its public key, Z85-encoded.
        secret: Its secret key, Z85-encoded.
        peers: Public keys of the roles it talks to.
    """

    role: Role
    public: bytes
    secret: bytes = field(repr=False)
    peers: Mapping[str, bytes]


def create_keys(directory: str | Path) -> None:
    """Make one new key pair per role, as ``<role>.key`` readable by their user alone, whatever the umask is.

    Raises:
        ConfigurationError: if the directory belongs to somebody else.
        FileExistsError: if it holds keys already.
    """
    import zmq  # here: a manager that reads its key may never need a socket of it

    folder = Path(directory)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise ConfigurationError("key directory", str(folder), "a directory of your own, and no link to one")
    folder.chmod(0o700)
    pairs = {role: zmq.curve_keypair() for role in PEERS}
    for role, peers in PEERS.items():
        public, secret = pairs[role]
        content = {
            "role": role,
            "public": public.decode(),
            "secret": secret.decode(),
            "peers": {peer: pairs[peer][0].decode() for peer in peers},
        }
        _write_private(folder / f"{role}.key", json.dumps(content).encode())


def load_keys(directory: str | Path, role: Role) -> RoleKeys:
    """The keys of a role, from files that nobody else can have written or read.

    Raises:
        ConfigurationError: if the file belongs to somebody else, is open to others, or holds no such keys.
        OSError: if it cannot be read.
    """
    path = Path(directory) / f"{role}.key"
    try:
        content = json.loads(_read_private(path))
        peers: dict[str, bytes] = {peer: _key(content["peers"][peer]) for peer in PEERS[role]}
        keys = RoleKeys(role, _key(content["public"]), _key(content["secret"]), peers)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError("key file", str(path), f"a file made by create_keys for the role {role}") from error
    if content.get("role") != role:
        raise ConfigurationError("key file", str(path), f"the keys of the role {role}")
    return keys


def manager_key_file(directory: str | Path) -> bytes:
    """The bytes of ``manager.key``, to be written with mode 0600 where a block's managers find them."""
    return _read_private(Path(directory) / "manager.key")


def _key(text: str) -> bytes:
    key = text.encode("ascii")
    if len(key) != 40:
        raise ValueError
    return key


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)


def _read_private(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid():
            raise ConfigurationError("key file", str(path), f"a file of user {os.geteuid()}, not of {status.st_uid}")
        if status.st_mode & 0o077:
            raise ConfigurationError("key file", f"{path} ({stat.filemode(status.st_mode)})", "mode 0600 (chmod 600)")
        return file.read()
