"""The channel to another machine by ssh with an OAuth token in the place of a password."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels.ssh.ssh import SSHChannel
from parsl_like.core.arguments import spelled

if TYPE_CHECKING:
    import os


@spelled()
@dataclasses.dataclass
class OAuthSSHChannel(SSHChannel):
    """Describes an :class:`~parsl_like.channels.ssh.ssh.SSHChannel` whose login uses a token of Globus Auth."""

    missing: ClassVar[str] = "run commands over ssh, nor log in with a token"

    password: str | None = dataclasses.field(default=None, init=False, repr=False)
    gssapi_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    skip_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    key_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)
