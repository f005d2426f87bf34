"""Canonical forms of built-in types, and of the classes that programs derive from them."""

from __future__ import annotations

from types import BuiltinFunctionType, MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

from parsl_like.memo.canonical import (
    ATOMS,
    atom,
    by_type,
    digest_of,
    form_of,
    framed,
    mapping_form,
    of_subclass,
    rule_of,
    sequence_form,
)

_PLAIN: dict[type, Any] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}
"""How to have the plain value of an instance of a subclass, whatever that has overridden."""


@by_type(*_PLAIN)
def _(obj: Any, output_ref: bool = False) -> bytes:
    kind = type(obj)
    if kind in ATOMS:
        return atom(obj)
    found = rule_of(kind)
    if found is not None:  # a member of an IntEnum, a number of numpy's
        return found.hasher(obj, output_ref)
    plain = next(base for base in _PLAIN if isinstance(obj, base))
    return of_subclass(obj, atom(_PLAIN[plain](obj)), output_ref)


@by_type(list, tuple)
def _(obj: Any, output_ref: bool = False) -> bytes:
    kind = type(obj)
    if kind is list:
        return sequence_form(b"[", obj, output_ref)
    if kind is tuple:
        return sequence_form(b"(", obj, output_ref)
    found = rule_of(kind)
    if found is not None:
        return found.hasher(obj, output_ref)
    base: Any = list if isinstance(obj, list) else tuple
    return of_subclass(obj, sequence_form(b"[" if base is list else b"(", base(base.__iter__(obj)), output_ref))


@by_type(set, frozenset)
def _(obj: Any, output_ref: bool = False) -> bytes:
    members = sorted(form_of(member, output_ref) for member in obj)
    form = (b">" if isinstance(obj, frozenset) else b"<") + len(members).to_bytes(4, "little") + b"".join(members)
    return form if type(obj) in (set, frozenset) else of_subclass(obj, form, output_ref)


@by_type(dict)
def _(obj: Any, output_ref: bool = False) -> bytes:
    kind = type(obj)
    if kind is dict:
        return mapping_form(obj.items(), output_ref)
    found = rule_of(kind)
    if found is not None:
        return found.hasher(obj, output_ref)
    return of_subclass(obj, mapping_form(dict.items(obj), output_ref), output_ref)


@by_type(MappingProxyType)
def _(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"mappingproxy", mapping_form(obj.items(), output_ref))


@by_type(SimpleNamespace)
def _(obj: Any, output_ref: bool = False) -> bytes:
    return of_subclass(obj, b"", output_ref)


@by_type(bytearray, memoryview)
def _(obj: Any, output_ref: bool = False) -> bytes:
    name = type(obj).__name__.encode()
    if isinstance(obj, bytearray):
        form = framed(name, digest_of(obj))
        return form if type(obj) is bytearray else of_subclass(obj, form, output_ref)
    shape = form_of(obj.shape)
    return framed(name, obj.format.encode(), shape, digest_of(obj if obj.c_contiguous else obj.tobytes()))


@by_type(range, slice)
def _(obj: Any, output_ref: bool = False) -> bytes:
    ends = sequence_form(b"(", (obj.start, obj.stop, obj.step))
    return framed(type(obj).__name__.encode(), ends)


@by_type(type(NotImplemented))
def _(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"NotImplemented")


@by_type(ModuleType)
def _(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"module", obj.__name__.encode())


@by_type(BuiltinFunctionType)
def _(obj: Any, output_ref: bool = False) -> bytes:
    owner = obj.__self__
    if owner is None or isinstance(owner, ModuleType):
        return framed(b"name", f"{obj.__module__}.{obj.__qualname__}".encode())
    return framed(b"method", form_of(owner, output_ref), obj.__name__.encode())
