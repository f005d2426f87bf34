"""All contracts can be had from one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from parsl_like.testing import contracts


@pytest.mark.parametrize("name", contracts.__all__)
def test_each_is_there_and_is_no_test_itself(name: str) -> None:
    contract = getattr(contracts, name)
    assert contract.__name__ == name
    assert any(member.startswith("test_") for member in dir(contract))


def test_none_is_left_out() -> None:
    modules = Path(contracts.__file__).parent.glob("*_contract.py")
    assert sorted("".join(map(str.capitalize, path.stem.split("_"))) for path in modules) == contracts.__all__


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="NoSuchContract"):
        _ = contracts.NoSuchContract
