"""The channel to another machine by ssh."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels.base import Channel
from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_path, expect_port, expect_word, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    import os

ON_THE_CLUSTER = "start the program on the machine where the batch system is, without a channel."
"""What to do as long as this version has no ssh."""


def _refuse_password(value: object, expected: str) -> ConfigurationError:
    """The error for a password of a wrong type; whatever it is, it may hold the secret, so it is not shown."""
    return ConfigurationError(f"SSHChannel.password is of type {type(value).__name__}; {expected}.")


@spelled()
@dataclasses.dataclass
class SSHChannel(Unbuilt, Channel):
    """Describes commands that run on another machine, and files that are brought there, by ssh.

    The password is not part of what the description prints.
    """

    missing: ClassVar[str] = "run commands over ssh"
    meanwhile: ClassVar[str] = ON_THE_CLUSTER

    hostname: str = dataclasses.field(metadata={"help": "The machine, by name or address."})
    username: str | None = dataclasses.field(
        default=None, metadata={"help": "The user there; None for what ssh's configuration says."}
    )
    password: str | None = dataclasses.field(
        default=None,
        repr=False,
        metadata={"help": "The password; None for keys and agents. Never printed.", "refusal": _refuse_password},
    )
    script_dir: str | None = dataclasses.field(
        default=None, metadata={"help": "Where a provider puts scripts there; None leaves that to the run."}
    )
    envs: Mapping[str, str] | None = dataclasses.field(
        default=None, metadata={"help": "Variables added to the environment of commands; None for none."}
    )
    gssapi_auth: bool = dataclasses.field(default=False, metadata={"help": "Whether to log in by GSSAPI (Kerberos)."})
    skip_auth: bool = dataclasses.field(
        default=False, metadata={"help": "Whether the machine takes commands without any login."}
    )
    port: int = dataclasses.field(default=22, metadata={"help": "The port of the machine's ssh server."})
    key_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "A private key's file; None for those that ssh would try."}
    )
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "The file of known machines; None for ~/.ssh/known_hosts."}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "hostname")
        expect_port(self, "port", optional=False)
        expect_path(self, "key_filename", "host_keys_filename")
