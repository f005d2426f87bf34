"""What annotations say of lists, tables and the names of objects."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from parsl_like.profiles.encoding import encoded
from parsl_like.profiles.shapes import ANY, shape_of
from parsl_like.providers import KubernetesProvider


@pytest.mark.parametrize(
    ("annotation", "array", "named", "table"),
    [
        ("int", list, False, True),
        ("str | None", list, False, True),
        ("Any", list, False, True),
        ("Sequence[str]", list, False, True),
        ("tuple[int, int]", tuple, False, True),
        ("Optional[Tuple[int, ...]]", tuple, False, True),
        ("tuple[int, int] | int | None", tuple, False, True),
        ("set[str]", set, False, True),
        ("FrozenSet[str] | None", frozenset, False, True),
        ("Callable[[str, int], str] | None", list, True, False),
        ("bool | Callable[..., None]", list, True, False),
        ("str | Callable[..., None]", list, False, True),
        ("typing.Callable[[int], str]", list, True, False),
        ("ExecutionProvider | None", list, True, False),
        ("ExecutionProvider | Mapping[str, str]", list, True, True),
        ("'Launcher'", list, True, False),
        ("str | os.PathLike[str]", list, False, True),
        ("Literal['a', 'b'] | None", list, False, True),
        ("Annotated[tuple[int, int], 'ports']", tuple, False, True),
        ("no annotation", list, False, True),
        (int, list, False, True),
        (tuple[int, int], tuple, False, True),
        (Callable[[int], str], list, True, False),
        (Sequence[int] | None, list, False, True),
        (os.PathLike, list, False, True),
        (KubernetesProvider, list, True, False),
        (Any, list, False, True),
    ],
)
def test_shapes(annotation: object, array: type, named: bool, table: bool) -> None:
    found = shape_of(annotation)
    assert (found.array, found.named, found.table) == (array, named, table)


def test_members_have_shapes_of_their_own() -> None:
    assert shape_of("Sequence[tuple[str, set[int]]]").item(3).array is tuple
    assert shape_of("Sequence[tuple[str, set[int]]]").item(0).item(1).array is set
    assert shape_of("Mapping[str, tuple[int, int]]").item(0).array is tuple
    assert shape_of("tuple[Callable[..., str], ...]").item(7).named
    assert shape_of("list").item(0) == ANY


def test_pairs_are_written_as_plain_lists_where_only_pairs_can_be_meant() -> None:
    table = encoded(KubernetesProvider("image", persistent_volumes=[("claim", "/data")])).table
    assert table["persistent_volumes"] == [["claim", "/data"]]
