"""The canonical form of functions and classes: by what they do, wherever they stand."""

from __future__ import annotations

import functools
import linecache
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parsl_like.memo.errors import MemoKeyError
from parsl_like.memo.functions import KEPT, _kept, is_installed
from parsl_like.memo.hashers import form_of
from parsl_like.memo.keys import Call, key_of


class Modules:
    """Makes modules of sources, as many of one name as a test wants: one file in its states of editing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def __call__(self, source: str, name: str = "edited") -> Any:
        module = types.ModuleType(name)
        self._patch.setitem(sys.modules, name, module)
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
        return module


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    yield Modules(monkeypatch)
    linecache.clearcache()


def key(function: Any, *args: Any, **options: Any) -> str:
    return key_of(Call(function, "f", args, **options)).text


BASE = """
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple
from other import helper_of_other

FACTOR = 2
@dataclass(frozen=True)
class Settings:
    depth: int
class Size(NamedTuple):
    wide: int
SETTINGS, SIZE = Settings(1), Size(2)
TABLE = {"a": 1}
NAMES = ("a", "b")
count = 0

def inner(x):
    return x + 1

def helper(x, step=1):
    return inner(x) * FACTOR + step

class Model:
    scale = 3
    def apply(self, x):
        return x * self.scale
    @staticmethod
    def plain(x):
        return x
    @property
    def size(self):
        return 1

class Special(Model):
    def apply(self, x):
        return super().apply(x) + 1

def unused(x):
    return x

def f(x, y=1):
    '''Does it.'''
    global count
    count += 1
    for name in NAMES:
        x += TABLE.get(name, 0)
    x += SETTINGS.depth + SIZE.wide
    return helper(math.floor(x)) + Special().apply(y) + len(OrderedDict()) + helper_of_other(x)
"""

OTHER = "def helper_of_other(x):\n    return x\n"


@pytest.fixture
def edit(module: Modules) -> Callable[[str, str], tuple[Any, Any]]:
    module(OTHER, "other")

    def both(old: str, new: str) -> tuple[Any, Any]:
        """The function before and after an edit."""
        assert old in BASE
        return module(BASE).f, module(BASE.replace(old, new)).f

    return both


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return x + 1", "    # a comment\n\n    return x + 1"),
        ("'''Does it.'''", "'''Does it well.'''"),
        ("def f(x, y=1)", "\n\ndef f(x: float, y: float = 1) -> float"),
        ("    return x\n\ndef f", "    return -x\n\ndef f"),  # unused
        ('{"a": 1}', '{"a": 2}'),  # may be changed at any time
        ("count = 0", "count = 5"),  # is changed by the function
        ("class Special(Model):", "class Special(Model):\n    '''A special one.'''"),
        ("import math", "import math, os"),
    ],
)
def test_edits_that_do_not_count(edit: Any, old: str, new: str) -> None:
    before, after = edit(old, new)
    assert key(before, 1) == key(after, 1)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("x += TABLE", "x -= TABLE", "function"),
        ("return x + 1", "return x + 2", "global helper"),
        ("step=1", "step=2", "global helper"),
        ("FACTOR = 2", "FACTOR = 3", "global helper"),
        ('("a", "b")', '("a", "c")', "global NAMES"),
        ('{"a": 1}', "[]", "global TABLE"),
        ("scale = 3", "scale = 4", "global Special"),
        ("Settings(1)", "Settings(2)", "global SETTINGS"),
        ("Size(2)", "Size(3)", "global SIZE"),
        ("return x * self.scale", "return x + self.scale", "global Special"),
        ("super().apply(x) + 1", "super().apply(x) + 2", "global Special"),
        ("class Special(Model)", "class Special(OrderedDict, Model)", "global Special"),
        ("    @staticmethod\n", "    @classmethod\n", "global Special"),
        ("        return 1", "        return 2", "global Special"),
        ("from collections import OrderedDict", "from collections import deque as OrderedDict", "global OrderedDict"),
        ("import math", "import cmath as math", "global math"),
    ],
)
def test_edits_that_count_are_found_where_they_are(edit: Any, old: str, new: str, changed: str) -> None:
    before, after = edit(old, new)
    assert key(before, 1) != key(after, 1)
    one, other = (dict(key_of(Call(function, "f", (1,))).parts) for function in (before, after))
    assert [label for label in {**one, **other} if one.get(label) != other.get(label)] == [changed]


def test_many_globals_are_one_part(module: Modules) -> None:
    source = "".join(f"G{number} = {number}\n" for number in range(20))
    source += "def f(x):\n    return " + " + ".join(f"G{number}" for number in range(20)) + "\n"
    before, after = module(source).f, module(source.replace("G7 = 7", "G7 = 8")).f
    assert [label for label, _ in key_of(Call(before, "f", (1,))).parts] == [
        *("name", "function", "globals", "argument x")
    ]
    assert key(before, 1) != key(after, 1)


def test_a_helper_with_a_default_that_nobody_can_tell_counts_by_its_code(module: Modules) -> None:
    source = """
import threading
def helper(x, lock=threading.Lock()): return x
class Model:
    def apply(self, x, lock=threading.Lock()): return x
def f(x): return helper(x), Model().apply(x)
"""
    first = key(module(source).f, 1)
    assert first == key(module(source).f, 1)
    assert first != key(module(source.replace("threading.Lock()): return x\nclass", "1): return -x\nclass")).f, 1)


def test_globals_that_are_not_there_are_told_apart(module: Modules) -> None:
    source = "def helper():\n    return a, b\ndef f(x):\n    return helper()\n"
    assert key(module(source + "a = 1\n").f, 1) != key(module(source + "b = 1\n").f, 1)


PROXY = """
class Proxy:
    @property
    def __class__(self): raise RuntimeError("not there")
    def __getattr__(self, name): raise RuntimeError("not there")
    def __call__(self): raise RuntimeError("not there")
proxy = Proxy()
def f(x): return proxy
"""


def test_a_global_that_cannot_be_asked_counts_by_its_type(module: Modules) -> None:
    before, after = module(PROXY).f, module(PROXY.replace("proxy = Proxy()", "proxy = object()")).f
    assert key(before, 1) == key(module(PROXY).f, 1) != key(after, 1)


def test_what_is_of_another_module_counts_by_its_name(module: Modules) -> None:
    module(OTHER, "other")
    before = key(module(BASE).f, 1)
    module(OTHER.replace("return x", "return -x"), "other")
    assert key(module(BASE).f, 1) == before


def test_a_version_stands_for_the_code(edit: Any) -> None:
    before, after = edit("x += TABLE", "x -= TABLE")
    assert key(before, 1, version="1") == key(after, 1, version="1")
    assert key(before, 1, version="1") != key(before, 1, version="2")
    assert key(before, 1, version="1") != key(before, 1)


def test_a_default_is_an_argument(edit: Any) -> None:
    before, after = edit("y=1", "y=2")
    assert key(before, 1) != key(after, 1)
    assert key(before, 1, 1) == key(after, 1, 1)
    assert key(before, 1) == key(before, 1, 1)


# --- what is around a function


def scaling(by: Any) -> Callable[[float], float]:
    def scale(x: float) -> Any:
        return by * x

    return scale


def test_functions_of_one_factory_differ_by_what_they_were_made_with() -> None:
    assert key(scaling(1), 1) == key(scaling(1), 1)
    assert len({key(scaling(by), 1) for by in (1, 2, 1.0, "a", {"a": 1}, {"a": 2}, [1], scaling, scaling(1))}) == 9


def test_they_do_so_with_a_version_too() -> None:
    assert key(scaling(1), 1, version="1") != key(scaling(2), 1, version="1")
    assert key(scaling(len), 1, version="1") == key(scaling(len), 1, version="1")


class Opaque:
    """Nobody has said what tells its instances apart, and they cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("it is open")


class Pickled:
    """Nobody has said what tells its instances apart."""

    def __init__(self, number: int) -> None:
        self.number = number


def test_what_travels_with_a_function_may_be_told_by_its_pickle() -> None:
    assert key(scaling(Pickled(1)), 1) == key(scaling(Pickled(1)), 1) != key(scaling(Pickled(2)), 1)

    def with_default(x: Any, y: Any = Pickled(1)) -> Any:  # noqa: B008 - that is what is looked at
        return x, y

    assert key(with_default, 1) == key(with_default, 1)
    with pytest.raises(MemoKeyError, match="argument y"):
        key(with_default, 1, Pickled(1))


def test_what_cannot_be_told_from_others_is_named() -> None:
    with pytest.raises(MemoKeyError) as caught:
        key(scaling({"solver": Opaque()}), 1)
    text = str(caught.value)
    assert text.startswith("App f: function cannot be remembered by: by['solver'], from around it, of scaling.<locals>")
    assert "unknown type for memoization: Opaque" in text
    assert "version=" in text
    assert key(scaling({"solver": Opaque()}), 1, version="1")


def test_a_function_is_looked_at_once() -> None:
    calls: list[int] = []

    def f(x: int) -> None:
        calls.append(x)

    first = key(f, 1)
    calls.append(1)
    assert key(f, 1) == first


def test_a_variable_without_a_value() -> None:
    def f(x: int) -> Any:
        return later + x

    before = key(f, 1)
    if before == "":
        later = 1
    assert before.startswith("b2:")


def test_a_decorated_function_is_what_it_wraps(module: Modules) -> None:
    source = """
import functools
def twice(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func(func(*args))
    return wrapper
@twice
def f(x):
    return x + 1
"""
    assert key(module(source).f, 1) == key(module(source).f, 1)
    assert key(module(source).f, 1) != key(module(source.replace("x + 1", "x + 2")).f, 1)
    assert key(module(source).f, 1) != key(module(source.replace("func(func(*args))", "func(*args)")).f, 1)


def test_functions_that_call_each_other_end(module: Modules) -> None:
    source = """
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
def f(n): return even(n), odd(n), f(n - 1)
"""
    assert key(module(source).f, 1) == key(module(source).f, 1)
    assert key(module(source).f, 1) != key(module(source.replace("n != 0", "n > 0")).f, 1)


def test_a_web_of_functions_is_walked_once(module: Modules) -> None:
    """Each of 60 calls all others: a walk over every path would not end."""
    names = [f"f{number}" for number in range(60)]
    source = "".join(f"def {name}(): return [{', '.join(f'{other}()' for other in names)}]\n" for name in names)
    assert key(module(source).f0)


def test_a_function_that_holds_itself_in_a_list_ends(module: Modules) -> None:
    source = "def make():\n    held = []\n    def f(x): return held\n    held.append(f)\n    return f\n"
    assert key(module(source).make(), 1) == key(module(source).make(), 1)


# --- functions and classes as arguments


def f(function: Any) -> Any:
    return function


ARGUMENTS = """
import functools
class A:
    def __init__(self, x=1): self.x = x
    def m(self): return self.x
    @classmethod
    def c(cls): return cls
    @functools.cached_property
    def lazy(self): return 1
def plain(x): return x
def other(x): return x + 1
values = {
    "plain": plain, "other": other, "lambda": lambda x: x * 2, "class": A, "classmethod": A.c, "function": A.m,
    "partial": functools.partial(plain, 1), "partial of other": functools.partial(other, 1),
    "partial of other argument": functools.partial(plain, 2), "partial by name": functools.partial(plain, x=1),
    "cache": functools.lru_cache(plain), "list": [plain], "default": lambda x=1: x, "other default": lambda x=2: x,
    "keyword": lambda *, x=1: x,
}
"""


def test_functions_as_arguments_are_told_apart(module: Modules) -> None:
    one, other = module(ARGUMENTS).values, module(ARGUMENTS.replace("def plain", "# moved\n\ndef plain")).values
    keys = {name: key(f, value) for name, value in one.items()}
    assert len(set(keys.values())) == len(keys)
    assert keys == {name: key(f, value) for name, value in other.items()}


def test_an_edit_of_a_function_is_an_edit_of_what_holds_it(module: Modules) -> None:
    before, after = module(ARGUMENTS).values, module(ARGUMENTS.replace("return x\n", "return -x\n")).values
    changed = {name for name in before if key(f, before[name]) != key(f, after[name])}
    assert changed == {"plain", "partial", "partial of other argument", "partial by name", "cache", "list"}


def test_an_edit_of_a_method_is_an_edit_of_its_class(module: Modules) -> None:
    before, after = module(ARGUMENTS).values, module(ARGUMENTS.replace("return self.x", "return -self.x")).values
    assert {name for name in before if key(f, before[name]) != key(f, after[name])} >= {"class", "classmethod"}


def test_what_is_installed_is_known_by_its_name() -> None:
    import textwrap

    import pluggy

    for thing in (textwrap.dedent, textwrap.TextWrapper, pluggy.PluginManager, int, len):
        assert f"{thing.__module__}.{thing.__qualname__}".encode() in form_of(thing)
    assert not is_installed(__name__)
    assert not is_installed("__main__")
    assert not is_installed("no.such.module")


def test_classes_that_a_function_defines_are_told_apart(module: Modules) -> None:
    source = "def f(x):\n    class A:\n        def g(self): return 1\n    return A().g()\n"
    assert key(module(source).f, 1) != key(module(source.replace("return 1", "return 2")).f, 1)


def test_apps_are_what_their_functions_are(module: Modules) -> None:
    source = """
from parsl_like.app.app import join_app, python_app
@python_app
def work(x): return x
@join_app
def f(x): return work(x)
"""
    one, other = module(source), module(source.replace("return x\n", "return -x\n"))
    assert key(one.f.func, 1) == key(module(source).f.func, 1)
    assert key(one.f.func, 1) != key(other.f.func, 1)
    assert key(f, one.work) != key(f, other.work)


# --- what is called


class Adder:
    def __init__(self, by: int) -> None:
        self.by = by

    def add(self, x: int) -> int:
        return self.by + x

    def __call__(self, x: int) -> int:
        return self.by + x

    def __reduce__(self) -> Any:
        return Adder, (self.by,)


class Twice(Adder):
    """Is called as its base is."""


def add(by: int, x: int) -> int:
    return by + x


def test_a_partial_is_a_call_of_its_function() -> None:
    assert key(functools.partial(add, 1), 2) == key(add, 1, 2) == key(functools.partial(add, x=2), 1)
    assert key(functools.partial(add, 1), 2) != key(functools.partial(add, 2), 1)


def test_a_method_is_a_call_with_its_object() -> None:
    from parsl_like.memo.hashers import id_for_memo

    with pytest.raises(MemoKeyError, match="App f: argument self cannot be remembered by: unknown type"):
        key(Adder(1).add, 2)
    id_for_memo.register(Adder, lambda value, output_ref=False: str(value.by).encode())
    assert key(Adder(1).add, 2) == key(Adder(1).add, 2)
    assert key(Adder(1).add, 2) != key(Adder(2).add, 2)
    assert key(Adder(1), 2) == key(Adder(1), 2) != key(Adder(2), 2)
    assert key(Twice(1), 2) == key(Twice(1), 2) != key(Twice(2), 2)
    assert key(Twice(1), 2, version="1") != key(Twice(2), 2, version="1")


def test_what_is_not_written_in_python_is_known_by_its_name() -> None:
    assert key(abs, 1) == key(abs, 1) != key(hash, 1)
    assert key(int, "1") != key(float, "1")
    assert key("a".join, ["b"]) != key("b".join, ["b"])


def test_what_a_task_runs_in_does_not_count_but_a_command_does() -> None:
    from parsl_like.remote.bash import BashCommand
    from parsl_like.remote.capture import Captured
    from parsl_like.remote.timeout import Walltimed

    assert key(Walltimed(Captured(add), 5.0), 1, 2) == key(add, 1, 2)
    assert key(BashCommand(add, "add"), 1, 2) != key(add, 1, 2)
    assert key(BashCommand(add, "add"), 1, 2) != key(add, 1, 2, version="1")
    assert key(BashCommand(add, "add"), 1, 2, version="1") != key(add, 1, 2, version="1")


def test_a_program_that_makes_a_function_per_call_does_not_grow_for_ever() -> None:
    for number in range(KEPT + 10):
        form_of(eval(f"lambda: {number}"))
    assert len(_kept) <= KEPT
