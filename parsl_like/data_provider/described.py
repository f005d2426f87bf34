"""The base of ways to move files that this version only describes: they are built and compared, and take no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.description import Description
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.data_provider.staging import Staging

if TYPE_CHECKING:
    from parsl_like.data_provider.files import File


@dataclass
class DescribedStaging(Unbuilt, Staging, Description):
    """Says which files it would take. A file for it is refused, and so is a run that names one which is no default.

    Attributes:
        brings: Schemes of the URLs that it would bring to tasks.
        takes_away: Schemes of the URLs that it would take results to.
    """

    brings: ClassVar[tuple[str, ...]] = ()
    takes_away: ClassVar[tuple[str, ...]] = ()

    def can_stage_in(self, file: File) -> bool:
        """Whether the file's URL has a scheme that it would bring."""
        return file.scheme in self.brings

    def can_stage_out(self, file: File) -> bool:
        """Whether the file's URL has a scheme that it would take results to."""
        return file.scheme in self.takes_away
