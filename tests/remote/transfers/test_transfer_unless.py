"""A function that takes files away is not called for those that were taken away before."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.remote.transfers.intask import Take
from parsl_like.remote.transfers.unless import unless_recalled

TAKE = Take("http://me:hush@h/x", "/p/x", "t")


def carry(what: Any, after: Any, *, _parsl_staging_inhibit: bool = False) -> Any:
    return what, after, _parsl_staging_inhibit


@pytest.mark.parametrize("join", [False, True])
def test_it_is_called_unless_the_file_is_there(join: bool) -> None:
    func = unless_recalled(carry, join=join)
    assert func.__name__ == "carry"
    assert func(TAKE, "file", False, _parsl_staging_inhibit=True) == (TAKE, "file", True)
    given = func(TAKE, "file", True, _parsl_staging_inhibit=True)
    nothing = given.result(0) if join else given
    assert (nothing.url, nothing.path, nothing.size, nothing.tries) == ("http://h/x", "/p/x", 0, 0)


def test_it_is_the_same_for_all_transfers() -> None:
    assert unless_recalled(carry, join=False) is unless_recalled(carry, join=False)
    assert unless_recalled(carry, join=True) is not unless_recalled(carry, join=False)
