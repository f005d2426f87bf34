from __future__ import annotations

from types import SimpleNamespace

import pytest

from parsl_like.dataflow.lifting import attribute_of, item_of, lifted_spec


@pytest.mark.parametrize(
    ("how", "value", "what", "part"),
    [
        ("__getitem__", [1, 2], 1, 2),
        ("__getitem__", {"k": 3}, "k", 3),
        ("__getitem__", "text", slice(1, 3), "ex"),
        ("__getattr__", SimpleNamespace(shape=(2, 3)), "shape", (2, 3)),
    ],
)
def test_a_part_of_a_value_is_taken_beside_the_kernel(how: str, value: object, what: object, part: object) -> None:
    app = lifted_spec(how, "internal")
    assert (app.name, app.executors, app.cache, app.join) == (how, ("internal",), False, False)
    assert app.func(value, what) == part


def test_a_part_that_is_not_there_is_the_error_of_the_value() -> None:
    with pytest.raises(IndexError):
        item_of([], 0)
    with pytest.raises(AttributeError):
        attribute_of(object(), "shape")
