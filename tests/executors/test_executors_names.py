from __future__ import annotations

import pytest

from parsl_like import errors, executors
from parsl_like.executors import errors as executor_errors


@pytest.mark.parametrize("name", executors.__all__)
def test_every_name_leads_to_a_class_of_that_name(name: str) -> None:
    assert getattr(executors, name).__name__ == name


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="NoSuchExecutor"):
        _ = executors.NoSuchExecutor  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", executor_errors.__all__)
def test_the_errors_of_executors_are_the_packages_own(name: str) -> None:
    assert getattr(executor_errors, name) is getattr(errors, name)
