"""Keys of calls: their parts, what counts and what does not, and that every process makes the same."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from parsl_like.data_provider.files import File
from parsl_like.memo import file_values
from parsl_like.memo.errors import MemoKeyError
from parsl_like.memo.keys import KEPT, Call, Key, Keys, key_of
from parsl_like.plugins import hookimpl

ROOT = Path(__file__).resolve().parent.parent.parent


def f(x: Any, y: Any = 0, *more: Any, z: Any = None, **others: Any) -> Any:
    return x, y, more, z, others


def g(a: Any, /, b: Any, **others: Any) -> Any:
    return a, b, others


def plain(x: Any, y: Any) -> Any:
    return x, y


def key(function: Any, *args: Any, ignored: Any = (), **kwargs: Any) -> str:
    return key_of(Call(function, "app", args, kwargs, frozenset(ignored))).text


def labels(call: Call) -> list[str]:
    return [label for label, _ in key_of(call).parts]


# --- of what a key is made


def test_a_key_names_its_algorithm_and_shows_its_parts() -> None:
    made = key_of(Call(f, "app", (1, 2, 3), {"w": 4}, environment=b"3.11"))
    assert made.text.startswith("b2:")
    assert len(bytes.fromhex(made.text[3:])) == 20
    assert [label for label, _ in made.parts] == [
        *("name", "function", "environment"),
        *("argument x", "argument y", "argument 2", "argument z", "argument w"),
    ]
    assert {len(digest) for _, digest in made.parts} == {16}


def test_a_part_changes_with_what_it_stands_for_alone() -> None:
    one, other = key_of(Call(f, "app", (1, 2))), key_of(Call(f, "app", (1, 3)))
    assert one.text != other.text
    assert [a[0] for a, b in zip(one.parts, other.parts, strict=True) if a != b] == ["argument y"]


def test_a_version_has_the_place_of_the_function() -> None:
    assert labels(Call(f, "app", (1,), version="2")) == ["name", "version", "argument x", "argument y", "argument z"]


def test_name_version_and_environment_count() -> None:
    calls = [
        Call(plain, "app", (1, 2)),
        Call(plain, "other", (1, 2)),
        Call(plain, "app", (1, 2), version="1"),
        Call(plain, "app", (1, 2), version="2"),
        Call(plain, "app", (1, 2), environment=b""),
        Call(plain, "app", (1, 2), environment=b"a"),
    ]
    assert len({key_of(call).text for call in calls}) == len(calls)


# --- arguments


def test_a_call_is_the_same_however_it_is_written() -> None:
    assert key(plain, 1, 2) == key(plain, 1, y=2) == key(plain, x=1, y=2) == key(plain, y=2, x=1)
    assert key(f, 1) == key(f, 1, 0) == key(f, x=1) == key(f, 1, z=None) == key(f, y=0, z=None, x=1)
    assert key(f, 1, a=1, b=2) == key(f, 1, b=2, a=1)


def test_other_calls_are_not() -> None:
    calls = [
        *(key(f, 1, 2), key(f, 2, 1), key(f, 1), key(f, 1.0), key(f, True), key(f, "1"), key(f, None), key(f, [1])),
        *(key(f, 1, 2, 3), key(f, 1, 2, 4), key(f, 1, 2, 3, 4), key(f, 1, 2, z=3), key(f, 1, 2, w=3), key(f, 1, w=3)),
        *(key(f, 1, 2, **{"2": 3}), key(f, 1, 2, **{"2": 3, "w": 3})),
    ]
    assert len(set(calls)) == len(calls)


def test_positional_only_names_are_free_for_others() -> None:
    assert labels(Call(g, "app", (1,), {"b": 2, "a": 3})) == [
        *("name", "function", "argument 0", "argument b", "argument a")
    ]
    assert key(g, 1, 2, a=3) != key(g, 3, 2, a=1)


def only_positional(p: Any, q: Any = 1, /) -> None: ...


def all_kinds(x: Any, /, y: Any = 1, *args: Any, z: Any = 2, **kw: Any) -> None: ...


def whatever(*args: Any, **kw: Any) -> None: ...


def only_keywords(*, y: Any, z: Any = 3) -> None: ...


def bound(function: Any, args: Any, kwargs: Any) -> Any:
    """What each parameter gets; None for a call that cannot be made."""
    try:
        call = inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return None
    call.apply_defaults()
    return [sorted(each.items()) if isinstance(each, dict) else each for each in call.arguments.values()]


numbers = st.integers(0, 2)
calls = st.tuples(st.lists(numbers, max_size=4), st.dictionaries(st.sampled_from("pqxyzw"), numbers, max_size=3))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.sampled_from([f, g, plain, only_positional, all_kinds, whatever, only_keywords]), calls, calls)
def test_keys_are_equal_exactly_if_every_parameter_gets_the_same(function: Any, one: Any, other: Any) -> None:
    first, second = bound(function, *one), bound(function, *other)
    assume(first is not None and second is not None)
    assert (key(function, *one[0], **one[1]) == key(function, *other[0], **other[1])) == (first == second)


def test_ignored_names_do_not_count_however_they_are_given() -> None:
    same = [key(f, 1, 2, ignored="y"), key(f, 1, 3, ignored="y"), key(f, 1, y=4, ignored="y"), key(f, 1, ignored="y")]
    assert len(set(same)) == 1
    assert key(f, 1, 2, 3, ignored=["more"]) == key(f, 1, 2, ignored=["more"]) != key(f, 1, 3, ignored=["more"])
    assert key(f, 1, w=3, ignored=["others"]) == key(f, 1, ignored=["others"])
    assert key(f, 1, w=3, v=1, ignored=["w"]) == key(f, 1, v=1, ignored=["w"]) != key(f, 1, v=2, ignored=["w"])
    assert key(g, 1, 2, ignored=["a"]) == key(g, 2, 2, ignored=["a"])


def test_what_is_ignored_need_not_be_known() -> None:
    assert key(f, object(), z=object(), w=object(), ignored=["x", "z", "w"])


def test_how_a_call_is_to_run_does_not_count() -> None:
    how = {"walltime": 3, "parsl_resource_specification": {"cores": 1}, "_parsl_staging_inhibit": True}
    assert key(f, 1, **how) == key(f, 1)

    def timed(x: Any, walltime: Any = 1) -> Any:
        return walltime

    assert key(timed, 1, walltime=1) != key(timed, 1, walltime=2)


def test_where_output_goes_counts() -> None:
    assert key(f, 1, stdout="a") != key(f, 1, stdout="b") != key(f, 1)
    assert key(f, 1, stdout=None) == key(f, 1)


@pytest.mark.parametrize(
    ("args", "kwargs", "names"),
    [
        (({"a": [object()]},), {}, r"argument x\['a'\]\[0\]"),
        ((1, 2, object()), {}, "argument 2"),
        ((1,), {"z": object()}, "argument z"),
        ((1,), {"w": (1, object())}, r"argument w\[1\]"),
    ],
)
def test_an_argument_that_nobody_can_tell_from_others_is_named(args: Any, kwargs: Any, names: str) -> None:
    with pytest.raises(
        MemoKeyError, match=rf"^App app: {names} cannot be remembered by: unknown type .* object"
    ) as why:
        key_of(Call(f, "app", args, kwargs))
    assert "@id_for_memo.register(object)" in str(why.value)
    assert why.value.app == "app"


def test_a_default_that_nobody_can_tell_from_others_only_matters_if_it_is_used() -> None:
    def logging(x: Any, log: Any = threading.Lock()) -> Any:  # noqa: B008 - that is what is looked at
        return x, log

    assert key(logging, 1, 2) == key(logging, 1, 2)
    assert key(logging, 1, ignored=["log"])
    with pytest.raises(MemoKeyError, match="argument log"):
        key(logging, 1)


def test_an_argument_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append((endless, object))
    with pytest.raises(MemoKeyError, match="argument x cannot be remembered by: it contains itself"):
        key(f, endless)


def test_an_error_of_the_programs_own_function_names_the_argument() -> None:
    from parsl_like.memo.hashers import id_for_memo

    class Broken:
        pass

    @id_for_memo.register(Broken)
    def of_broken(value: Any, output_ref: bool = False) -> bytes:
        raise KeyError("id")

    with pytest.raises(MemoKeyError, match=r"argument x cannot be .*raised KeyError: 'id'") as why:
        key(f, Broken())
    assert isinstance(why.value.__cause__, KeyError)


def test_plans_of_functions_are_kept_within_bounds() -> None:
    keys = Keys()
    for number in range(KEPT + 5):
        keys.of(Call(plain, f"app{number}", (1, 2), version="1"))
    assert len(keys._plans) <= KEPT


class Gauge:
    """A type that a plugin knows."""

    def __init__(self, number: int) -> None:
        self.number = number


class Plugin:
    @hookimpl
    def parsl_like_memo_hashers(self) -> Any:
        return {Gauge: lambda value, output_ref: b"made" if output_ref else b"%d" % value.number}


def test_a_plugin_says_what_tells_its_values_apart() -> None:
    from parsl_like.plugins.manager import PluginManager

    keys = Keys(hashers=PluginManager([Plugin()], entry_points=False).memo_hashers)
    made = [keys.of(Call(f, "app", (Gauge(number),))).text for number in (1, 2, 1)]
    assert made[0] == made[2] != made[1]
    outputs = [keys.of(Call(f, "app", (1,), {"outputs": [Gauge(number)]})).text for number in (1, 2)]
    assert outputs[0] == outputs[1]


# --- files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.txt"
    path.write_text("one")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def of_file(keys: Keys, *files: Any, **kwargs: Any) -> str:
    return keys.of(Call(f, "app", files, kwargs)).text


def rewrite(path: Path, text: str, *, seconds: int = 0) -> None:
    path.write_text(text)
    os.utime(path, (1_000_000_000 + seconds, 1_000_000_000 + seconds))


def test_a_file_counts_by_its_content(path: Path) -> None:
    keys = Keys()
    one = of_file(keys, File(path))
    rewrite(path, "one", seconds=5)
    assert of_file(keys, File(path)) == one
    rewrite(path, "two")
    assert of_file(keys, File(path)) != one
    path.unlink()
    absent = of_file(keys, File(path))
    path.write_text("")
    assert len({one, absent, of_file(keys, File(path))}) == 3


def test_a_file_counts_by_its_size_and_time(path: Path) -> None:
    keys = Keys(files="time")
    one = of_file(keys, File(path))
    rewrite(path, "two")
    assert of_file(keys, File(path)) == one
    rewrite(path, "two", seconds=5)
    other = of_file(keys, File(path))
    rewrite(path, "three")
    assert len({one, other, of_file(keys, File(path))}) == 3


def test_a_file_counts_by_its_name(path: Path) -> None:
    keys = Keys(files="name")
    one = of_file(keys, File(path))
    path.unlink()
    assert of_file(keys, File(path)) == one != of_file(keys, File(f"{path}2"))


def test_the_rule_of_one_run_is_not_the_rule_of_another(path: Path) -> None:
    assert len({of_file(Keys(files=rule), File(path)) for rule in ("content", "time", "name")}) == 3  # type: ignore[arg-type]


def test_two_files_of_one_content_are_two(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("one")
    assert of_file(Keys(), File(path)) != of_file(Keys(), File(other))


def test_what_the_task_makes_counts_by_its_place(path: Path) -> None:
    keys = Keys()
    one = of_file(keys, 1, outputs=[File(path)])
    rewrite(path, "two")
    assert of_file(keys, 1, outputs=[File(path)]) == one != of_file(keys, 1, outputs=[File(f"{path}2")])


def test_what_is_elsewhere_counts_by_its_url() -> None:
    keys = Keys()
    assert of_file(keys, File("http://host/a")) == of_file(keys, File("http://host/a"))
    assert of_file(keys, File("http://host/a")) != of_file(keys, File("http://host/b"))


def test_a_path_counts_as_it_is_written(path: Path) -> None:
    keys = Keys()
    one = of_file(keys, path)
    rewrite(path, "two")
    assert of_file(keys, path) == one
    assert of_file(keys, path) != of_file(keys, str(path)) != of_file(keys, File(path))


def test_a_folder_counts_by_what_is_in_it(path: Path) -> None:
    keys, folder = Keys(), path.parent
    (folder / "round").symlink_to(folder)
    one = of_file(keys, File(folder))
    assert of_file(keys, File(folder)) == one
    rewrite(path, "two")
    two = of_file(keys, File(folder))
    path.rename(folder / "renamed")
    assert len({one, two, of_file(keys, File(folder))}) == 3


def test_a_settled_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    really = file_values._read

    def counted(name: str) -> bytes:
        read.append(name)
        return really(name)

    monkeypatch.setattr(file_values, "_read", counted)
    keys = Keys()
    assert of_file(keys, File(path)) == of_file(keys, File(path))
    assert len(read) == 2  # it was written just now: its times of change cannot show another write yet
    monkeypatch.setattr(file_values, "SETTLED_NS", -1)
    assert of_file(keys, File(path)) == of_file(keys, File(path))
    assert len(read) == 3


def test_a_file_that_cannot_be_read_is_an_error(path: Path) -> None:
    loop = path.parent / "loop"
    loop.symlink_to(loop)
    with pytest.raises(MemoKeyError, match=f"argument x cannot be remembered by: file {loop} cannot be read"):
        of_file(Keys(), File(loop))


def test_a_file_that_is_promised_counts_as_an_output_only() -> None:
    from concurrent.futures import Future

    from parsl_like.dataflow.datafutures import DataFuture

    promised = DataFuture(Future(), File("a"))
    assert of_file(Keys(), 1, outputs=[promised]) == of_file(Keys(), 1, outputs=[File("a")])
    with pytest.raises(MemoKeyError, match="argument x cannot be remembered by: a DataFuture"):
        of_file(Keys(), promised)


# --- the same in every process

PROGRAM = """
import collections, datetime, decimal, enum, fractions, pathlib, uuid
from parsl_like.data_provider.files import File
from parsl_like.memo.keys import Call, key_of

class Color(enum.Enum):
    RED = 1

NAMES = frozenset(["a", "b", "c"])

def helper(x):
    return x in {"x", "y", "z"} or x in NAMES

def f(x, y=frozenset("abcdef"), **others):
    class Inner:
        def method(self):
            self.a = self.b = self.c = self.d = x
    return [helper(i) for i in x if i not in {"p", "q", "r"}], Inner

VALUES = [
    {"a": 1, "b": {"x", "y", "z"}, "c": frozenset([1, "1", None])}, set("abcdefgh"), 2**100, 0.1, "é", Color.RED,
    datetime.datetime(2026, 1, 2), decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=7),
    pathlib.PurePosixPath("a/b"), File("http://host/a"), collections.Counter("aabbc"), len, [1, (2, [3.0, None])],
]
for value in VALUES:
    print(key_of(Call(f, "f", (value,), {"b": 1, "a": value}, version=VERSION)).text)
if VERSION is None:
    print(key_of(Call(f, "f", (helper, lambda x: x + 1))).text)
"""


def printed(tmp_path: Path, version: str | None, seed: str, *, python: str = sys.executable) -> str:
    script = tmp_path / "program.py"
    script.write_text(f"VERSION = {version!r}\n{PROGRAM}")
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [python, script], env=environment, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_every_process_makes_the_same_keys(tmp_path: Path) -> None:
    made = {printed(tmp_path, None, seed) for seed in ("0", "1", "random")}
    assert len(made) == 1
    lines = made.pop().split()
    assert len(lines) == len(set(lines)) == 16


def test_every_version_of_python_makes_the_same_keys_of_calls_with_a_version(tmp_path: Path) -> None:
    """The digest is the one that Python 3.11, 3.12 and 3.13 make: whoever changes it makes every checkpoint useless."""
    from hashlib import sha256

    assert sha256(printed(tmp_path, "1", "0").encode()).hexdigest()[:16] == "e2ad96776e9f8ea1"


def test_a_key_can_be_unpacked() -> None:
    text, parts = key_of(Call(plain, "app", (1, 2)))
    assert Key(text, parts) == key_of(Call(plain, "app", (1, 2)))
