"""Files that every task can reach as they are: on a shared file system, or on the one machine there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.data_provider.staging import Staging

if TYPE_CHECKING:
    from parsl_like.data_provider.files import File


@dataclass(frozen=True)
class NoOpFileStaging(Staging):
    """Takes paths and ``file:`` URLs, and moves nothing."""

    def can_stage_in(self, file: File) -> bool:
        """Whether the file is named by a path."""
        return file.scheme == "file"

    def can_stage_out(self, file: File) -> bool:
        """Whether the file is named by a path."""
        return file.scheme == "file"
