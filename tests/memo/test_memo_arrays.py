"""Canonical forms of NumPy's and pandas' values."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from parsl_like.memo import arrays
from parsl_like.memo.errors import MemoKeyError
from parsl_like.memo.hashers import form_of

DIFFERENT: list[Any] = [
    *(np.arange(6), np.arange(6.0), np.arange(6, dtype="i4"), np.arange(6, dtype=">i4"), np.arange(7)),
    *(np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2), np.arange(6).reshape(6, 1), np.arange(6)[::-1]),
    *(np.zeros(0), np.zeros((0, 3)), np.zeros(()), np.zeros(1), np.array([-0.0]), np.array([True]), np.array([np.nan])),
    *(np.array(["a", "b"]), np.array([b"a", b"b"]), np.array(["a", None], object), np.array([[1], 2], object)),
    *(np.array([1, "a"], object), np.array([1.0, "a"], object), np.array([1j]), np.array(["2026-01-01"], "M8[D]")),
    *(np.array(["2026-01-01"], "M8[s]"), np.array([1], "m8[s]"), np.array([1, 2], "longdouble")),
    *(np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), np.array([(1, 2.0)], [("a", "i4"), ("c", "f8")])),
    *(np.array([(1, 3.0)], [("a", "i4"), ("b", "f8")]), np.array([("x", 1)], [("a", object), ("b", "i4")])),
    *(np.ma.array([1, 2, 3], mask=[0, 1, 0]), np.ma.array([1, 2, 3], mask=[0, 0, 1])),
    *(np.ma.array([1, 2, 3]), np.ma.array([1, 2, 3], fill_value=7), np.array(["a"], np.dtypes.StringDType())),
    *(np.float64(1), np.float32(1), np.int64(1), np.int32(1), np.bool_(True), np.str_("a"), np.bytes_(b"a")),
    *(np.float64("nan"), np.datetime64("2026-01-01"), np.timedelta64(1, "s"), np.longdouble(1), np.void(b"a")),
    *(np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])[0], np.complex128(1), np.dtype("i4"), np.dtype("i8")),
    *(np.add, np.multiply, np.mean, np.float64, np.float32),
    *(1, 1.0, True, "a", b"a", [0, 1, 2, 3, 4, 5]),
]


def test_different_values_have_different_forms() -> None:
    forms: dict[bytes, Any] = {}
    for value in DIFFERENT:
        form = form_of(value)
        assert form not in forms, f"{value!r} and {forms.get(form)!r}"
        forms[form] = value


PADDED = np.dtype([("a", "i1"), ("b", "f8")], align=True)


def padded(filling: int) -> Any:
    """One record whose padding holds something."""
    raw = np.full(PADDED.itemsize, filling, "u1")
    record = raw.view(PADDED)
    record["a"], record["b"] = 1, 2.0
    return record


EQUAL: list[tuple[Any, Any]] = [
    (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
    (np.arange(10)[::2], np.arange(0, 10, 2)),
    (np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1), np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1).copy()),
    (np.broadcast_to(np.array(3), (4, 2)), np.full((4, 2), 3)),
    (padded(0), padded(255)),
    (np.longdouble(1) / 3, np.longdouble(1) / 3),
    (np.ma.array([1, 2, 3], mask=[0, 1, 0]), np.ma.array([1, 9, 3], mask=[0, 1, 0])),
    (np.array([{"a": 1, "b": 2}], object), np.array([{"b": 2, "a": 1}], object)),
]


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=range(len(EQUAL)))
def test_equal_values_have_equal_forms(one: Any, other: Any) -> None:
    assert form_of(one) == form_of(other)


def test_arrays_are_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "PIECE", 64)
    for array in (np.arange(1000)[::2], np.arange(1000).reshape(2, 500).T, np.arange(600).reshape(2, 3, 100)[:, ::-1]):
        assert form_of(array) == form_of(array.copy())


def test_a_file_in_memory_is_an_array(tmp_path: Any) -> None:
    np.save(tmp_path / "a.npy", np.arange(5))
    assert form_of(np.load(tmp_path / "a.npy", mmap_mode="r")) == form_of(np.arange(5))


class Quantity(np.ndarray):
    """An array with a unit."""

    unit: Any


def of_unit(unit: Any) -> Any:
    quantity = np.arange(3).view(Quantity)
    quantity.unit = unit
    return quantity


def test_what_a_subclass_knows_counts() -> None:
    assert form_of(of_unit("m")) == form_of(of_unit("m")) != form_of(of_unit("s"))
    with pytest.raises(MemoKeyError, match="unknown type for memoization: object"):
        form_of(of_unit(object()))


def test_what_a_program_registers_for_arrays_counts() -> None:
    """Parsl's documents show it."""
    code = """
import numpy as np
from parsl_like.dataflow.memoization import id_for_memo
from parsl_like.memo.keys import Call, key_of

@id_for_memo.register(np.ndarray)
def of_array(value, output_ref=False):
    return str(value.shape).encode()

print(id_for_memo(np.zeros(3)))
print(key_of(Call(len, "len", (np.zeros(3),))) == key_of(Call(len, "len", (np.ones(3),))))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split("\n")[:2] == ["b'(3,)'", "True"]


def test_nothing_is_imported_for_values_that_are_not_there() -> None:
    code = """
import sys
before = set(sys.modules)  # an interpreter may need some of them to start
from parsl_like.memo.keys import Call, key_of
key_of(Call(len, "len", ([1, {"a": "b"}],)))
print(sorted({"numpy", "pandas", "decimal", "uuid", "fractions", "pathlib"} & set(sys.modules) - before))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_records_of_arrays_are_told_apart() -> None:
    one, other = np.zeros(2, [("a", "f8", (2,)), ("b", "i4")]), np.zeros(2, [("a", "f8", (2,)), ("b", "i4")])
    assert form_of(one) == form_of(other) != form_of(np.zeros(2, [("a", "i8", (2,)), ("b", "i4")]))
    other["a"][0, 1] = 5
    assert form_of(one) != form_of(other)


# --- pandas


@pytest.fixture(scope="module")
def pd() -> Any:
    return pytest.importorskip("pandas")


def frame(pd: Any, **changes: Any) -> Any:
    return pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, float("nan")], **changes})


def test_frames_are_told_apart(pd: Any) -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])
    day = pd.Timestamp("2026-01-01")
    different = [
        *(frame(pd), frame(pd, a=[1, 3]), frame(pd, a=[1.0, 2.0]), frame(pd, b=["x", "y"]), frame(pd, d=[1, 2])),
        *(frame(pd)[["b", "a", "c"]], frame(pd).set_index("a"), frame(pd).rename(columns={"a": "A"}), frame(pd)[:1]),
        *(frame(pd, a=pd.Categorical(["u", "v"])), frame(pd, a=pd.Categorical(["u", "v"], ["v", "u"]))),
        *(frame(pd, a=pd.Categorical(["u", "v"], ordered=True)), frame(pd, a=pd.array([1, None], "Int64"))),
        *(frame(pd, a=pd.array([1, 2], "Int64")), frame(pd, a=pd.date_range(day, periods=2))),
        *(frame(pd, a=pd.date_range(day, periods=2, tz="UTC")), frame(pd).set_axis(index), pd.DataFrame()),
        *(pd.Series([1, 2]), pd.Series([1, 2], name="a"), pd.Series([1.0, 2]), pd.Series([1, 2], index=["a", "b"])),
        *(pd.Index([1, 2]), pd.Index([1, 2], name="a"), index, index.rename(["x", "z"]), pd.Index(["1", "2"])),
        *(day, pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-01-01T00:00:00.000000001"), pd.NaT, pd.NA),
        *(pd.Timedelta("1s"), pd.Timedelta("1ns"), pd.Period("2026-01", "M"), pd.Period("2026-01-01", "D")),
        *(pd.Interval(0, 1), pd.Interval(0, 1, closed="left"), pd.array([1, 2], "Int64"), pd.Categorical(["u"])),
    ]
    forms = {form_of(value) for value in different}
    assert len(forms) == len(different)


def test_equal_frames_are_equal(pd: Any) -> None:
    assert form_of(frame(pd)) == form_of(frame(pd).copy())
    assert form_of(frame(pd)) == form_of(frame(pd)[["c", "b", "a"]][["a", "b", "c"]])
    assert form_of(pd.RangeIndex(3)) == form_of(pd.Index([0, 1, 2]))
    assert form_of(frame(pd).T) == form_of(frame(pd).T.copy())


def test_an_unknown_type_in_a_frame_is_refused(pd: Any) -> None:
    with pytest.raises(MemoKeyError, match="unknown type for memoization: object"):
        form_of(frame(pd, a=[object(), 1]))
