"""The canonical form of values: equal for equal ones, in every process; different for others."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import operator
import pathlib
import re
import struct
import types
import uuid
import zoneinfo
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsl_like.memo.canonical import LONG, by_type, framed, sequence_form
from parsl_like.memo.errors import MemoKeyError
from parsl_like.memo.hashers import form_of, id_for_memo, register_plugins


class Color(enum.Enum):
    RED = 1
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Text(str):
    """A text of a program's own."""


class Pair(NamedTuple):
    x: int
    y: int


class Triple(tuple[int, ...]):
    """A tuple of a program's own."""


class Numbers(list[int]):
    """A list of a program's own."""


class Table(dict[str, int]):
    """A dictionary of a program's own."""


class Members(frozenset[int]):
    """A set of a program's own."""


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0
    seen: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass
class Spot(Point):
    pass


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    x: Any


@dataclasses.dataclass
class Callable(Point):
    def __call__(self) -> None:
        """Does nothing."""


class Struct(msgspec.Struct):
    x: Any


class OtherStruct(msgspec.Struct):
    x: Any


class Fixed(datetime.tzinfo):
    """A zone of a program's own."""

    def __init__(self, hours: int = 0) -> None:
        self.hours = hours

    def utcoffset(self, when: Any) -> datetime.timedelta:
        return datetime.timedelta(hours=self.hours)


class Loose(Point):
    """Not decorated itself."""


UTC = datetime.UTC
ZONE = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 3600, 0, 0) + b"CET\0"
"""A zone as in a system's files (RFC 8536), since not every machine has them."""
BERLIN = zoneinfo.ZoneInfo.from_file(io.BytesIO(ZONE), "Europe/Berlin")
DAY = datetime.datetime(2026, 11, 1, 2, 30)

DIFFERENT: list[Any] = [
    *(None, True, False, ..., NotImplemented, 0, 1, -1, 2**31, 2**63, -(2**200), 0.0, -0.0, 1.0, float("nan")),
    *(float("inf"), 1j, complex(0, -0.0), "", "a", "1", "\ud800", b"", b"a", b"1"),
    *([], [1], [1, 2], [2, 1], [[1], 2], [[1, 2]], [1.0], [float("nan")], (), (1,), (1, 2), ((1,), 2), ([1], 2)),
    *({}, {"a": 1}, {"a": 2}, {"b": 1}, {1: "a"}, {"a": {"b": 1}}, {"a": [1]}, {(1, 2): 3}),
    *(set(), {1}, {1, 2}, {"1"}, {(1, 2)}, frozenset(), frozenset({1}), frozenset({frozenset({1})})),
    *(bytearray(b"a"), memoryview(b"a"), memoryview(b"abcd").cast("h"), range(3), range(0, 4, 2), slice(3)),
    *(Color.RED, Color.BLUE, Level.LOW, Access.READ, Access.READ | Access.WRITE, Text("a"), Text("b")),
    *(Pair(1, 2), Pair(2, 1), Triple((1, 2)), Numbers([1]), Numbers([2]), Table(a=1), Members([1])),
    *(Point(1), Point(2), Point(1, 1), Spot(1), Slotted(1), Loose(1), Point(Point(1))),
    *(Callable(1), Callable(2), Struct(1), Struct(2), OtherStruct(1)),
    *(pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b"), pathlib.PureWindowsPath("a")),
    *(datetime.date(2026, 11, 1), DAY, DAY.replace(tzinfo=UTC), DAY.replace(tzinfo=BERLIN)),
    *(DAY.replace(tzinfo=BERLIN, fold=1), datetime.time(2, 30), datetime.timedelta(1), datetime.timedelta(0, 1)),
    *(UTC, BERLIN, datetime.timezone(datetime.timedelta(hours=1))),
    *(Fixed(1), Fixed(2), DAY.replace(tzinfo=Fixed(1)), DAY.replace(tzinfo=Fixed(2))),
    *(decimal.Decimal("1.0"), decimal.Decimal("1.00"), decimal.Decimal("NaN"), fractions.Fraction(1, 2)),
    *(uuid.UUID(int=1), uuid.UUID(int=2), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8")),
    *(re.compile("a"), re.compile("a", re.I), re.compile(b"a")),
    *(collections.deque([1]), collections.deque([1], 3), collections.OrderedDict(a=1, b=2)),
    *(collections.OrderedDict(b=2, a=1), collections.defaultdict(int, a=1), collections.defaultdict(list, a=1)),
    *(collections.Counter("aab"), array.array("i", [1]), array.array("d", [1]), array.array("i", [1, 2])),
    *(types.SimpleNamespace(a=1), types.SimpleNamespace(a=2), types.MappingProxyType({"a": 1})),
    *(len, abs, int, str, dict, operator, re, "a".upper, "b".upper, operator.itemgetter(1), operator.itemgetter(2)),
    *(functools.partial(int, base=2), functools.partial(int, base=8), functools.partial(abs, 1)),
    *("x" * LONG, "y" * LONG, b"x" * LONG, b"x" * (LONG + 1)),
]


def test_different_values_have_different_forms() -> None:
    forms: dict[bytes, Any] = {}
    for value in DIFFERENT:
        form = form_of(value)
        assert type(form) is bytes
        assert form not in forms, f"{value!r} and {forms.get(form)!r}"
        forms[form] = value


def test_what_the_task_makes_has_the_same_form_where_the_place_says_all() -> None:
    assert [form_of(value, True) for value in DIFFERENT] == [form_of(value) for value in DIFFERENT]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({1, 2, 3, 2**70}, {2**70, 3, 2, 1}),
        (frozenset("abc"), frozenset("cba")),
        ({frozenset({1, 2}): 1}, {frozenset({2, 1}): 1}),
        (float("nan"), -float("nan")),
        ([float("nan"), 1], [-float("nan"), 1]),
        (collections.Counter("ab"), collections.Counter("ba")),
        (Point(1, seen=1), Point(1, seen=2)),
        (pathlib.PurePosixPath("a/./b"), pathlib.PosixPath("a/b")),
        (decimal.Decimal("1e2"), decimal.Decimal("1E+2")),
        ("a" * 10, "".join(["a"] * 10)),
        (types.SimpleNamespace(a=1, b=2), types.SimpleNamespace(b=2, a=1)),
        (memoryview(b"abcd")[::2], memoryview(b"ac")),
    ],
)
def test_equal_values_have_equal_forms(one: Any, other: Any) -> None:
    assert form_of(one) == form_of(other)


LOADED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

atoms = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=12,
)


def bare(value: Any) -> Any:
    """A value with the types in it, so that 1, 1.0 and True differ, as do 0.0 and -0.0; NaN is equal to itself."""
    if isinstance(value, list | tuple):
        return type(value).__name__, [bare(each) for each in value]
    if isinstance(value, dict):
        return "dict", sorted((repr(bare(key)), repr(bare(each))) for key, each in value.items())
    if isinstance(value, set):
        return "set", sorted(repr(bare(each)) for each in value)
    return type(value).__name__, repr(value)


@LOADED
@given(values, values)
def test_forms_are_equal_exactly_if_values_are(one: Any, other: Any) -> None:
    assert (form_of(one) == form_of(other)) == (bare(one) == bare(other))


@LOADED
@given(st.lists(atoms))
def test_members_one_by_one_have_the_form_of_all_at_once(items: list[Any]) -> None:
    assert sequence_form(b"[", items) == sequence_form(b"[", collections.deque(items))


@LOADED
@given(st.lists(st.binary()), st.lists(st.binary()))
def test_frames_do_not_run_into_each_other(one: list[bytes], other: list[bytes]) -> None:
    assert (framed(b"a", *one) == framed(b"a", *other)) == (one == other)


# --- types nobody has told apart


class Solver:
    """A type of a program's own."""


class Gauge:
    """Another."""


def test_an_unknown_type_is_found_wherever_it_is() -> None:
    value = {"solver": [1, (Point(Solver()),)]}
    with pytest.raises(MemoKeyError) as caught:
        form_of(value)
    assert caught.value.path == "['solver'][1][0].x"
    assert "unknown type for memoization: Solver (of " in str(caught.value)
    assert "@id_for_memo.register(Solver)" in str(caught.value)
    assert "ignore_for_cache" in str(caught.value)


def test_attributes_that_nobody_has_declared_are_refused() -> None:
    loose = Loose(1)
    loose.extra = 2  # type: ignore[attr-defined]
    with pytest.raises(MemoKeyError, match="Loose has attributes that are no fields: extra"):
        form_of(loose)


def test_classes_of_attrs_are_told_like_dataclasses() -> None:
    attrs = pytest.importorskip("attrs")
    kind = attrs.make_class("Made", {"x": attrs.field(), "y": attrs.field(eq=False, default=0)})
    assert form_of(kind(1)) == form_of(kind(1, 2)) != form_of(kind(2))


def test_a_zone_without_a_name_is_refused() -> None:
    with pytest.raises(MemoKeyError, match="without a key"):
        form_of(zoneinfo.ZoneInfo.from_file(io.BytesIO(ZONE)))


def test_the_error_is_the_one_of_parsl_and_survives_pickling() -> None:
    import pickle

    with pytest.raises(ValueError, match="unknown type") as caught:
        form_of([Solver()])
    error = pickle.loads(pickle.dumps(caught.value))
    assert (str(error), error.path, error.hint) == (str(caught.value), "[0]", caught.value.hint)


# --- types that a program registers


def test_a_registered_type_has_what_was_registered() -> None:
    @id_for_memo.register(Gauge)
    def of_gauge(value: Gauge, output_ref: bool = False) -> bytes:
        return b"made" if output_ref else b"read"

    assert id_for_memo(Gauge()) == b"read"
    assert form_of([Gauge()]) != form_of([Gauge()], True)
    assert b"read" in form_of([Gauge()])


def test_classes_with_equal_bytes_are_different() -> None:
    class One:
        pass

    class Other(One):
        pass

    id_for_memo.register(One, lambda value, output_ref=False: b"same")
    assert id_for_memo(One()) == id_for_memo(Other())
    assert form_of(One()) != form_of(Other())
    assert form_of(One()) == form_of(One())


def test_a_function_of_one_argument_is_enough_for_what_is_read() -> None:
    class Simple:
        pass

    id_for_memo.register(Simple, lambda value: b"simple")
    assert b"simple" in form_of(Simple())


def test_what_is_registered_has_to_give_bytes() -> None:
    class Wrong:
        pass

    def of_wrong(value: Any) -> str:
        return "text"

    id_for_memo.register(Wrong, of_wrong)  # type: ignore[arg-type]
    with pytest.raises(MemoKeyError, match=r"of_wrong, registered for .*Wrong, gave str, not bytes"):
        form_of(Wrong())


def test_a_program_may_say_more_of_a_type_that_is_known() -> None:
    class Own(enum.Enum):
        A = 1

    before = form_of(Own.A)
    id_for_memo.register(Own, lambda value, output_ref=False: b"mine")
    assert form_of(Own.A) != before


def test_plugins_say_it_for_whoever_has_not() -> None:
    class Theirs:
        pass

    class Mine:
        pass

    id_for_memo.register(Mine, lambda value, output_ref=False: b"mine")
    register_plugins({Theirs: lambda value, made: b"plugin %d" % made, Mine: lambda value, made: b"plugin"})
    assert b"plugin 0" in form_of(Theirs())
    assert b"plugin 1" in form_of(Theirs(), True)
    assert b"mine" in form_of(Mine())
    register_plugins({Theirs: lambda value, made: b"newer"})
    assert b"newer" in form_of(Theirs())


def test_a_type_of_ours_is_entered_once() -> None:
    class Here:
        pass

    assert form_of([1]) == form_of([1])
    by_type(Here)(lambda value, output_ref=False: b"\0here")
    assert form_of(Here()) == b"\0here"
