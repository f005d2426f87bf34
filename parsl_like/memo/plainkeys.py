"""Keys of calls with plain arguments by position: those that all calls have, made in a fraction of the time."""

from __future__ import annotations

from hashlib import blake2b
from marshal import dumps
from typing import TYPE_CHECKING, Any, Final

from parsl_like.memo.canonical import VERSION, atom
from parsl_like.memo.plans import PART
from parsl_like.memo.table import TaskKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.memo.plans import Plan

WHOLE: Final = 20
"""Bytes of the digest that is a key."""
PREFIX: Final = "b2:"
"""The algorithm of a key: BLAKE2b (RFC 7693) with 160 bits."""
PACKED: Final = b"\x02"
"""The same, where keys are packed."""

_FIXED: Final = frozenset({int, bool, type(None), complex})
"""Types whose values always have the form that marshal gives them."""
_part: Final = blake2b(digest_size=PART)  # to copy one takes a third of the time that it takes to make one
_new: Final = str.__new__


class PlainKeys:
    """Makes the keys of one app's calls with a certain number of arguments, all of types in ``canonical.ATOMS``.

    Args:
        plan: What the keys of the app's function have in common.
        name: The app's name.
        given: How many arguments there are.

    Attributes:
        name: The app's name.
        said: For whoever writes keys down: what records say of them but for the digests; made when it is first needed.

    Raises:
        MemoKeyError: a default cannot be told from others.
    """

    __slots__ = ("_begun", "_counted", "_form", "_head", "_labels", "_tail_parts", "name", "said")

    def __init__(self, plan: Plan, name: str, given: int) -> None:
        plan.lengthen(given)
        slots = plan.slots[:given]
        counted = [slot for slot in slots if slot[3]]
        places = tuple(number for number, slot in enumerate(slots) if slot[3])
        self.name = name
        self.said: bytes | None = None
        self._head = plan.head
        self._tail_parts, tail = plan.tail(given)
        self._begun = blake2b(plan.prefix, digest_size=WHOLE)
        self._form = b"".join(_literal(framed) + b"%b" for _, framed, _, _ in counted) + _literal(tail)
        self._labels = tuple(slot[0] for slot in counted)
        self._counted = None if len(places) == given else places

    def of(self, args: Sequence[Any], task: int) -> TaskKey:
        """The key of a task's call."""
        if self._counted is not None:
            args = [args[place] for place in self._counted]
        digests: tuple[bytes, ...] = ()
        for value in args:
            part = _part.copy()
            part.update(dumps(value, VERSION) if type(value) in _FIXED else atom(value))
            digests += (part.digest(),)
        whole = self._begun.copy()
        whole.update(self._form % digests)
        digest = whole.digest()
        key = _new(TaskKey, PREFIX + digest.hex())
        key.packed = PACKED + digest
        # A tuple would be looked at by every garbage collection, and most calls have one argument.
        key.own = digests[0] if len(digests) == 1 else digests
        key.plain = self
        key.name = self.name
        key.task = task
        key.of_parsl = ()
        return key

    def parts(self, own: bytes | tuple[bytes, ...]) -> tuple[tuple[str, bytes], ...]:
        """What a key is made of, from the digests of the arguments; one is there by itself."""
        digests = (own,) if isinstance(own, bytes) else own
        return (*self._head, *zip(self._labels, digests, strict=True), *self._tail_parts)

    def labels(self) -> tuple[tuple[str, bytes | None], ...]:
        """The parts of all keys in their order; None stands for the digest of an argument."""
        return (*self._head, *((label, None) for label in self._labels), *self._tail_parts)


def _literal(data: bytes) -> bytes:
    """Bytes as they are in a format for bytes."""
    return data.replace(b"%", b"%%")
