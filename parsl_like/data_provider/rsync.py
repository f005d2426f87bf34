"""Files that tasks copy by rsync from and to the machine of the program; so far a description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_word
from parsl_like.data_provider.described import DescribedStaging


@spelled()
@dataclass
class RSyncStaging(DescribedStaging):
    """Describes copying files by rsync, within the task, where workers see none of this machine's files."""

    missing: ClassVar[str] = "copy files by rsync"
    meanwhile: ClassVar[str] = "use a file system that workers and this machine share, or call rsync in a bash app."
    brings: ClassVar[tuple[str, ...]] = ("file",)
    takes_away: ClassVar[tuple[str, ...]] = ("file",)

    hostname: str = field(metadata={"help": "This machine as workers reach it by rsync, with a user if need be."})

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_word(self, "hostname")
