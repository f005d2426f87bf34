"""Registered methods serialise what they claim and what nobody else can; payloads say who made them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.serialize import deserialize, methods, pack, pack_call, serialize, unpack, unpack_call
from parsl_like.serialize.base import DataMethod, SerializerBase
from parsl_like.serialize.errors import DeserializationError, SerializationError
from parsl_like.serialize.facade import register_method_for_data

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _own_registry() -> Iterator[None]:
    before = dict(methods.registered)
    yield
    methods.registered.clear()
    methods.registered.update(before)


class Locks(SerializerBase):
    """Takes what nobody can pickle."""

    def serialize(self, data: Any) -> bytes:
        if not isinstance(data, type(threading.Lock())):
            raise TypeError("only locks")
        return b"locked" if data.locked() else b"free"

    def deserialize(self, payload: bytes) -> Any:
        lock = threading.Lock()
        if payload == b"locked":
            lock.acquire()
        return lock


class Table:
    def __init__(self, rows: Any) -> None:
        self.rows = rows


class Tables(SerializerBase):
    """Claims tables, wherever they are."""

    def claims(self, data: object) -> bool:
        return isinstance(data, Table)

    def serialize(self, data: Any) -> bytes:
        return json.dumps(data.rows).encode()

    def deserialize(self, payload: bytes) -> Any:
        return Table((json.loads(payload), "by the method"))


class NeedsAnArgument(Locks):
    identifier = b"needs"  # type: ignore[assignment]

    def __init__(self, secret: str) -> None:
        self.secret = secret


def test_the_protocol() -> None:
    assert isinstance(Locks(), DataMethod)
    assert not isinstance(3, DataMethod)
    assert Locks().identifier == f"{__name__} Locks".encode()


def test_what_nobody_else_takes() -> None:
    with pytest.raises(SerializationError):
        pack(threading.Lock())
    register_method_for_data(Locks())
    lock = threading.Lock()
    assert unpack(*pack(lock)).locked() is False
    with lock:
        assert deserialize(serialize(lock)).locked() is True
    assert unpack(*pack({"a": 1})) == {"a": 1}


def test_what_no_method_takes_either_is_refused_with_the_first_reason() -> None:
    register_method_for_data(Locks())
    with pytest.raises(SerializationError, match="generator"):
        pack(i for i in ())


def test_claims_are_asked_at_any_depth() -> None:
    register_method_for_data(Tables())
    assert unpack(*pack(Table([1]))).rows == ([1], "by the method")
    assert unpack(*pack([{"t": Table([2])}]))[0]["t"].rows == ([2], "by the method")
    (table,), _ = unpack_call(*pack_call((Table([3]),), {}))
    assert table.rows == ([3], "by the method")
    assert deserialize(serialize([Table([4])]))[0].rows == ([4], "by the method")


def test_claims_reach_into_what_goes_by_value() -> None:
    register_method_for_data(Tables())
    table, function = unpack(*pack([Table([1]), lambda: 3]))
    assert (table.rows, function()) == (([1], "by the method"), 3)


def test_a_claim_that_cannot_be_kept_is_refused_unless_another_can() -> None:
    register_method_for_data(Tables())
    with pytest.raises(SerializationError, match="JSON serializable"):
        pack([Table({1, 2})])


def test_the_method_registered_last_is_asked_first() -> None:
    class Upper(Tables):
        identifier = "upper"  # type: ignore[assignment]

        def deserialize(self, payload: bytes) -> Any:
            return payload.decode().upper()

    register_method_for_data(Tables())
    register_method_for_data(Upper())
    assert unpack(*pack(Table("x"))) == '"X"'
    register_method_for_data(Tables())
    assert unpack(*pack(Table("x"))).rows == ("x", "by the method")


def test_a_class_without_arguments_needs_no_registration_on_arrival() -> None:
    register_method_for_data(Tables())
    packed = pack(Table([1]))
    methods.registered.clear()
    assert unpack(*packed).rows == ([1], "by the method")


def test_a_method_that_cannot_be_made_on_arrival_is_named() -> None:
    register_method_for_data(NeedsAnArgument("s"))
    packed = pack(threading.Lock())
    methods.registered.clear()
    with pytest.raises(DeserializationError, match=r"method b'needs'.*register it where the data arrive"):
        unpack(*packed)


def test_what_is_no_method_is_refused() -> None:
    with pytest.raises(TypeError, match="no identifier and no serialize and no deserialize"):
        register_method_for_data(3)  # type: ignore[arg-type]


@pytest.mark.integration
def test_a_payload_in_another_interpreter() -> None:
    register_method_for_data(Tables())
    program = (
        "import sys\nfrom parsl_like.serialize import deserialize\nprint(deserialize(sys.stdin.buffer.read()).rows)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], input=serialize(Table([7])), capture_output=True, check=True
    )
    assert answer.stdout.decode().strip() == "([7], 'by the method')"
