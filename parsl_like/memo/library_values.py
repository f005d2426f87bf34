"""Canonical forms of the standard library's types, of enumerations and of classes with fields."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from parsl_like.memo.canonical import (
    MARKED,
    OURS,
    Rule,
    class_name,
    digest_of,
    form_of,
    framed,
    mapping_form,
    named_fields,
    rule,
    sequence_form,
)
from parsl_like.memo.errors import MemoKeyError


@rule("enum.Enum", inherited=True)
def _enumeration(obj: Any, output_ref: bool = False) -> bytes:
    """Class, name and value: a member whose value was changed is another."""
    return framed(b"enum", class_name(type(obj)), form_of(obj.name), form_of(obj.value, output_ref))


@rule(
    "pathlib.PurePath",
    "pathlib._local.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib._local.PurePosixPath",
    "pathlib._local.PureWindowsPath",
    inherited=True,
)
def _path(obj: Any, output_ref: bool = False) -> bytes:
    """The path as it is written, not what is there."""
    flavour = b"windows" if type(obj).__name__.endswith("WindowsPath") else b"posix"
    return framed(b"path", flavour, form_of(str(obj)))


@rule("datetime.date", "datetime.time", "datetime.datetime")
def _moment(obj: Any, output_ref: bool = False) -> bytes:
    zone = getattr(obj, "tzinfo", None)
    fold = getattr(obj, "fold", 0)
    return framed(class_name(type(obj)), obj.isoformat().encode(), b"" if zone is None else form_of(zone), b"%d" % fold)


@rule("datetime.timedelta")
def _duration(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"timedelta", sequence_form(b"(", (obj.days, obj.seconds, obj.microseconds)))


@rule("datetime.timezone", "zoneinfo.ZoneInfo")
def _zone(obj: Any, output_ref: bool = False) -> bytes:
    """A zone by its name; a ZoneInfo made from a file without a name has none."""
    key = getattr(obj, "key", "")
    if key is None:
        raise MemoKeyError("a ZoneInfo without a key", hint="make it by its name, ZoneInfo('Europe/Berlin').")
    return framed(b"zone", class_name(type(obj)), (key or str(obj)).encode())


@rule("datetime.tzinfo", inherited=True)
def _other_zone(obj: Any, output_ref: bool = False) -> bytes:
    """A zone of another package, or of the program's own, by what it is pickled as."""
    return framed(b"zone", class_name(type(obj)), form_of(obj.__reduce__()))


@rule("decimal.Decimal", "uuid.UUID")
def _as_text(obj: Any, output_ref: bool = False) -> bytes:
    """The digits as they are: Decimal("1.0") is not Decimal("1.00"), whose results have other digits."""
    return framed(class_name(type(obj)), str(obj).encode())


@rule(
    "ipaddress.IPv4Address",
    "ipaddress.IPv6Address",
    "ipaddress.IPv4Network",
    "ipaddress.IPv6Network",
    "ipaddress.IPv4Interface",
    "ipaddress.IPv6Interface",
)
def _address(obj: Any, output_ref: bool = False) -> bytes:
    return framed(class_name(type(obj)), str(obj).encode())


@rule("fractions.Fraction")
def _fraction(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"fraction", sequence_form(b"(", (obj.numerator, obj.denominator)))


@rule("re.Pattern")
def _pattern(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"pattern", form_of(obj.pattern), form_of(int(obj.flags)))


@rule("collections.deque", constant=False)
def _deque(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"deque", sequence_form(b"[", list(obj), output_ref), form_of(obj.maxlen))


@rule("collections.OrderedDict", constant=False)
def _ordered(obj: Any, output_ref: bool = False) -> bytes:
    """In its order, by which such dictionaries are compared."""
    return framed(b"OrderedDict", sequence_form(b"[", list(obj.items()), output_ref))


@rule("collections.defaultdict", constant=False)
def _defaulting(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"defaultdict", form_of(obj.default_factory), mapping_form(obj.items(), output_ref))


@rule("collections.Counter", constant=False)
def _counter(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"Counter", mapping_form(obj.items(), output_ref))


@rule("array.array", constant=False)
def _array(obj: Any, output_ref: bool = False) -> bytes:
    return framed(b"array", f"{obj.typecode}{obj.itemsize}".encode(), digest_of(obj))


@rule("operator.itemgetter", "operator.attrgetter", "operator.methodcaller")
def _getter(obj: Any, output_ref: bool = False) -> bytes:
    """By what they are made with, which is how they are pickled."""
    return framed(b"getter", class_name(type(obj)), form_of(obj.__reduce__()[1:]))


# --- classes with fields


def _dataclass(obj: Any, output_ref: bool = False) -> bytes:
    """The fields that count for equality, and no attributes beside them that a subclass has brought."""
    kind = type(obj)
    declared = fields(obj)
    _expect_only("__dataclass_fields__", obj, {field.name for field in declared})
    return named_fields(kind, [field.name for field in declared if field.compare], obj, output_ref)


def _attrs(obj: Any, output_ref: bool = False) -> bytes:
    """As dataclasses."""
    kind = type(obj)
    declared = kind.__attrs_attrs__
    _expect_only("__attrs_attrs__", obj, {field.name for field in declared})
    return named_fields(kind, [field.name for field in declared if field.eq], obj, output_ref)


def _struct(obj: Any, output_ref: bool = False) -> bytes:
    """Structs of msgspec."""
    return named_fields(type(obj), type(obj).__struct_fields__, obj, output_ref)


def _expect_only(mark: str, obj: Any, names: set[str]) -> None:
    """Refuse attributes of an instance whose class is not decorated itself: nobody has said whether they count."""
    kind = type(obj)
    others = set(getattr(obj, "__dict__", ())) - names
    if others and mark not in kind.__dict__:
        raise MemoKeyError(
            f"{kind.__qualname__} has attributes that are no fields: {', '.join(sorted(others))}",
            hint=f"decorate {kind.__name__} as its base is, or register it with id_for_memo.",
        )


for _mark, _hasher in (
    ("__dataclass_fields__", _dataclass),
    ("__attrs_attrs__", _attrs),
    ("__struct_fields__", _struct),
):
    MARKED[_mark] = Rule(_hasher, inherited=True, constant=False)
    OURS.add(_hasher)
