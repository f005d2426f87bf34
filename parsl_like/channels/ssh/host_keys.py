"""Whether a machine is the one that is meant: by its key, which must be known, whatever ssh's configuration says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from parsl_like.channels.errors import BadHostKeyException, UnknownHostKeyException
from parsl_like.channels.ssh.known_hosts import HostKey, known_of
from parsl_like.core.advice import as_command
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    import paramiko

    from parsl_like.channels.ssh.destination import Destination

USUAL: Final = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


class HostKeys:
    """The keys that a machine may show, read now.

    Args:
        destination: The machine, with the files that ssh's configuration names.
        filename: The one file that counts; None for those of the configuration, or the usual ones.

    Raises:
        ConfigurationError: the file that counts is not there, or one cannot be read.
    """

    def __init__(self, destination: Destination, filename: str | None) -> None:
        self._destination = destination
        self._files = known_hosts_files(destination, filename)
        try:
            lines = [line for file in self._files for line in file.read_text(errors="replace").splitlines()]
        except OSError as error:
            raise ConfigurationError(f"the known machines cannot be read: {error}") from error
        self.known = known_of(destination.key_name, lines)

    def policy(self) -> paramiko.MissingHostKeyPolicy:
        """What decides for a client of paramiko that knows no machine itself."""
        import paramiko

        compare = self.compare

        class Comparing(paramiko.MissingHostKeyPolicy):
            """Adds nothing, ever."""

            def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
                compare(HostKey(key.get_name(), key.get_base64()))

        return Comparing()

    def compare(self, shown: HostKey) -> None:
        """Accept a key that is known.

        Raises:
            UnknownHostKeyException: none is known.
            BadHostKeyException: another one is known, or this one was revoked.
        """
        if shown in self.known.revoked:
            raise self.other(f"{shown}, which is marked as revoked")
        if shown in self.known.keys:
            return
        if self.known.keys:
            raise self.other(str(shown))
        destination = self._destination
        usual = destination.known_hosts or USUAL
        looked = ", ".join(map(str, self._files)) or f"any file: there is none of {', '.join(usual)}"
        raise UnknownHostKeyException(
            f"{destination.key_name} shows {shown}, and is not in {looked}",
            destination.name,
            hint=_how_to_add(destination, str(self._files[0]) if self._files else usual[0]),
        )

    def other(self, shown: str) -> BadHostKeyException:
        """The error for a machine that shows another key than the one that is known."""
        destination = self._destination
        known = ", ".join(sorted(map(str, self.known.keys))) or "none that may be shown"
        where = ", ".join(map(str, self._files))
        return BadHostKeyException(
            f"{destination.key_name} shows {shown}; known is {known} (in {where})",
            destination.name,
            hint="ask the site: somebody may stand between you and it. Only if it says that its key was changed:"
            f"{as_command(f'ssh-keygen -R {shlex.quote(destination.key_name)} -f FILE')}"
            f"\nand {_how_to_add(destination, 'FILE')}",
        )


def known_hosts_files(destination: Destination, filename: str | None) -> list[Path]:
    """The files in which known machines are looked up; all are there.

    Raises:
        ConfigurationError: one that the channel names is not there.
    """
    if filename is not None:
        path = Path(filename).expanduser()
        if not path.is_file():
            raise ConfigurationError(
                f"There is no file {path} of known machines.",
                hint=f"compare the key of {destination.name} with the one that the site publishes, then:"
                f"{as_command(f'{destination.scan} >> {path}')}",
            )
        return [path]
    return [path for path in (Path(name).expanduser() for name in destination.known_hosts or USUAL) if path.is_file()]


def _how_to_add(destination: Destination, file: str) -> str:
    return (
        "compare what this shows with what the site publishes:"
        f"{as_command(f'{destination.scan} | ssh-keygen -lf -')}"
        f"\nif they are equal:{as_command(f'{destination.scan} >> {file}')}"
    )
