"""A clock that goes only when it is told to."""

from __future__ import annotations

import pytest

from parsl_like.testing.fake_clock import FakeClock


def test_it_goes_when_it_is_told_to() -> None:
    clock = FakeClock(monotonic=5.0, wall=100.0)
    assert clock.advance(2.0) == clock.monotonic() == 7.0
    assert clock.wall() == 102.0


def test_the_wall_clock_may_be_set_the_other_never_goes_back() -> None:
    clock = FakeClock(monotonic=5.0, wall=100.0)
    clock.set_wall(1.0)
    assert (clock.monotonic(), clock.wall()) == (5.0, 1.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1.0)
