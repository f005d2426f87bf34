"""Files that Globus moves between endpoints; so far a description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect_word
from parsl_like.data_provider.described import DescribedStaging


@spelled()
@dataclass
class GlobusStaging(DescribedStaging):
    """Describes moving ``globus:`` files to and from the endpoint at which an executor's tasks see their files."""

    missing: ClassVar[str] = "move files by Globus (extra 'globus')"
    meanwhile: ClassVar[str] = "move the files with Globus before and after the run, and name them by their paths."
    brings: ClassVar[tuple[str, ...]] = ("globus",)
    takes_away: ClassVar[tuple[str, ...]] = ("globus",)

    endpoint_uuid: str = field(metadata={"help": "The endpoint that tasks see, by its UUID."})
    endpoint_path: str | None = field(
        default=None, metadata={"help": "The endpoint's path of what tasks see as local_path; None for the same."}
    )
    local_path: str | None = field(
        default=None, metadata={"help": "Tasks' path of what the endpoint has at endpoint_path; None for the same."}
    )

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_word(self, "endpoint_uuid")
