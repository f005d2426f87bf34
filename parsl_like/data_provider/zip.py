"""Files that are members of ZIP archives; so far a description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.data_provider.described import DescribedStaging


@spelled()
@dataclass
class ZipFileStaging(DescribedStaging):
    """Describes taking ``zip:`` files out of archives and putting them in, one member for each file."""

    missing: ClassVar[str] = "take files out of ZIP archives"
    meanwhile: ClassVar[str] = "unpack and pack the archive in an app, with zipfile or unzip."
    refused_when_used: ClassVar[bool] = True  # one of default_staging
    brings: ClassVar[tuple[str, ...]] = ("zip",)
    takes_away: ClassVar[tuple[str, ...]] = ("zip",)
