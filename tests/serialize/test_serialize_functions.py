"""Functions there and back: by name, by value, and refused with the name of what they capture."""

from __future__ import annotations

import functools
import json
import math
import threading
from hashlib import blake2b
from typing import Any

import pytest

from parsl_like.serialize import pack_function, unpack_function
from parsl_like.serialize.errors import DeserializationError, SerializationError
from parsl_like.serialize.functions import name_of

GUARD = threading.Lock()
FACTOR = 3


def plain(x: int) -> int:
    return x + 1


def shout(func: Any) -> Any:
    @functools.wraps(func)
    def louder(*args: Any) -> str:
        return str(func(*args)).upper()

    return louder


@shout
def greet(name: str) -> str:
    return f"hello {name}"


def behind_the_name(x: int) -> int:
    return x * FACTOR


kept = behind_the_name
behind_the_name = "not the function"  # type: ignore[assignment]


def uses_a_module(x: float) -> str:
    return json.dumps([math.floor(x)])


def uses_a_lock() -> None:
    with GUARD:
        pass


def has_a_default(x: int, guard: Any = GUARD) -> int:
    return x


def uses_it_inside() -> Any:
    return [GUARD for _ in range(1)]


class Counter:
    step = 2

    def __init__(self, start: int) -> None:
        self.start = start

    def add(self, x: int) -> int:
        return self.start + x * self.step

    def __call__(self, x: int) -> int:
        return self.add(x)

    @classmethod
    def make(cls, start: int) -> Counter:
        return cls(start)

    @staticmethod
    def negate(x: int) -> int:
        return -x


def there_and_back(func: Any) -> Any:
    return unpack_function(pack_function(func).blob)


@pytest.mark.parametrize("func", [plain, len, math.sqrt, Counter.negate, json.dumps, Counter, str.upper], ids=name_of)
def test_what_a_module_can_give_goes_by_name(func: Any) -> None:
    blob = pack_function(func)
    assert unpack_function(blob.blob) is func
    assert len(blob.blob) < 120
    assert blob.hash == blake2b(blob.blob, digest_size=16).digest()
    assert blob.name == func.__name__


def test_lambdas_closures_and_recursion() -> None:
    offset = 10

    def fact(n: int) -> int:
        return 1 if n == 0 else n * fact(n - 1)

    assert there_and_back(lambda x: x + offset)(1) == 11
    assert there_and_back(fact)(5) == 120


def test_partials_methods_and_callable_objects() -> None:
    assert there_and_back(functools.partial(plain, 4))() == 5
    assert there_and_back(functools.partial(lambda a, b: a - b, b=1))(4) == 3
    assert there_and_back(Counter(5).add)(1) == 7
    assert there_and_back(Counter(5))(1) == 7
    assert there_and_back(Counter.make)(3).start == 3


def test_decorated_functions() -> None:
    assert there_and_back(greet)("you") == "HELLO YOU"
    assert there_and_back(greet.__wrapped__)("you") == "hello you"
    assert there_and_back(kept)(2) == 6  # the module's name means something else


def test_modules_as_globals() -> None:
    assert there_and_back(uses_a_module)(2.5) == "[2]"
    assert there_and_back(lambda x: math.floor(x) + 1)(2.5) == 3


def test_the_same_function_has_the_same_hash() -> None:
    assert pack_function(plain) == pack_function(plain)


@pytest.mark.parametrize(
    ("func", "path"),
    [
        (lambda: GUARD, "global variable 'GUARD'"),
        (lambda x, guard=GUARD: x, "default of 'guard'"),
        (lambda x, *, guard=GUARD: x, "default of 'guard'"),
        (lambda: [GUARD for _ in range(1)], "global variable 'GUARD'"),
        (functools.partial(plain, GUARD), ".args[0]"),
        (functools.partial(plain, x=GUARD), ".keywords['x']"),
        (Counter(GUARD).add, ".__self__.start"),  # type: ignore[arg-type]
        (Counter(GUARD), ".start"),  # type: ignore[arg-type]
    ],
)
def test_what_a_function_captures_is_named(func: Any, path: str) -> None:
    with pytest.raises(SerializationError) as caught:
        pack_function(func)
    assert caught.value.path == path
    assert caught.value.fname.startswith("function ")
    assert "_thread.lock" in str(caught.value)


def test_a_closure_cell_is_named() -> None:
    table = {"guard": GUARD}

    def outer() -> Any:
        def inner() -> Any:
            return table

        return inner

    with pytest.raises(SerializationError) as caught:
        pack_function(outer)
    assert caught.value.fname == "function outer"
    assert caught.value.path == "closure variable 'table'['guard']"


def test_a_class_attribute_is_named() -> None:
    class Keeper:
        guard = GUARD

        def __call__(self) -> None: ...

    with pytest.raises(SerializationError) as caught:
        pack_function(Keeper())
    assert caught.value.path is not None
    assert caught.value.path.endswith(".guard")


def test_functions_that_a_module_gives_may_use_anything() -> None:
    assert there_and_back(uses_a_lock) is uses_a_lock
    assert there_and_back(has_a_default) is has_a_default


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(SerializationError, match="cannot be called"):
        pack_function(3)  # type: ignore[arg-type]
    with pytest.raises(DeserializationError, match="cannot be called arrived"):
        unpack_function(b"\x80\x05K\x03.")


def test_a_missing_module_is_named_with_a_remedy() -> None:
    with pytest.raises(DeserializationError, match=r"the function needs the module 'nowhere'.*worker_init"):
        unpack_function(b"\x80\x05\x8c\x07nowhere\x8c\x01f\x93.")


class Nameless:
    """A callable all whose attributes raise."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __call__(self) -> None:
        """Do nothing."""


def test_names() -> None:
    assert name_of(plain) == "plain"
    assert name_of(functools.partial(functools.partial(plain), 1)) == "plain"
    assert name_of(Counter(1)) == "Counter"
    assert name_of(lambda: 1) == "<lambda>"
    assert name_of(Nameless()) == "Nameless"
