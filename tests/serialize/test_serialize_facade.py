"""Any value there and back; nothing shared with the original; what cannot be sent is named."""

from __future__ import annotations

import copyreg
import datetime
import decimal
import fractions
import pickle
import socket
import subprocess
import sys
import threading
from collections import OrderedDict, deque, namedtuple
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.serialize import deserialize, is_plain, pack, serialize, unpack
from parsl_like.serialize.errors import DeserializationError, SerializationError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
HASHABLE = SCALARS | st.tuples(SCALARS, SCALARS) | st.frozensets(SCALARS)
VALUES = st.recursive(
    HASHABLE | st.datetimes() | st.decimals(allow_nan=False) | st.fractions(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(HASHABLE, inner) | st.tuples(inner, inner) | st.builds(deque, st.lists(inner))
    ),
    max_leaves=20,
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)

Point = namedtuple("Point", "x y")


class Holder:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("lock", "name")


class ReduceRaises:
    def __reduce__(self) -> Any:
        raise ValueError("no way to reduce this")


class ReduceExits:
    def __reduce__(self) -> Any:
        raise SystemExit(3)


class BombOnArrival:
    def __reduce__(self) -> Any:
        return explode, ("bang",)


class ExitOnArrival:
    def __reduce__(self) -> Any:
        return sys.exit, (5,)


def explode(text: str) -> None:
    raise ValueError(text)


class Endless:
    def __reduce__(self) -> Any:
        return list, ([Endless()],)


@given(VALUES)
def test_round_trip(value: object) -> None:
    assert unpack(*pack(value)) == value


@given(VALUES)
def test_self_contained_round_trip(value: object) -> None:
    assert deserialize(serialize(value)) == value


@given(PLAIN)
def test_plain_data_import_nothing(value: object) -> None:
    body = pack(value).body
    if is_plain(body):
        names = {opcode.name for opcode, _, _ in _opcodes(body)}
        assert not names & {"STACK_GLOBAL", "GLOBAL", "INST", "OBJ", "REDUCE", "NEWOBJ", "EXT1", "EXT2", "EXT4"}
        assert unpack(body) == value


def _opcodes(body: bytes) -> Any:
    import pickletools

    return pickletools.genops(body)


@pytest.mark.parametrize("value", [None, 1, "text", (1, 2.5), {"a": [1, {2}]}, [b"x"]], ids=repr)
def test_everyday_data_are_plain(value: object) -> None:
    assert is_plain(pack(value).body)


@pytest.mark.parametrize(
    "value", [Holder(), Point(1, 2), len, int, BombOnArrival(), decimal.Decimal(1), 1j], ids=lambda v: type(v).__name__
)
def test_what_imports_is_not_plain(value: object) -> None:
    assert not is_plain(pack(value).body)


def test_an_extension_code_is_not_plain() -> None:
    copyreg.add_extension(Holder.__module__, "Holder", 240)
    try:
        assert not is_plain(pack(Holder()).body)
    finally:
        copyreg.remove_extension(Holder.__module__, "Holder", 240)


@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(a=1),
        Point(1, 2),
        Path("a/b"),
        PurePosixPath("/x"),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        fractions.Fraction(1, 3),
        range(5),
        slice(1, 2),
        Ellipsis,
        bytearray(b"abc"),
        "\udc80 lone surrogate",
    ],
    ids=repr,
)
def test_common_types(value: object) -> None:
    copy = unpack(*pack(value))
    assert copy == value
    assert type(copy) is type(value)


def test_structures_that_hold_themselves() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    table: dict[str, Any] = {"ring": ring}
    table["self"] = table
    copy = unpack(*pack(table))
    assert copy["self"] is copy
    assert copy["ring"][1] is copy["ring"]


# --- big buffers


def test_a_big_array_travels_beside_the_pickle() -> None:
    array = np.arange(100_000, dtype=np.float64)
    body, buffers = pack({"data": array, "n": 1})
    assert [buffer.nbytes for buffer in buffers] == [array.nbytes]
    assert len(body) < 1000
    assert np.array_equal(unpack(body, buffers)["data"], array)


def test_small_arrays_stay_in_the_pickle() -> None:
    array = np.arange(10)
    body, buffers = pack([array, array * 2])
    assert buffers == ()
    first, second = unpack(body)
    assert np.array_equal(first, array)
    assert np.array_equal(second, array * 2)


@pytest.mark.parametrize("size", [10, 100_000])
def test_arrays_keep_whether_they_can_be_written_to(size: int) -> None:
    free, frozen = np.zeros(size), np.zeros(size)
    frozen.flags.writeable = False
    copies = unpack(*pack((free, frozen)))
    assert [copy.flags.writeable for copy in copies] == [True, False]
    copies[0][:] = 7
    assert not free.any()


@pytest.mark.parametrize("size", [10, 100_000])
def test_later_changes_of_an_array_do_not_reach_what_was_packed(size: int) -> None:
    array = np.zeros(size)
    packed = pack(array)
    array[:] = 1
    assert not unpack(*packed).any()


def test_what_was_packed_can_be_unpacked_again() -> None:
    packed = pack(np.zeros(100_000))
    unpack(*packed)[:] = 1
    assert not unpack(*packed).any()


def test_without_a_copy_the_memory_is_shared_but_cannot_be_written_to() -> None:
    array = np.zeros(100_000)
    _, (buffer,) = pack(array, copy=False)
    array[0] = 1
    assert np.frombuffer(buffer)[0] == 1
    assert buffer.readonly


def test_writable_buffers_become_the_arrays_memory() -> None:
    body, (buffer,) = pack(np.zeros(100_000))
    memory = bytearray(buffer)
    unpack(body, [memory])[0] = 1
    assert np.frombuffer(memory)[0] == 1


def test_a_big_array_of_fortran_order() -> None:
    array = np.asfortranarray(np.arange(200_000, dtype=float).reshape(400, 500))
    copy = unpack(*pack(array))
    assert np.array_equal(copy, array)
    assert copy.flags.f_contiguous


def test_a_slice_of_a_big_array_sends_only_itself() -> None:
    array = np.arange(1_000_000)[::100]
    body, buffers = pack(array)
    assert len(body) + sum(buffer.nbytes for buffer in buffers) < 100_000
    assert np.array_equal(unpack(body, buffers), array)


def test_a_body_may_come_as_a_view() -> None:
    body, _ = pack({"a": 1})
    assert unpack(memoryview(bytearray(body))) == {"a": 1}


def test_self_contained_bytes_hold_big_buffers() -> None:
    array = np.arange(100_000)
    copy = deserialize(serialize([array]))[0]
    assert np.array_equal(copy, array)
    assert copy.flags.writeable


# --- functions and classes as values


def test_functions_are_values_too() -> None:
    offset = 5
    double, shifted = unpack(*pack([lambda x: 2 * x, lambda x: x + offset]))
    assert (double(4), shifted(4)) == (8, 9)
    assert deserialize(serialize(lambda x: x + offset))(1) == 6
    assert deserialize(serialize(explode)) is explode


def test_classes_made_in_a_function() -> None:
    class Local:
        def __init__(self, n: int) -> None:
            self.n = n

    copy = unpack(*pack(Local(3)))
    assert type(copy) is Local  # the class is known again where it was made
    assert copy.n == 3


# --- refusals

REFUSED: list[tuple[Any, str, str]] = [
    (lambda: {"a": Holder(lock=threading.Lock())}, "value['a'].lock", "cannot pickle '_thread.lock' object"),
    (lambda: [1, (2, {"k": (i for i in ())})], "value[1][1]['k']", "generator"),
    (lambda: Holder(inner=Holder(raising=ReduceRaises())), "value.inner.raising", "no way to reduce this"),
    (lambda: [ReduceExits()], "value[0]", "SystemExit: 3"),
    (lambda: {threading.current_thread: 1, "t": threading.current_thread()}, "value['t']", "_thread"),
    (lambda: {ReduceRaises(): 1}, "value, key <", "no way to reduce this"),
    (lambda: {1, ReduceRaises()}, "value, element <", "no way to reduce this"),
    (lambda: deque([1, ReduceRaises()]), "value[1]", "no way to reduce this"),
    (lambda: OrderedDict(a=ReduceRaises()), "value['a']", "no way to reduce this"),
    (lambda: Point(1, ReduceRaises()), "value[1]", "no way to reduce this"),
    (sys._getframe, "value", "frame"),
]


@pytest.mark.parametrize(("make", "path", "reason"), REFUSED, ids=[path for _, path, _ in REFUSED])
def test_the_offending_part_is_named(make: Any, path: str, reason: str) -> None:
    with pytest.raises(SerializationError) as caught:
        pack(make())
    assert caught.value.path is not None
    assert caught.value.path.startswith(path)
    assert reason in str(caught.value)
    with pytest.raises(SerializationError, match=reason):
        serialize(make())


def test_an_attribute_in_a_slot_is_named() -> None:
    value = Slotted()
    value.name, value.lock = "n", threading.Lock()
    with pytest.raises(SerializationError) as caught:
        pack([value])
    assert caught.value.path == "value[0].lock"


def test_a_socket_is_named() -> None:
    with socket.socket() as sock, pytest.raises(SerializationError) as caught:
        pack({"connection": [sock]})
    assert caught.value.path == "value['connection'][0]"
    assert "socket" in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "wb", "rb"])
def test_an_open_file_is_named_with_its_path(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "data.txt"
    path.write_text("x")
    with path.open(mode) as file, pytest.raises(SerializationError) as caught:
        pack(Holder(log=file))
    assert caught.value.path == "value.log"
    assert str(path) in str(caught.value)


def test_a_part_left_out_by_its_owner_is_not_blamed() -> None:
    class Careful:
        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.worse = ReduceRaises()

        def __getstate__(self) -> dict[str, Any]:
            return {"worse": self.worse}

    with pytest.raises(SerializationError) as caught:
        pack(Careful())
    assert caught.value.path == "value.worse"


def test_too_deep_a_nesting_is_said_to_be_so() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SerializationError, match="nested more deeply than this interpreter's recursion limit"):
        pack(deep)
    with pytest.raises(SerializationError, match="nested more deeply"):
        pack(Endless())
    with pytest.raises(SerializationError, match="nested more deeply"):
        pack([lambda: 1, deep])


def test_an_offender_inside_a_ring_is_found() -> None:
    ring: dict[str, Any] = {}
    ring["next"] = {"back": ring, "lock": threading.Lock()}
    with pytest.raises(SerializationError) as caught:
        pack(ring)
    assert caught.value.path is not None
    assert caught.value.path.endswith("['lock']")


def test_the_interrupt_of_the_user_is_not_swallowed() -> None:
    class Interrupts:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack([Interrupts()])


# --- what cannot be rebuilt


def test_unpickling_that_raises_is_an_error_of_ours() -> None:
    with pytest.raises(DeserializationError, match="ValueError: bang"):
        unpack(*pack(BombOnArrival()))


def test_unpickling_that_exits_is_an_error_of_ours() -> None:
    with pytest.raises(DeserializationError, match="SystemExit: 5"):
        unpack(*pack(ExitOnArrival()))


class InterruptOnArrival:
    def __reduce__(self) -> Any:
        return interrupt, ()


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_passes_in_the_main_thread_alone() -> None:
    packed = pack(InterruptOnArrival())
    with pytest.raises(KeyboardInterrupt):
        unpack(*packed)
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            unpack(*packed)
        except BaseException as error:  # noqa: BLE001
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert type(caught[0]) is DeserializationError


@pytest.mark.parametrize("body", [b"", b"garbage", pickle.dumps([1, 2])[:-2], b"\x80\x05\x97."], ids=repr)
def test_torn_payloads_are_errors_of_ours(body: bytes) -> None:
    with pytest.raises(DeserializationError):
        unpack(body)


def test_missing_buffers_are_an_error_of_ours() -> None:
    body, _ = pack(np.zeros(100_000))
    with pytest.raises(DeserializationError):
        unpack(body)


def test_a_missing_module_is_named() -> None:
    body = b"\x80\x05\x8c\x13no_such_module_here\x8c\x01f\x93."
    with pytest.raises(DeserializationError, match=r"needs the module 'no_such_module_here'.*Install it") as caught:
        unpack(body)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_missing_name_is_explained() -> None:
    body = b"\x80\x05\x8c\x02os\x8c\x0bno_such_fun\x93."
    with pytest.raises(DeserializationError, match=r"no_such_fun.*same version"):
        unpack(body)


@pytest.mark.integration
def test_plain_data_need_no_cloudpickle() -> None:
    program = (
        "import sys, datetime\n"
        "from parsl_like.serialize import *\n"
        "from parsl_like.remote.call import run_call\n"
        "value = {'a': [1, 2.5, 'x', b'y', None, datetime.date(2026, 1, 1)]}\n"
        "assert unpack(*pack(value)) == value and deserialize(serialize(value)) == value\n"
        "assert unpack_call(*pack_call((value,), {'k': value})) == ((value,), {'k': value})\n"
        "assert unpack_function(pack_function(len).blob) is len\n"
        "assert run_call(len, pack_call(('abc',), {}).body).ok\n"
        "assert 'ValueError' in str(type(unpack_failure(pack_failure(ValueError(1)))))\n"
        "late = {'cloudpickle', 'subprocess', 'ctypes', 'inspect', 'traceback'} & set(sys.modules)\n"
        "assert 'cloudpickle' not in sys.modules, late\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
