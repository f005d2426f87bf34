from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.limits import BlockLimits, Decision, ExecutorLoad


@pytest.mark.parametrize(
    "value",
    [
        BlockLimits(1, 0, 4, 0.5, 2),
        ExecutorLoad(ExecutorLabel("htex"), 10, 4, 2, (BlockId("0"),), (BlockId("0"),)),
        Decision(1, (BlockId("0"),), {BlockId("0"): 3.0}, "10 tasks wait for 4 slots"),
    ],
)
def test_numbers_are_values(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, 3)


def test_decisions_do_not_share_what_they_remember() -> None:
    assert Decision() == Decision()
    assert Decision().idle_since is not Decision().idle_since
