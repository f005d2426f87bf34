"""What a checkpoint holds of one remembered result, as bytes and back.

The body of a record is the tail of a pickle: of the dictionary that Parsl writes for a task. What else is known about
the result is in the record's head, which can be read without rebuilding any value.
"""

from __future__ import annotations

import pickle
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsl_like.journal.frames import encode_surrounded, encode_whole, surrounded
from parsl_like.serialize import methods
from parsl_like.serialize.facade import Packed
from parsl_like.serialize.offender import refused
from parsl_like.serialize.pickles import PROTOCOL, Refused, encode
from parsl_like.serialize.unpickling import is_interrupt, rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.memo.table import TaskKey

RESULTS: Final = "results"
"""The kind of log that a checkpoint is."""
RESULT: Final = 1
"""The kind of record that holds a result."""
FORGOTTEN: Final = 2
"""The kind of record that says that an earlier result is to be given no more; without a key, that none is."""
PARSL_PART: Final = "parsl"
"""The label of the part of a key, the last, that is the key which Parsl would give the call; no part of our own key."""

Parts = tuple[tuple[str, bytes], ...]

_LENGTH: Final = Struct("<H")
_RAW: Final = b"\x02"
_MD5: Final = b"\x05"
_TEXT: Final = b"\x00"
_B2: Final = "b2:"


class Entry(NamedTuple):
    """A result to be written.

    Attributes:
        key: The text of its key.
        parts: What the key was made of: pairs of a label and a digest.
        name: The app's name.
        task: The task that computed it.
        value: The result; or :class:`~parsl_like.serialize.facade.Packed`, if it is at hand as bytes.
    """

    key: str
    parts: Parts
    name: str
    task: int
    value: object


class Facts(NamedTuple):
    """What is known about a result without its value.

    Attributes:
        key: The text of its key.
        time: When it was remembered, in seconds since the epoch.
        task: The task that computed it, in the run that it was computed in; -1 where not known.
        name: The app's name; empty where not known.
        parts: What the key was made of; none where not known.
    """

    key: str
    time: float
    task: int = -1
    name: str = ""
    parts: Parts = ()


# --- keys


def packed_key(key: str) -> bytes:
    """A key in as few bytes as it takes; different for different keys."""
    if key.startswith(_B2) and len(key) == 43:
        tag, digits = _RAW, key[3:]
    elif len(key) == 32:
        tag, digits = _MD5, key
    else:
        return _TEXT + key.encode("utf-8", "surrogatepass")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if raw.hex() != digits:  # capitals, blanks
        return _TEXT + key.encode("utf-8", "surrogatepass")
    return tag + raw


def unpacked_key(key: bytes) -> str:
    """The key that was packed."""
    tag, rest = key[:1], key[1:]
    if tag == _RAW:
        return _B2 + rest.hex()
    return rest.hex() if tag == _MD5 else rest.decode("utf-8", "surrogatepass")


# --- heads


@cache
def _coders() -> tuple[Callable[[object], bytes], Callable[[bytes], tuple[float, int, str, Parts]]]:
    import msgspec

    shape = tuple[float, int, str, tuple[tuple[str, bytes], ...]]
    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(shape).decode


def encode_head(key: bytes, time: float, task: int = -1, name: str = "", parts: Parts = ()) -> bytes:
    """The head of a record; its key comes first, so that it can be had without the rest."""
    return _LENGTH.pack(len(key)) + key + _coders()[0]((time, task, name, parts))


def key_in(head: bytes) -> bytes:
    """The packed key in a head."""
    return head[2 : 2 + head[0] + (head[1] << 8)]


def decode_head(head: bytes) -> Facts:
    """What a head says.

    Raises:
        ValueError: it says nothing that is known here.
    """
    import msgspec

    try:
        key = key_in(head)
        time, task, name, parts = _coders()[1](head[2 + len(key) :])
        return Facts(unpacked_key(key), time, task, name, parts)
    except (msgspec.MsgspecError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"this is not the head of a result: {error}") from error


# --- bodies

_BEFORE: Final = b"}(\x8c\x04hash"  # EMPTY_DICT, MARK, SHORT_BINUNICODE
_SHORT_KEYS: Final = tuple(b"%b\x8c%c" % (_BEFORE, size) for size in range(64))
_PLAIN_KEY: Final = _SHORT_KEYS[43]
_BETWEEN: Final = b"\x8c\x09exceptionN\x8c\x06result"
_AFTER: Final = b"u."  # SETITEMS, STOP
SMALL: Final = 64 * 1024
"""Bytes of a pickle from which on it is not copied when it is written."""


def pickled(value: object) -> bytes:
    """A value as one pickle that no later change of the value reaches.

    What its own module can give is named, also if that is the program itself: the same program will read it.

    Raises:
        SerializationError: it cannot be done; names the part of it that is at fault.
    """
    if type(value) is Packed:
        if value.body and not value.buffers:
            return value.body
        value = rebuild("a result", value.body, value.buffers)
    try:
        if not methods.registered:
            return pickle.dumps(value, PROTOCOL)
    except BaseException as error:  # whatever a foreign __reduce__ raises: there is another way to pickle it
        if is_interrupt(error):
            raise
    try:
        return encode(value)
    except Refused as refusal:
        what = f"a value of type {type(value).__name__}"
        raise refused(value, what, "result", refusal.__cause__) from refusal.__cause__


def encode_body(key: str, blob: bytes, parts: Parts = ()) -> tuple[bytes | memoryview, ...]:
    """The body of a record, in pieces.

    Args:
        key: The key.
        blob: The pickle of the value.
        parts: If Parsl's key is the last of them, it is under this one that Parsl finds the result.
    """
    if parts and parts[-1][0] == PARSL_PART:
        key = parts[-1][1].hex()
    name = key.encode("utf-8", "surrogatepass")
    size = len(name)
    start = _SHORT_KEYS[size] if size < len(_SHORT_KEYS) else b"%bX%b" % (_BEFORE, size.to_bytes(4, "little"))
    if len(blob) < SMALL:
        return (b"%b%b%b%b%b" % (start, name, _BETWEEN, blob[:-1], _AFTER),)
    return (b"%b%b%b" % (start, name, _BETWEEN), memoryview(blob)[:-1], _AFTER)


def small_record(
    key: str, packed: bytes, parts: Parts, name: str, task: int, time: float, blob: bytes, seed: int
) -> bytes:
    """A whole record of a result whose pickle is :data:`SMALL`, as :func:`encode_head` and :func:`encode_body` make it.

    Args:
        key: The key.
        packed: The same, packed.
        parts: What it was made of.
        name: The app's name.
        task: The task that computed the result.
        time: When it was remembered, in seconds since the epoch.
        blob: The pickle of the value.
        seed: The log's.
    """
    head = b"%b%b%b" % (_LENGTH.pack(len(packed)), packed, _coders()[0]((time, task, name, parts)))
    return encode_whole(RESULT, head, b"".join(encode_body(key, blob, parts)), seed)


_MOMENT: Final = Struct(">BBdBI").pack
_ARRAY, _FLOAT, _UINT32, _DIGEST = 0x94, 0xCB, 0xCE, b"\x92%b\xc4\x10%%b"  # of MessagePack: 4 fields, a pair
_MOST_TASKS: Final = 1 << 32


def record_form(name: str, labels: Sequence[tuple[str, bytes | None]]) -> bytes:
    """The head of the records of one app's plain calls, with what stands around it, as a format.

    What it takes is the packed key, the moment, and the digests of arguments.

    Args:
        name: The app's name.
        labels: Parts of the keys in their order; None stands for the digest of an argument.
    """
    encode = _coders()[0]
    size = len(labels)
    start = bytes([0x90 | size]) if size < 16 else b"\xdc" + size.to_bytes(2, "big")
    said = [
        _DIGEST % encode(label).replace(b"%", b"%%") if part is None else encode((label, part)).replace(b"%", b"%%")
        for label, part in labels
    ]
    head = b"".join((_LENGTH.pack(len(_RAW) + 20), b"%b%b", encode(name).replace(b"%", b"%%"), start, *said))
    digests = [bytes(16) for _, part in labels if part is None]
    length = len(head % (bytes(len(_RAW) + 20), _MOMENT(_ARRAY, _FLOAT, 0.0, _UINT32, 0), *digests))
    around = surrounded(bytes(length))
    return around[: -length - 1].replace(b"%", b"%%") + head + around[-1:]


def plain_record(form: bytes, key: TaskKey, blob: bytes, time: float, seed: int) -> bytes:
    """What :func:`small_record` makes, of a plain call, with what is the same for all of them."""
    task = key.task
    if not 0 <= task < _MOST_TASKS:
        return small_record(key, key.packed, key.parts, key.name, task, time, blob, seed)
    moment = _MOMENT(_ARRAY, _FLOAT, time, _UINT32, task)
    own = key.own
    around = form % ((key.packed, moment, own) if type(own) is bytes else (key.packed, moment, *own))
    body = b"%b%b%b%b%b" % (_PLAIN_KEY, key.encode(), _BETWEEN, blob[:-1], _AFTER)
    return encode_surrounded(RESULT, around, body, seed)


def decode_body(body: bytes) -> Any:
    """The value in a body.

    Raises:
        DeserializationError: it cannot be rebuilt here.
    """
    return rebuild("a remembered result", body)["result"]
