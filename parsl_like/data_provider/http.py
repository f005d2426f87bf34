"""Files from web servers, before a task or within it; so far descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from parsl_like.core.arguments import spelled
from parsl_like.data_provider.described import DescribedStaging


@spelled()
@dataclass
class HTTPSeparateTaskStaging(DescribedStaging):
    """Describes fetching ``http:`` and ``https:`` files by a task of their own, once for all who want them."""

    missing: ClassVar[str] = "fetch files by HTTP"
    meanwhile: ClassVar[str] = "fetch the file in an app, with urllib.request or curl, and pass it on as an output."
    refused_when_used: ClassVar[bool] = True  # one of default_staging
    brings: ClassVar[tuple[str, ...]] = ("http", "https")


@spelled()
@dataclass
class HTTPInTaskStaging(DescribedStaging):
    """Describes fetching ``http:`` and ``https:`` files within the task that wants them."""

    missing: ClassVar[str] = HTTPSeparateTaskStaging.missing
    meanwhile: ClassVar[str] = HTTPSeparateTaskStaging.meanwhile
    brings: ClassVar[tuple[str, ...]] = ("http", "https")
