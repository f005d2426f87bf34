"""What lives in ``__main__``, in a notebook or in a module nobody else can import, works in another interpreter.

Each test is a script that packs calls, has a second interpreter in another directory run them, and looks at the
results itself, as a user's script would.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

WORKER = """
import pickle, sys
from parsl_like.remote.call import run_call
from parsl_like.serialize import unpack_function

def main():
    outcomes = []
    for blob, body, buffers in pickle.load(sys.stdin.buffer):
        outcomes.append(tuple(run_call(unpack_function(blob), body, buffers)))
    pickle.dump([(ok, body, [bytes(b) for b in buffers]) for ok, body, buffers in outcomes], sys.stdout.buffer)

main()
"""

PROLOGUE = """
import os, pickle, subprocess, sys, tempfile
from parsl_like.serialize import *

def run(*calls):
    'The results of calls in one other interpreter; raises what the first failed one raised.'
    packed = [(pack_function(f).blob, *pack_call(a, k)) for f, a, k in calls]
    packed = [(blob, body, [bytes(b) for b in buffers]) for blob, body, buffers in packed]
    environment = {k: v for k, v in os.environ.items() if not k.startswith('ONLY_HERE')}
    with tempfile.TemporaryDirectory() as elsewhere:
        out = subprocess.run([sys.executable, '-c', os.environ['ONLY_HERE_WORKER']], input=pickle.dumps(packed),
                             stdout=subprocess.PIPE, cwd=elsewhere, env=environment, check=True).stdout
    results = []
    for ok, body, buffers in pickle.loads(out):
        if not ok:
            raise unpack_failure(body)
        results.append(unpack(body, buffers))
    return results

def run1(f, *a, **k):
    return run((f, a, k))[0]

"""


def run_script(tmp_path: Path, source: str, *, as_module: bool = False) -> str:
    script = tmp_path / "script.py"
    script.write_text(PROLOGUE + source + "\nprint('reached the end')\n")
    command = [sys.executable, *(["-m", "script"] if as_module else [str(script)])]
    environment = {**__import__("os").environ, "ONLY_HERE_WORKER": WORKER}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("reached the end\n")
    return done.stdout


def test_functions_of_main(tmp_path: Path) -> None:
    run_script(
        tmp_path,
        """
import functools, math
FACTOR = 3

def scale(x):
    return helper(x) * FACTOR

def helper(x):
    return math.floor(x)

class Adder:
    def __init__(self, n): self.n = n
    def __call__(self, x): return self.n + x
    def method(self, x): return self.n * x

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def main():
    offset = 7
    assert run1(scale, 2.5) == 6
    assert run1(lambda x: x + offset, 1) == 8
    assert run1(functools.partial(scale, 4)) == 12
    assert run1(Adder(2), 1) == 3
    assert run1(Adder(2).method, 4) == 8
    assert run1(fib, 10) == 55
    assert run1(map, scale, ()) is not None if False else True
    assert run1(sorted, [3, 1], key=lambda x: -x) == [3, 1]

main()
""",
    )


def test_a_script_run_as_a_module(tmp_path: Path) -> None:
    run_script(tmp_path, "def f(x):\n    return x + 1\n\nassert run1(f, 1) == 2\n", as_module=True)


def test_instances_of_mains_classes_go_there_and_come_back_as_themselves(tmp_path: Path) -> None:
    run_script(
        tmp_path,
        """
import dataclasses, enum, typing

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

class Color(enum.Enum):
    RED = 1

class Pair(typing.NamedTuple):
    a: int

class Base:
    kind = 'base'
class Derived(Base):
    def __init__(self): self.values = [1]
    def __eq__(self, other): return type(other) is type(self) and other.values == self.values
    __hash__ = None

class Oops(Exception):
    def __init__(self, code, where):
        super().__init__(f'{code} at {where}')
        self.code = code

def identity(x):
    return x

def fail():
    raise Oops(3, 'there')

assert not is_plain(pack(Point(1)).body)
for value in (Point(1, 2), Color.RED, Pair(1), [Derived()], {'p': Point(3)}):
    (back,) = run((identity, (value,), {}))
    assert back == value and type(back) is type(value), back
assert run1(identity, Color.RED) is Color.RED
assert run1(identity, Point) is Point
assert run1(lambda p: p.x, Point(5)) == 5
assert isinstance(run1(lambda: Point(1)), Point)
assert run1(Point, 1, y=4) == Point(1, 4)
try:
    run1(fail)
except Oops as error:
    assert error.code == 3 and str(error) == '3 at there'
    assert "raise Oops(3, 'there')" in str(error.__cause__), error.__cause__
else:
    raise AssertionError('nothing was raised')
""",
    )


def test_code_of_a_notebook(tmp_path: Path) -> None:
    """A notebook's cells are compiled text that runs in ``__main__``."""
    run_script(
        tmp_path,
        r"""
cell = compile('''
import math
class Thing:
    def __init__(self, n): self.n = n
def work(thing):
    return Thing(math.ceil(thing.n))
''', '<ipython-input-1>', 'exec')
exec(cell, globals())
back = run1(work, Thing(1.5))
assert type(back) is Thing and back.n == 2
""",
    )


def test_modules_that_only_exist_in_this_process(tmp_path: Path) -> None:
    run_script(
        tmp_path,
        r"""
import importlib.util, types
adhoc = types.ModuleType('adhoc')
exec('''
import math
LIMIT = 4
class Thing:
    def __init__(self, n): self.n = n
    def __eq__(self, other): return type(self) is type(other) and self.n == other.n
def inner(x): return min(x, LIMIT)
def work(x): return Thing(inner(x))
def same(x): return x
''', adhoc.__dict__)
sys.modules['adhoc'] = adhoc

os.makedirs('hidden')
with open('hidden/loaded.py', 'w') as file:
    file.write('def f(x):\n    return g(x) + 1\ndef g(x):\n    return 2 * x\n')
spec = importlib.util.spec_from_file_location('loaded', 'hidden/loaded.py')
loaded = importlib.util.module_from_spec(spec)
sys.modules['loaded'] = loaded
spec.loader.exec_module(loaded)

assert run1(adhoc.work, 9) == adhoc.Thing(4)
assert type(run1(adhoc.work, 9)) is adhoc.Thing
assert run1(adhoc.same, adhoc.Thing(2)) == adhoc.Thing(2)
assert run1(loaded.f, 4) == 9
assert run1(lambda x: loaded.f(x), 5) == 11
""",
    )


def test_a_module_beside_the_script_is_named_and_its_absence_explained(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def f(x):\n    return x\n")
    run_script(
        tmp_path,
        r"""
import beside
assert len(pack_function(beside.f).blob) < 100
blob = pack_function(beside.f).blob
program = 'import sys; from parsl_like.serialize import *; unpack_function(sys.stdin.buffer.read())'
with tempfile.TemporaryDirectory() as elsewhere:
    done = subprocess.run([sys.executable, '-c', program], input=blob, cwd=elsewhere, stderr=subprocess.PIPE)
assert b"DeserializationError" in done.stderr and b"'beside'" in done.stderr and b"worker_init" in done.stderr
""",
    )


def test_what_main_captures_and_cannot_be_sent_is_named(tmp_path: Path) -> None:
    run_script(
        tmp_path,
        r"""
import threading
GUARD = threading.Lock()

class Service:
    def __init__(self): self.lock = threading.Lock()

SERVICE = Service()

def uses_guard():
    with GUARD: return 1

def calls_another():
    return uses_service()

def uses_service():
    return SERVICE

def path_of(func):
    try:
        pack_function(func)
    except SerializationError as error:
        return error.path
    return None

assert path_of(uses_guard) == "global variable 'GUARD'", path_of(uses_guard)
expected = "global variable 'uses_service', global variable 'SERVICE'.lock"
assert path_of(calls_another) == expected, path_of(calls_another)
try:
    pack_call((1, {'s': [SERVICE]}), {})
except SerializationError as error:
    assert (error.fname, error.path) == ('argument 1', "args[1]['s'][0].lock"), error
""",
    )


def test_arrays_of_a_script(tmp_path: Path) -> None:
    run_script(
        tmp_path,
        r"""
import numpy as np

class Field:
    def __init__(self, values): self.values = values

def double(field):
    field.values *= 2
    return field

field = Field(np.arange(200_000.0))
back = run1(double, field)
assert back.values[-1] == 399_998 and field.values[-1] == 199_999
back.values[:] = 0
assert type(back) is Field
""",
    )


def test_text_that_mentions_main_stays_plain(tmp_path: Path) -> None:
    run_script(
        tmp_path,
        r"""
source = 'if __name__ == "__main__":\n    main()\n'
packed = pack_call((source, [source]), {'k': source})
assert is_plain(packed.body)
assert 'cloudpickle' not in sys.modules
assert run1(len, source) == len(source)
assert 'cloudpickle' not in sys.modules
""",
    )
