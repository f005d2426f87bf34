"""The canonical form of functions and classes: by what they do.

A function counts with its compiled code (:mod:`~parsl_like.memo.bytecode`), its defaults, what it closes over, and
those globals of its own module that it reads: functions and classes with all of this again, constants with their
values. What is of another module counts by its name, and so does, given as a value, what is of the standard library or
of an installed distribution. Other globals (lists, dictionaries, objects) count by their type alone, since programs
change them while they run.

A function is looked at once, when the first call of it is remembered, as it is packed once for its workers.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import fields
from functools import cached_property, partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from parsl_like.memo.bytecode import CodeForm, code_form
from parsl_like.memo.canonical import (
    ATOMS,
    MARKED,
    OURS,
    Rule,
    by_type,
    class_name,
    digest_of,
    form_of,
    framed,
    mapping_form,
    rule,
    rule_of,
    sequence_form,
    unknown,
)
from parsl_like.memo.errors import MemoKeyError

PROTOCOL = 4
"""Of pickles that are looked at; what all versions of Python write alike."""

KEPT = 4096
"""Functions and classes whose form is remembered, so that a program which makes one per call does not grow for ever."""

_NOT_COUNTED = frozenset(
    f"__{name}__"
    for name in (
        *("dict", "weakref", "doc", "module", "qualname", "annotations", "annotate", "firstlineno", "slotnames"),
        *("static_attributes", "type_params", "parameters", "orig_bases", "abstractmethods", "dataclass_fields"),
        *("dataclass_params", "classcell", "classdictcell"),
    )
) | {"_abc_impl", "__annotate_func__", "__annotations_cache__"}
"""What classes have without anybody's having written it, or that changes nothing of what they do."""


class Walk:
    """One way through functions and classes, in an order that only depends on them.

    Each is looked at where it is first met, and has a number from then on: what refers to itself ends.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, tuple[int, object]] = {}

    def function(self, function: FunctionType) -> bytes:
        """The form of a function.

        Raises:
            MemoKeyError: a default, or what it closes over, cannot be told from others.
        """
        again = self.met(function)
        if again is not None:
            return again
        code = code_form(function.__code__)
        defaults = (self.part(value, "a default{}", function) for value in function.__defaults__ or ())
        named_defaults = (function.__kwdefaults__ or {}).items()
        kwdefaults = mapping_form((name, self.part(each, name + "{}", function)) for name, each in named_defaults)
        around = (self.variable(name, value, function) for name, value in variables_of(function))
        module = module_of(function)
        used = ((name.encode(), self.of_module(value, module)) for name, value in globals_of(function, code))
        return framed(
            b"function",
            code.form,
            framed(b"defaults", *defaults),
            kwdefaults,
            framed(b"variables", *around),  # their names are in the code
            framed(b"globals", *(part for pair in used for part in pair)),
        )

    def met(self, thing: object) -> bytes | None:
        """What stands for a function or class that was met before; None for a new one, which then has a number."""
        known = self._numbers.get(id(thing))
        if known is not None:
            return framed(b"again", b"%d" % known[0])
        self._numbers[id(thing)] = len(self._numbers), thing
        return None

    def variable(self, name: str, value: Any, function: FunctionType) -> bytes:
        """The form of a variable from around a function.

        Raises:
            MemoKeyError: it cannot be told from others.
        """
        return framed(b"empty") if value is EMPTY else self.part(value, name + "{}, from around it,", function)

    def part(self, value: Any, what: str, function: FunctionType) -> bytes:
        """The form of something that belongs to a function, which an error names."""
        try:
            return self.value_or_pickle(value)
        except MemoKeyError as error:
            what = what.format(error.path)
            raise MemoKeyError(f"{what} of {function.__qualname__}: {error.reason}", hint=error.hint) from error

    def value_or_pickle(self, value: Any) -> bytes:
        """The form of what travels with a function: where nobody has said one, its pickle will do.

        Objects with equal pickles are rebuilt as equal ones; that equal ones may have different pickles costs a run.

        Raises:
            MemoKeyError: it cannot be pickled either.
        """
        try:
            return self.value(value)
        except MemoKeyError as error:
            try:
                pickled = pickle.dumps(value, PROTOCOL)
            except Exception:  # noqa: BLE001 - the program's own classes; what counts is the first error
                raise error from None
            return framed(b"pickled", class_name(type(value)), digest_of(pickled))

    def of_module(self, value: Any, module: str) -> bytes:
        """The form of a global, or of an attribute of a class, as code of ``module`` sees it; never raises."""
        kind = type(value)  # isinstance would ask the value, which may be a proxy for something that is not there
        if issubclass(kind, FunctionType | type):
            return self._of_code(value, module)
        found = rule_of(kind)
        if found is not None and found.hasher is _wrapped and isinstance(value.__wrapped__, FunctionType):
            return framed(b"wrapped", class_name(kind), self.of_module(value.__wrapped__, module))
        if is_constant(value):
            with suppress(Exception):  # the program's own classes; its type is known in any case
                return self.value(value)
        return framed(b"global", module.encode(), class_name(kind))

    def looked_at(self, thing: FunctionType | type) -> bytes:
        """The form of a function or class by what it does, wherever it is from."""
        if isinstance(thing, FunctionType):
            return self.function(thing)
        return self.class_(thing) if thing.__flags__ & _HEAP_TYPE else named(thing)

    def _of_code(self, value: Any, module: str) -> bytes:
        """The form of a function or class that code of ``module`` refers to; never raises."""
        try:
            if value.__module__ == module:
                return self.looked_at(value)
            return named(value) if is_importable(value) else self.value(value)
        except MemoKeyError:  # it has a default, or is made with something, that nobody can tell from others
            own = code_form(value.__code__).form if isinstance(value, FunctionType) else class_name(value)
            return framed(b"code alone", own)

    def value(self, value: Any) -> bytes:
        """The form of anything; functions and classes in it are part of this walk."""
        token = _walk.set(self)
        try:
            return form_of(value)
        finally:
            _walk.reset(token)

    def class_(self, kind: type) -> bytes:
        """The form of a class: its name, its bases, its functions and constants."""
        again = self.met(kind)
        if again is not None:
            return again
        bases = (self.of_module(base, kind.__module__) for base in kind.__bases__)
        written = sorted((name, value) for name, value in vars(kind).items() if name not in _NOT_COUNTED)
        attributes = (part for name, value in written for part in (name.encode(), self._attribute(value, kind)))
        return framed(b"class", kind.__qualname__.encode(), framed(b"bases", *bases), *attributes)

    def _attribute(self, value: Any, kind: type) -> bytes:
        if isinstance(value, staticmethod | classmethod):
            return framed(type(value).__name__.encode(), self._attribute(value.__func__, kind))
        if isinstance(value, property):
            each = (self._attribute(function, kind) for function in (value.fget, value.fset, value.fdel))
            return framed(b"property", *each)
        if isinstance(value, cached_property):
            return framed(b"cached_property", self._attribute(value.func, kind))
        if isinstance(value, FunctionType):  # of this class, whatever module it says it is of
            return self._of_code(value, value.__module__)
        return self.of_module(value, kind.__module__)


_walk: ContextVar[Walk | None] = ContextVar("walk", default=None)
"""The walk on which the form of a value is asked for; None if it is none."""


def is_constant(value: object) -> bool:
    """Whether a value can only be replaced, not changed."""
    kind = type(value)
    if kind in ATOMS or kind in (range, slice, partial, BuiltinFunctionType, ModuleType):
        return True
    if issubclass(kind, tuple | frozenset):
        return all(map(is_constant, value))  # type: ignore[call-overload]
    if getattr(getattr(kind, "__dataclass_params__", None), "frozen", False):
        return all(is_constant(getattr(value, field.name)) for field in fields(kind))  # type: ignore[arg-type]
    if issubclass(kind, int | str | bytes | float | complex):
        return True
    found = rule_of(kind)
    return found is not None and found.constant


# --- what a function refers to


EMPTY = object()
"""Stands for a variable that nothing has been assigned to."""


def module_of(function: FunctionType) -> str:
    """The module in which the names of a function are looked up."""
    return str(function.__globals__.get("__name__"))


def variables_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Name and value of each variable that a function closes over."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            yield name, EMPTY


def globals_of(function: FunctionType, code: CodeForm) -> Iterator[tuple[str, Any]]:
    """Name and value of each global that a function reads and nothing in it sets, in the order of the names."""
    names = function.__globals__
    for name in sorted(code.loads - code.stores):
        if name in names and names[name] is not function:
            yield name, names[name]


# --- by name


def is_importable(thing: Any) -> bool:
    """Whether whoever imports its module finds the same thing at its name."""
    found: Any = sys.modules.get(thing.__module__ or "")
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is thing


def is_installed(module: str) -> bool:
    """Whether a module is of the standard library, of an installed distribution or of this package."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("parsl_like", "builtins"):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and module != "__main__" and not _INSTALLED.isdisjoint(file.replace("\\", "/").split("/"))


_INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of distributions, those of the user and of Debian's own packages among them."""


def named(thing: Any) -> bytes:
    """The form of what is known by its name."""
    return framed(b"name", f"{thing.__module__}.{thing.__qualname__}".encode())


# --- functions and classes as values


_kept: dict[int, tuple[Any, bytes]] = {}
"""By identity: what was looked at, and its form."""


@by_type(FunctionType, type)
def _by_code(obj: Any, output_ref: bool = False) -> bytes:
    """By name if it is installed, else by what it does."""
    walk = _walk.get()
    if walk is None:
        known = _kept.get(id(obj))
        if known is not None:
            return known[1]
    installed = is_installed(obj.__module__ or "") and is_importable(obj)
    form = named(obj) if installed else (walk or Walk()).looked_at(obj)
    if walk is None:
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[id(obj)] = obj, form
    return form


_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the class was made by a class statement, not in C."""


@by_type(CodeType)
def _code(obj: Any, output_ref: bool = False) -> bytes:
    return code_form(obj).form


@by_type(MethodType)
def _method(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"bound", form_of(obj.__func__), form_of(obj.__self__, output_ref))


@by_type(partial)
def _partial(obj: Any, output_ref: bool = False) -> bytes:
    given = sequence_form(b"(", obj.args, output_ref), mapping_form(obj.keywords.items(), output_ref)
    return framed(b"partial", class_name(type(obj)), form_of(obj.func), *given)


@rule("parsl_like.app.base.AppBase", "functools._lru_cache_wrapper", inherited=True)
def _wrapped(obj: Any, output_ref: bool = False) -> bytes:
    """An app, or a function with a cache of its own, by its function."""
    return framed(b"wrapped", class_name(type(obj)), form_of(obj.__wrapped__))


def _callable(obj: Any, output_ref: bool = False) -> bytes:
    """What is called like a function and installed under its name: a function of a compiled module, for instance."""
    known = all(isinstance(getattr(obj, name, None), str) for name in ("__module__", "__qualname__"))
    if known and is_installed(obj.__module__) and is_importable(obj):
        return named(obj)
    raise unknown(type(obj))


MARKED["__call__"] = Rule(_callable, inherited=True)
OURS.add(_callable)
