"""How a value becomes a pickle: by the plain pickler if that is right, else by cloudpickle, else by a user's method.

Plain pickling is ten times quicker than cloudpickle and needs no import, but it names what lives in ``__main__``
instead of sending it. Everything that comes out is one pickle of protocol 5, whoever made it.
"""

from __future__ import annotations

import pickle
import sys
from functools import cache
from io import BytesIO
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from parsl_like.serialize import methods
from parsl_like.serialize.origin import importable, mentions_local

if TYPE_CHECKING:
    from collections.abc import Callable

    Collect = Callable[[pickle.PickleBuffer], Any]

PROTOCOL = 5
BIG = 64 * 1024
"""Bytes from which a buffer travels beside the pickle and not inside it."""
STACK_GLOBAL = 0x93
"""The opcode that imports; without it a pickle of our pickler holds neither classes nor functions."""


class Refused(Exception):
    """No method can serialise the value; ``__cause__`` says what the last one complained of."""


class BigBuffer(Exception):
    """Pickling has come upon a buffer that must not go into the pickle."""


def keep_small(buffer: pickle.PickleBuffer) -> bool:
    """A buffer callback that keeps small buffers in the pickle.

    Raises:
        BigBuffer: The buffer is a big one.
    """
    if memoryview(buffer).nbytes >= BIG:
        raise BigBuffer
    return True


class Buffers:
    """A buffer callback that keeps small buffers in the pickle and collects the big ones in ``taken``."""

    def __init__(self) -> None:
        self.taken: list[memoryview] = []

    def __call__(self, buffer: pickle.PickleBuffer) -> bool:
        """Whether the buffer stays in the pickle."""
        memory = buffer.raw()
        small = memory.nbytes < BIG
        if not small:
            self.taken.append(memory)
        return small


def encode(value: object, buffers: Buffers | None = None) -> bytes:
    """The value as one pickle; its big buffers go to ``buffers``, or into the pickle where there is no such place.

    Raises:
        Refused: It cannot be done.
    """
    try:
        method = methods.claimant(value) if methods.registered else None
        return _plain(methods.Envelope(method, value), None) if method else _built_in(value, buffers)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a foreign __reduce__ raises is a reason why it cannot be sent
        if methods.registered and (body := _last_resort(value)) is not None:
            if buffers is not None:
                buffers.taken.clear()
            return body
        raise Refused from error


def encode_by_value(value: object, buffers: Buffers | None = None) -> bytes:
    """The value as a pickle that holds the functions and classes which no module elsewhere can give."""
    file = BytesIO()
    _value_pickler()(file, protocol=PROTOCOL, buffer_callback=buffers).dump(value)
    return file.getvalue()


def encode_by_reference(function: object) -> bytes | None:
    """The function as a pickle that only names what modules elsewhere can give; None where that is not enough."""
    file = BytesIO()
    try:
        _ReferencePickler(file, protocol=PROTOCOL).dump(function)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - the other way to pickle it says what is wrong, if something is
        return None
    return file.getvalue()


def refusal(value: object) -> BaseException | None:
    """Why the value cannot be sent; None if it can."""
    try:
        encode(value, Buffers())
    except Refused as refused:
        return refused.__cause__
    return None


def _built_in(value: object, buffers: Buffers | None) -> bytes:
    try:
        body = _claiming(value, buffers) if methods.registered else _plain(value, buffers)
        if not (STACK_GLOBAL in body and mentions_local(body)):
            return body
    except (RecursionError, MemoryError):
        raise  # cloudpickle would fare no better
    except Exception:  # noqa: BLE001, S110 - cloudpickle will say what is wrong, if something is
        pass
    if buffers is not None:
        buffers.taken.clear()
    return encode_by_value(value, buffers)


def _plain(value: object, buffers: Buffers | None) -> bytes:
    return pickle.dumps(value, PROTOCOL, buffer_callback=buffers)


def _claiming(value: object, buffers: Buffers | None) -> bytes:
    file = BytesIO()
    _ClaimingPickler(file, protocol=PROTOCOL, buffer_callback=buffers).dump(value)
    return file.getvalue()


def _last_resort(value: object) -> bytes | None:
    for method in methods.last_resorts():
        try:
            return _plain(methods.Envelope(method, value), None)
        except Exception:  # noqa: BLE001, S112 - a user's method that cannot do it either; the first error is told
            continue
    return None


class _ReferencePickler(pickle.Pickler):
    """Refuses functions and classes of modules that another interpreter cannot import."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (type, FunctionType)) and not importable(obj.__module__):
            raise pickle.PicklingError(f"{obj.__module__} cannot be imported elsewhere")
        return NotImplemented


class _ClaimingPickler(pickle.Pickler):
    """Hands what a registered method claims to that method."""

    def reducer_override(self, obj: Any) -> Any:
        method = methods.claimant(obj)
        return NotImplemented if method is None else methods.reduce_with(method, obj)


@cache
def _value_pickler() -> type[pickle.Pickler]:
    import cloudpickle

    class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Sends by value what lives in a module that another interpreter cannot import, and hands over claims."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, (type, FunctionType, ModuleType)):
                name = obj.__name__ if isinstance(obj, ModuleType) else obj.__module__
                if not importable(name) and name != "__main__" and isinstance(sys.modules.get(name), ModuleType):
                    # Holds for the whole process: what is true of the module is true for every user of cloudpickle.
                    cloudpickle.register_pickle_by_value(sys.modules[name])
            elif methods.registered and (method := methods.claimant(obj)) is not None:
                return methods.reduce_with(method, obj)
            return super().reducer_override(obj)

    return ValuePickler
