"""What a file of known machines says of one: the keys it may show, and those that nobody may. Pure.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Keys that are only vouched for by an authority are not among them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_HASHED: Final = "|1|"
_SIGNED_BY: Final = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa"}
"""RFC 8332: one kind of key, several ways to sign with it."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A machine's public key.

    Attributes:
        kind: ``ssh-ed25519`` and the like.
        blob: The key itself, in base64.
    """

    kind: str
    blob: str

    def __str__(self) -> str:
        """As ``ssh-keygen -l`` shows it, the kind of key first."""
        try:
            digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        except binascii.Error:
            return f"{self.kind} {self.blob}"
        return f"{self.kind} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a machine.

    Attributes:
        keys: The keys that it may show.
        revoked: Keys that no machine may show any more.
    """

    keys: frozenset[HostKey] = frozenset()
    revoked: frozenset[HostKey] = frozenset()

    @property
    def kinds(self) -> set[str]:
        """The kinds of its keys."""
        return {key.kind for key in self.keys}


def known_of(name: str, lines: Iterable[str]) -> Known:
    """What the lines of files of known machines say.

    Args:
        name: The machine, as ``host`` or ``[host]:port``.
        lines: Lines that cannot be understood say nothing.
    """
    keys, revoked = set(), set()
    for line in lines:
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or not _names(words[0], name.lower()):
            continue
        key = HostKey(words[1], words[2])
        if not marker:
            keys.add(key)
        elif marker == "@revoked":
            revoked.add(key)
    return Known(frozenset(keys - revoked), frozenset(revoked))


def fitting(kinds: set[str], offered: Iterable[str]) -> list[str]:
    """The ways to sign that a server may choose from, so that it shows a key of a kind that is known if it has one.

    Args:
        kinds: The kinds that are known of it.
        offered: All ways, in order of preference.
    """
    return [way for way in offered if _SIGNED_BY.get(way, way) in kinds]


def _names(patterns: str, name: str) -> bool:
    """Whether a line's first word means a machine; one pattern that excludes it is enough that it does not."""
    if patterns.startswith(_HASHED):
        return _is_hash_of(patterns, name)
    meant = False
    for pattern in patterns.lower().split(","):
        if _matches(pattern.removeprefix("!"), name):
            if pattern.startswith("!"):
                return False
            meant = True
    return meant


def _matches(pattern: str, name: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, name) is not None


def _is_hash_of(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in hashed.removeprefix(_HASHED).split("|"))
    except ValueError:  # binascii.Error is one
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
