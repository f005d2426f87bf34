"""The keys that guard the links over TCP: one per role, in files that only their user can read.

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

ADMITTED: Mapping[Role, tuple[Role, ...]] = {"interchange": ("manager",), "driver": ("interchange",), "manager": ()}
"""Whose passwords each role has where links are not encrypted: of those who connect to it."""

MOST_BYTES = 64 * 1024
"""A key file is no larger than this, in bytes."""

_Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """What one role needs to open its links, and nothing else.

    Attributes:
        role: Whose keys these are.
        public: Its public key, Z85-encoded; without encryption its password, which is sent as it is.
        secret: Its secret key, Z85-encoded.
        peers: Public keys of the roles it talks to, or passwords of those it lets in.
        encrypted: Whether links are encrypted (CurveZMQ), or only ask for a password.
    """

    role: Role
    public: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    peers: Mapping[str, bytes] = field(repr=False)
    encrypted: bool = True

    @property
    def mechanism(self) -> bytes:
        """What ZeroMQ calls the way in which they are shown (RFC 23, https://rfc.zeromq.org/spec/23/)."""
        return b"CURVE" if self.encrypted else b"PLAIN"


def create_keys(directory: str | Path, *, encrypted: bool = True) -> None:
    """Make new keys for each role, as ``<role>.key`` readable by their user alone, whatever the umask is.

    Args:
        directory: Where to; made if it is not there.
        encrypted: False for passwords only.

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
    for role, peers in (PEERS if encrypted else ADMITTED).items():
        public, secret = pairs[role]
        content = {
            "role": role,
            "encrypted": encrypted,
            "public": public.decode(),
            "secret": secret.decode(),
            "peers": {peer: pairs[peer][0].decode() for peer in peers},
        }
        write_private(folder / f"{role}.key", json.dumps(content).encode())


def load_keys(directory: str | Path, role: Role) -> RoleKeys:
    """The keys of a role, from files that nobody else can have written or read.

    Raises:
        ConfigurationError: if the file or its directory belongs to somebody else, if it is open to others, or holds
            no such keys.
        OSError: if it cannot be read.
    """
    path = Path(directory) / f"{role}.key"
    text = _read_private(path)
    try:
        content = json.loads(text)
        encrypted = content["encrypted"] is not False
        wanted = (PEERS if encrypted else ADMITTED)[role]
        peers: dict[str, bytes] = {peer: _key(content["peers"][peer]) for peer in wanted}
        keys = RoleKeys(role, _key(content["public"]), _key(content["secret"]), peers, encrypted)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Not from the error that was caught: it may quote what the file holds.
        raise ConfigurationError("key file", str(path), f"a file made by create_keys for the role {role}") from None
    if content.get("role") != role:
        raise ConfigurationError("key file", str(path), f"the keys of the role {role}")
    return keys


def manager_key_file(directory: str | Path) -> bytes:
    """The bytes of ``manager.key``, to be written with mode 0600 where a block's managers find them."""
    return _read_private(Path(directory) / "manager.key")


def _key(text: str) -> bytes:
    """A key of 32 bytes in Z85 (RFC 32, https://rfc.zeromq.org/spec/32/)."""
    key = text.encode("ascii")
    if len(key) != 40:
        raise ValueError
    for start in range(0, 40, 5):
        number = 0
        for digit in key[start : start + 5]:
            number = 85 * number + _Z85.index(digit)
        if number >> 32:
            raise ValueError
    return key


def write_private(path: Path, content: bytes) -> None:
    """Make a file that only its user can read, whatever the umask is.

    Raises:
        FileExistsError: if there is something of that name.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)


def _read_private(path: Path) -> bytes:
    # Something that only looks like a file, a pipe of somebody else, would keep the reader waiting.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError("key file", str(path), "a regular file")
        if status.st_uid != os.geteuid():
            raise ConfigurationError("key file", str(path), f"a file of user {os.geteuid()}, not of {status.st_uid}")
        if status.st_mode & 0o077:
            raise ConfigurationError("key file", f"{path} ({stat.filemode(status.st_mode)})", "mode 0600 (chmod 600)")
        if status.st_size > MOST_BYTES:
            raise ConfigurationError("key file", f"{path} of {status.st_size} bytes", f"at most {MOST_BYTES} bytes")
        _check_folder(path.parent)
        return file.read(MOST_BYTES)


def _check_folder(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(
            "key directory", str(folder), f"a directory of user {os.geteuid()}, not of {status.st_uid}"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        shown = f"{folder} ({stat.filemode(status.st_mode)})"
        raise ConfigurationError("key directory", shown, "one that only you may write to (chmod 700)")
