"""Numbers that users give."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.core.numeric import finite
from parsl_like.errors import ConfigurationError


def test_what_is_a_number_is_taken_as_one() -> None:
    assert [finite("priority", value) for value in (3, -2.5, "7", True)] == [3.0, -2.5, 7.0, 1.0]


@pytest.mark.parametrize("value", ["high", None, float("nan"), float("inf"), 10**400, [1]])
def test_what_is_none_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="priority"):
        finite("priority", value)
