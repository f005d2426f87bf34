"""What every executor can do with files unless it is told otherwise, as the package's own plugin says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.data_provider import data_manager
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence


@hookimpl
def parsl_like_default_staging() -> Sequence[Any]:
    """The list as it is when a run opens; programs may have added to it."""
    return list(data_manager.default_staging)
