"""The channel to another machine by ssh where somebody has to answer questions to log in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels.ssh.ssh import SSHChannel
from parsl_like.core.arguments import spelled

if TYPE_CHECKING:
    import os


@spelled()
@dataclasses.dataclass
class SSHInteractiveLoginChannel(SSHChannel):
    """Describes an :class:`~parsl_like.channels.ssh.ssh.SSHChannel` whose login asks for a password and more."""

    missing: ClassVar[str] = "run commands over ssh, nor log in by hand"

    gssapi_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    skip_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    port: int = dataclasses.field(default=22, init=False, repr=False)
    key_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)
