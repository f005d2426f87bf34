"""Foreign bytes as messages: nothing but BadMessage, no more memory than they are worth, and machines that stand."""

from __future__ import annotations

import math
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.placement import PlacementMachine
from parsl_like.executors.high_throughput.exchange.placement_events import (
    FromDriver,
    FromManager,
    LinkOpened,
    TurnEnded,
)
from parsl_like.executors.high_throughput.exchange.roster import Membership
from tests.fuzz.budget import budget, little_memory

pytestmark = pytest.mark.timeout(900)

KINDS: tuple[type[protocol.Message], ...] = get_args(protocol.AnyMessage)
NUMBERS = st.sampled_from([0, 1, 2, 7, 255, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 63) - 1, (1 << 64) - 1, -1])
SCALARS = (
    NUMBERS
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.booleans()
    | st.none()
    | st.text(max_size=20)
    | st.binary(max_size=40)
    | st.sampled_from([b"m", b"h" * 16, "run", "0", "3.11.0"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
TAGS = st.sampled_from([kind.__struct_config__.tag for kind in KINDS]) | st.integers(-5, 300)
NEARLY = st.builds(lambda tag, fields: msgspec.msgpack.encode([tag, *fields]), TAGS, st.lists(VALUES, max_size=22))
"""Arrays that begin like messages."""


INTS = st.integers(0, 5) | st.integers(0, (1 << 31) - 1)
ATTEMPTS = st.integers(0, 5) | st.integers(0, (1 << 63) - 1)
NAMES = st.sampled_from([b"a", b"b", b"c"]) | st.binary(min_size=1, max_size=255)
HASHES = st.sampled_from([b"f" * 16, b"g" * 16]) | st.binary(min_size=1, max_size=16)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "int": INTS,
    "Count": INTS,
    "Slots": INTS.map(lambda number: number + 1),
    "Attempt": ATTEMPTS,
    "bool": st.booleans(),
    "float": st.floats(),
    "str": st.text(max_size=20),
    "bytes": st.binary(max_size=40),
    "Identity": NAMES,
    "Hash": HASHES,
    "list[str]": st.lists(st.text(max_size=5), max_size=3),
    "list[float]": st.lists(st.floats(), max_size=5),
    "list[Attempt]": st.lists(ATTEMPTS, max_size=5),
    "list[Hash]": st.lists(HASHES, max_size=3),
    "dict[str, str]": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    "dict[str, bool]": st.dictionaries(st.text(max_size=5), st.booleans(), max_size=3),
    "list[tuple[Identity, Attempt]]": st.lists(st.tuples(NAMES, ATTEMPTS), max_size=3),
    "msgspec.Raw": st.sampled_from([b"\x90", b"\x91\x91\xc0", b"\xc0"]).map(msgspec.Raw),
}


def filled(kind: Any) -> st.SearchStrategy[Any]:
    """Messages or items of a kind, with all that the schema allows."""
    return st.builds(kind, *[FIELDS[str(kind.__annotations__[name])] for name in kind.__struct_fields__])


FIELDS["list[TaskItem]"] = st.lists(filled(protocol.TaskItem), max_size=3)


def messages(kinds: tuple[type[protocol.Message], ...] = KINDS) -> st.SearchStrategy[Any]:
    """Messages of these kinds."""
    return st.one_of(*map(filled, kinds))


@st.composite
def mutated(draw: Any, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with some of them changed, cut out, doubled or added."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        how = draw(st.integers(0, 4))
        if how == 0 and data:
            data[at] = draw(st.integers(0, 255))
        elif how == 1 and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == 2:
            del data[at : at + draw(st.integers(1, 8))]
        elif how == 3:
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        else:
            data[at:at] = draw(
                st.sampled_from([b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x91" * 64, b"\xc1"])
            )
    return bytes(data)


def read(frame: bytes) -> Any:
    """A message and all that is in it, None if it is refused."""
    with little_memory(len(frame)):
        try:
            message = protocol.decode(frame)
            if isinstance(message, protocol.Results):
                protocol.decode_items(message.items)
        except BadMessage:
            return None
    assert isinstance(message, KINDS)
    return message


@given(st.binary(max_size=300) | NEARLY)
@budget(150)
def test_any_bytes(frame: bytes) -> None:
    read(frame)


@given(mutated(messages().map(protocol.encode)))
@budget(150)
def test_messages_with_errors(frame: bytes) -> None:
    read(frame)


@given(messages())
@budget(100)
def test_what_the_schema_allows_survives(message: protocol.Message) -> None:
    frame = protocol.encode(message)
    again = read(frame)
    assert again is None or protocol.encode(again) == frame


@given(st.integers(1, 3_000_000), st.sampled_from([b"\x91", b"\x81\xa1a", b"\x92\xc0"]))
@budget(20, 200)
def test_deep_nesting(depth: int, opening: bytes) -> None:
    for start in (b"", b"\x93\x15\x90", b"\x97\x03\xc4\x01m\x01\x01\x90", b"\x92\x23"):
        assert read(start + opening * depth) is None


@given(mutated(st.lists(filled(protocol.ResultItem), max_size=4).map(msgspec.msgpack.encode)))
@budget(100)
def test_items(raw: bytes) -> None:
    with little_memory(len(raw)):
        try:
            items = protocol.decode_items(msgspec.Raw(raw))
        except BadMessage:
            return
    assert all(isinstance(item, protocol.ResultItem) for item in items)


# --- what the interchange makes of them


SOME = st.integers(0, 5)
MANAGERS = st.sampled_from([b"a", b"b", b"c"])
FROM_MANAGERS = (
    st.builds(
        protocol.Register,
        *[
            st.sampled_from([1, 1, 1, 2]),
            st.sampled_from(["run", "run", "other"]),
            MANAGERS,
            st.sampled_from(["0", "1"]),
        ],
        *[st.text(max_size=5), SOME, st.integers(0, 1 << 31), st.integers(0, 1 << 31), SOME, SOME],
        *[st.just([]), st.just("3.11.7"), st.just("1"), st.just({}), st.just("tcp"), st.floats()],
        *[st.lists(SOME), st.lists(SOME), st.lists(SOME), st.just(0.0) | st.floats(), st.floats()],
    )
    | messages((protocol.Results, protocol.Heartbeat, protocol.NeedFunction, protocol.Cancelled, protocol.Drain))
    | st.builds(protocol.Cancelled, st.lists(SOME))
    | st.builds(protocol.Goodbye, st.text(max_size=5), st.lists(SOME))
    | st.builds(protocol.Results, MANAGERS, SOME, SOME, st.lists(SOME), st.just(msgspec.Raw(b"\x90")))
    | messages()
)
TASKS = st.builds(
    protocol.TaskItem,
    SOME,
    st.sampled_from([b"f" * 16, b"g" * 16]),
    st.binary(max_size=3),
    st.integers(0, 2),
    st.floats(),
    st.just(0.0),
    st.just(0),
    st.integers(1, 9),
)
EVENTS = st.lists(
    st.builds(lambda name, message: ("manager", name, message), MANAGERS, FROM_MANAGERS)
    | st.builds(lambda name, link: ("opened", name, link), MANAGERS, st.sampled_from(["data", "control"]))
    | st.builds(lambda message, count: ("driver", message, count), messages(), st.integers(0, 2))
    | st.builds(lambda seconds: ("turn", seconds, None), st.floats(0, 20)),
    max_size=30,
)


@given(EVENTS, st.booleans())
@budget(150)
def test_the_placement_machine_stands(events: list[Any], restarted: bool) -> None:
    """Whatever managers say, and in whatever order, it is dropped or it leaves a state in which all is in one place."""
    machine = PlacementMachine(
        Membership("run", "3.11.0", "1"), incarnation=1 + restarted, period=1.0, threshold=5.0, now=0.0
    )
    now, given_out = 0.0, 100
    machine.handle(FromDriver(protocol.Function(b"f" * 16, "f", b"")))
    for what, first, second in events:
        try:
            if what == "manager":
                machine.handle(FromManager(now, first, second))
            elif what == "opened":
                machine.handle(LinkOpened(now, first, second))
            elif what == "turn":
                now += first
            elif not isinstance(first, protocol.Tasks | protocol.Stop):  # the driver gives each attempt once
                machine.handle(FromDriver(first, [b""] * second))
            else:
                given_out += 1
                walltime = (0.0, 5.0, protocol.LONG, math.inf, math.nan)[given_out % 5]
                item = protocol.TaskItem(given_out, b"f" * 16, b"", second % 2, 0.0, walltime)
                machine.handle(FromDriver(protocol.Tasks([item]), [b""] * (second % 2)))
        except BadMessage:
            pass
        machine.handle(TurnEnded(now))
        machine.validate()
