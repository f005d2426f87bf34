"""The normal form of compiled code: what it does, not where it stands.

Two sources that differ in comments, blank lines, docstrings and annotations of arguments compile to the same form. Line
numbers and file names are left out, instructions that only carry a line number too, and places in the code are numbers
of the instructions that are left. Names and constants stand where they are used.

A form holds for one minor version of Python: each has instructions of its own.
"""

from __future__ import annotations

import dis
from bisect import bisect_left
from types import CodeType
from typing import NamedTuple

from parsl_like.memo import builtin_values  # noqa: F401 - constants are tuples and sets, too
from parsl_like.memo.canonical import digest_of, form_of, framed

_EMPTY = frozenset({"NOP", "CACHE", "EXTENDED_ARG"})
"""Instructions that do nothing by themselves."""

_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
_CONSTANTS = frozenset(dis.hasconst)

_PLACES = frozenset({"__firstlineno__", "__static_attributes__"})
"""What the body of a class notes of its own source since Python 3.13, in an order of its own."""

_FLAGS = 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200
"""Those of ``co_flags`` by which a call differs: ``*args``, ``**kwargs``, generators and coroutines."""


class CodeForm(NamedTuple):
    """What is told of compiled code.

    Attributes:
        form: Its normal form, short however long the code is.
        loads: Names of globals that it, or code inside it, reads.
        stores: Names of globals that it, or code inside it, sets.
    """

    form: bytes
    loads: frozenset[str]
    stores: frozenset[str]


KEPT = 4096
"""Code whose form is remembered: a function is often met from many others."""

_kept: dict[int, tuple[CodeType, CodeForm]] = {}
"""By identity; code is equal to other code in ways of its own."""


def code_form(code: CodeType) -> CodeForm:
    """The normal form of compiled code, and of all code inside it.

    Raises:
        MemoKeyError: a constant is of a type that the compiler does not make; somebody has put it there.
    """
    known = _kept.get(id(code))
    if known is not None:
        return known[1]
    if len(_kept) >= KEPT:
        _kept.clear()
    form = _read(code)
    _kept[id(code)] = code, form
    return form


def _read(code: CodeType) -> CodeForm:
    inner = {id(each): code_form(each) for each in code.co_consts if isinstance(each, CodeType)}
    loads: set[str] = set().union(*(each.loads for each in inner.values()))
    stores: set[str] = set().union(*(each.stores for each in inner.values()))
    kept = _without_places([each for each in dis.get_instructions(code) if each.opname not in _EMPTY])
    offsets = [each.offset for each in kept]
    parts = [_signature(code)]
    for each in kept:
        parts.append(_instruction(each, code, offsets, inner))
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            loads.add(each.argval)
        elif each.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            stores.add(each.argval)
    parts.append(_exceptions(code, offsets))
    return CodeForm(framed(b"code", digest_of(b"".join(parts))), frozenset(loads), frozenset(stores))


def _without_places(instructions: list[dis.Instruction]) -> list[dis.Instruction]:
    """Without the pairs of instructions, a value and a name, by which a class notes where it stands."""
    kept: list[dis.Instruction] = []
    for each in instructions:
        if each.opname == "STORE_NAME" and each.argval in _PLACES:
            kept.pop()
        else:
            kept.append(each)
    return kept


def _signature(code: CodeType) -> bytes:
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    facts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _FLAGS)
    return form_of((*facts, *code.co_varnames[:count]))


def _instruction(each: dis.Instruction, code: CodeType, offsets: list[int], inner: dict[int, CodeForm]) -> bytes:
    name, number = each.opname.encode(), each.arg
    if each.opcode in _CONSTANTS and number is not None:
        constant = code.co_consts[number]  # dis shows those of LOAD_CONST only
        known = inner.get(id(constant))
        return framed(name, known.form if known is not None else form_of(constant))
    if each.opcode in _JUMPS:
        return framed(name, form_of(bisect_left(offsets, each.argval)))
    names = each.argval if isinstance(each.argval, tuple) else (each.argval,)  # two of them since Python 3.13
    return framed(name, form_of(names if all(isinstance(each, str) for each in names) else number))


def _exceptions(code: CodeType, offsets: list[int]) -> bytes:
    """The table of handlers; ranges that only empty instructions had parted are one again."""
    rows: list[tuple[int, int, int, int, bool]] = []
    for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]  # of Python 3.11, not of typeshed
        start, end, target = (bisect_left(offsets, each) for each in (entry.start, entry.end, entry.target))
        row = (start, end, target, entry.depth, entry.lasti)
        if rows and rows[-1][1:] == (start, *row[2:]):
            row = (rows.pop()[0], *row[1:])
        if row[0] < row[1]:
            rows.append(row)
    return form_of(rows)
