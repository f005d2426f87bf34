"""Files from FTP servers, before a task or within it; so far descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.data_provider.described import DescribedStaging


@spelled()
@dataclass
class FTPSeparateTaskStaging(DescribedStaging):
    """Describes fetching ``ftp:`` files by a task of their own, once for all who want them."""

    missing: ClassVar[str] = "fetch files by FTP"
    meanwhile: ClassVar[str] = "fetch the file in an app, with ftplib or curl, and pass it on as an output."
    refused_when_used: ClassVar[bool] = True  # one of default_staging
    brings: ClassVar[tuple[str, ...]] = ("ftp",)


@spelled()
@dataclass
class FTPInTaskStaging(DescribedStaging):
    """Describes fetching ``ftp:`` files within the task that wants them."""

    missing: ClassVar[str] = FTPSeparateTaskStaging.missing
    meanwhile: ClassVar[str] = FTPSeparateTaskStaging.meanwhile
    brings: ClassVar[tuple[str, ...]] = ("ftp",)
