"""Canonical forms of NumPy's and pandas' values, found by the names of their types: neither is imported here.

Arrays are equal if type, shape and every bit of every element are: ``-0.0`` is not ``0.0`` and ``float32`` is not
``float64``; how an array lies in memory does not count. Large arrays are read where they are, not copied.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from parsl_like.memo.canonical import (
    class_name,
    form_of,
    framed,
    mapping_form,
    rule,
    sequence_form,
)

PIECE = 1 << 20
"""Bytes that are copied at a time from an array whose elements do not lie one after another."""


# --- NumPy


@rule("numpy.generic", inherited=True)
def _scalar(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"number", _type_form(obj.dtype), _elements(obj[...] if obj.dtype.names else obj.reshape(1)))


@rule("numpy.ndarray", inherited=True, constant=False)
def _array(obj: Any, output_ref: bool = False) -> bytes:
    kind = type(obj)
    form = framed(b"array", _type_form(obj.dtype), form_of(obj.shape), _elements(obj))
    if f"{kind.__module__}.{kind.__qualname__}" in ("numpy.ndarray", "numpy.memmap"):
        return form
    state = getattr(obj, "__dict__", None)  # a unit, for instance
    return framed(b"array of a subclass", class_name(kind), form, mapping_form(state.items()) if state else b"")


@rule("numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray", constant=False)
def _masked(obj: Any, output_ref: bool = False) -> bytes:
    """Mask and values; what lies under the mask does not count."""
    mask = _mask_of(obj)
    shown = obj.filled(obj.dtype.type(0)) if obj.dtype.names is None else obj.filled()
    return framed(b"masked", form_of(mask), form_of(shown), form_of(obj.fill_value))


def _mask_of(array: Any) -> Any:
    mask = array.mask
    return mask if getattr(mask, "shape", ()) == array.shape else array.recordmask if array.dtype.names else False


@rule("numpy.dtype", inherited=True)
def _type(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"dtype", _type_form(obj))


@rule("numpy.ufunc")
def _ufunc(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"ufunc", obj.__name__.encode())


def _type_form(dtype: Any) -> bytes:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return framed(b"block", _type_form(base), form_of(shape))
    if dtype.names is None:
        return b"%s%s" % (dtype.str.encode(), repr(dtype).encode() if dtype.kind == "T" else b"")
    fields = [(name, dtype.fields[name][0]) for name in dtype.names]  # offsets and padding do not count
    return framed(b"record", *(part for name, each in fields for part in (name.encode(), _type_form(each))))


def _elements(array: Any) -> bytes:
    dtype = array.dtype
    if dtype.names is not None:
        return framed(b"columns", *(_elements(array[name]) for name in dtype.names))
    if dtype.hasobject or dtype.kind == "T":
        return sequence_form(b"[", array.ravel().tolist())
    if dtype.char in "gG":  # 80 bits of 128 have a meaning
        return sequence_form(b"[", [repr(number) for number in array.ravel()])
    digest = blake2b(digest_size=32)
    _read(array, digest.update)
    return digest.digest()


def _read(array: Any, update: Any) -> None:
    """Give the bytes of the elements, in the order of the indices."""
    if not array.size or not array.dtype.itemsize:
        return
    if array.flags.c_contiguous:
        update(array.reshape(-1).view("u1").data)
    elif array.ndim < 2 or array[0].nbytes <= PIECE:
        step = max(1, PIECE // max(1, array[0].nbytes))
        for start in range(0, len(array), step):
            update(array[start : start + step].tobytes())
    else:
        for part in array:
            _read(part, update)


# --- pandas


@rule("pandas.DataFrame", "pandas.core.frame.DataFrame", constant=False)
def _frame(obj: Any, output_ref: bool = False) -> bytes:
    columns = (_values(obj.iloc[:, number].array) for number in range(obj.shape[1]))
    return framed(b"frame", form_of(obj.columns), form_of(obj.index), *columns)


@rule("pandas.Series", "pandas.core.series.Series", constant=False)
def _series(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"series", form_of(obj.name), form_of(obj.index), _values(obj.array))


@rule("pandas.Index", "pandas.core.indexes.base.Index", inherited=True)
def _index(obj: Any, output_ref: bool = False) -> bytes:
    """Names and values; a RangeIndex is equal to an index with the same numbers."""
    levels = [obj.get_level_values(level) for level in range(obj.nlevels)] if obj.nlevels > 1 else [obj]
    return framed(b"index", form_of(list(obj.names)), *(_values(level.array) for level in levels))


@rule(
    "pandas.api.extensions.ExtensionArray",
    "pandas.core.arrays.base.ExtensionArray",
    inherited=True,
    constant=False,
)
def _extension(obj: Any, output_ref: bool = False) -> bytes:
    return _values(obj)


def _values(array: Any) -> bytes:
    """A column by its type and its values; text is text however it is kept."""
    dtype = array.dtype
    name = str(dtype).encode()
    if type(dtype).__module__.startswith("numpy") or type(dtype).__name__ in ("NumpyEADtype", "PandasDtype"):
        return framed(b"values", name, form_of(array.to_numpy()))
    if name == b"category":
        return framed(b"category", form_of(array.codes), form_of(array.categories), form_of(bool(array.ordered)))
    return framed(b"values", name, sequence_form(b"[", list(array)))


@rule(
    "pandas.Timestamp",
    "pandas._libs.tslibs.timestamps.Timestamp",
    "pandas.Timedelta",
    "pandas._libs.tslibs.timedeltas.Timedelta",
    "pandas.Period",
    "pandas._libs.tslibs.period.Period",
)
def _moment(obj: Any, output_ref: bool = False) -> bytes:
    zone, unit = getattr(obj, "tz", None), getattr(obj, "unit", "")
    text = obj.isoformat() if hasattr(obj, "isoformat") else f"{obj} {obj.freqstr}"
    return framed(b"moment", type(obj).__name__.encode(), text.encode(), str(zone).encode(), str(unit).encode())


@rule("pandas.Interval", "pandas._libs.interval.Interval")
def _interval(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"interval", form_of(obj.left), form_of(obj.right), obj.closed.encode())


@rule(
    "pandas.api.typing.NaTType",
    "pandas._libs.tslibs.nattype.NaTType",
    "pandas._libs.missing.NAType",
    "pandas.api.typing.NAType",
)
def _missing(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"missing", type(obj).__name__.encode())
