"""A user's program as a type checker sees it: a line that ends in ``# wrong`` must be complained about, no other.

``# wrong, says pyright`` is for what mypy cannot see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

import parsl_like
from parsl_like import AUTO_LOGNAME, Config, File, ThreadPoolExecutor, bash_app, join_app, python_app
from parsl_like.concurrent import ParslPoolExecutor
from parsl_like.dataflow.futures import AppFuture

config = Config(executors=[ThreadPoolExecutor(max_threads=4)], retries=2)
Config(retries="two")  # wrong
Config(retires=2)  # wrong


# --- python apps


@python_app
def double(x: int) -> int:
    return 2 * x


@python_app(executors=["threads"], cache=True)
def half(x: float) -> float:
    return x / 2


@python_app(executors="all", ignore_for_cache=["loud"])
def describe(name: str, count: int = 1, *, loud: bool = False) -> list[str]:
    return [name.upper() if loud else name] * count


@python_app
def add(a: int, b: int, c: int = 0, d: int = 0) -> int:
    return a + b + c + d


@python_app
def total(inputs: Sequence[int] = ()) -> int:
    return sum(inputs)


@python_app
def size(path: str, inputs: Sequence[File] = (), stdout: str | None = None, walltime: float = 5) -> int:
    return len(path) + len(inputs)


assert_type(double(1), AppFuture[int])
assert_type(double(x=1), AppFuture[int])
assert_type(double(1).result(), int)
assert_type(half(1), AppFuture[float])
assert_type(describe("a"), AppFuture[list[str]])
assert_type(describe("a", 2, loud=True), AppFuture[list[str]])
assert_type(size("a", walltime=3, stdout="file"), AppFuture[int])

double("one")  # wrong
double(1.5)  # wrong
double()  # wrong
double(1, 2)  # wrong
double(y=1)  # wrong
half("a")  # wrong
describe(1)  # wrong
describe("a", loud="very")  # wrong
describe("a", 1, True)  # wrong
text: str = double(1).result()  # wrong
python_app(executors=3)  # wrong
python_app(3)  # wrong

# --- futures for values

assert_type(double(double(1)), AppFuture[int])
assert_type(half(double(1)), AppFuture[float])
assert_type(add(double(1), 2), AppFuture[int])
assert_type(add(1, double(2)), AppFuture[int])
assert_type(add(double(1), double(2), c=3), AppFuture[int])
assert_type(add(1, 2, double(3)), AppFuture[int])
assert_type(add(1, double(2), 3, double(4)), AppFuture[int])
assert_type(describe("a", double(1), loud=True), AppFuture[list[str]])
assert_type(total(inputs=[double(1), double(2), 3]), AppFuture[int])

double(describe("a"))  # wrong, says pyright
add(double(1), "two")  # wrong
add(1, describe("a"))  # wrong, says pyright
describe(double(1))  # wrong, says pyright

# --- keywords that every app has

assert_type(double(1, walltime=5), AppFuture[int])
assert_type(double(double(1), stdout="out", stderr=("err", "a")), AppFuture[int])
assert_type(double(1, stdout=AUTO_LOGNAME), AppFuture[int])
assert_type(double(1, parsl_resource_specification={"priority": 1}), AppFuture[int])
assert_type(double(1, outputs=[File("made")]), AppFuture[int])

double(1, walltime="soon")  # wrong
double(1, stdout=1.5)  # wrong
double(1, outputs=3)  # wrong
double(1, parsl_resource_specification="all")  # wrong

# --- options, map

assert_type(double.options(retries=3)(x=1), AppFuture[int])
assert_type(double.options(executors=["threads"], cache="skip")(1), AppFuture[int])
assert_type(list(double.map([1, 2])), list[int])

double.options(retrys=3)  # wrong
double.options(retries="three")  # wrong
double.options(priority=1)("one")  # wrong


# --- bash apps


@bash_app
def echo(text: str) -> str:
    return f"echo {text}"


@bash_app(executors=["threads"])
def copy(inputs: Sequence[File] = (), outputs: Sequence[File] = (), stdout: str | int | None = AUTO_LOGNAME) -> str:
    return f"cp {inputs[0]} {outputs[0]}"


assert_type(echo("a"), AppFuture[int])
assert_type(echo("a", stdout="out.txt", walltime=3), AppFuture[int])
assert_type(copy(inputs=[File("a")], outputs=[File("b")]), AppFuture[int])
assert_type(copy(inputs=[echo("a", outputs=[File("a")]).outputs[0]], outputs=[File("b")]), AppFuture[int])
assert_type(echo.options(retries=1)("a"), AppFuture[int])

echo(1)  # wrong
echo()  # wrong


def no_command() -> int:
    return 1


bash_app(no_command)  # wrong

# --- join apps


@join_app
def later(n: int) -> AppFuture[int]:
    return double(n)


@join_app(cache=True)
def many(n: int) -> list[AppFuture[int]]:
    return [double(k) for k in range(n)]


@python_app(join=True)
def older(n: int) -> AppFuture[str]:
    return describe("a")[0]


assert_type(later(1), AppFuture[int])
assert_type(later(double(1)), AppFuture[int])
assert_type(many(3), AppFuture[list[int]])
assert_type(older(1), AppFuture[str])

later("a")  # wrong
many()  # wrong
join_app(no_command)  # wrong


# --- apps that are methods


class Model:
    @python_app
    def fit(self, x: int) -> float:
        return x / 2


assert_type(Model().fit(1), AppFuture[float])
Model().fit("a")  # wrong


# --- elsewhere


async def main() -> None:
    assert_type(await double(1), int)


def plain(x: int) -> float:
    return x / 2


def plus(a: int, b: int) -> int:
    return a + b


with parsl_like.load(config) as kernel, ParslPoolExecutor(dfk=kernel) as pool:
    assert_type(pool.submit(plain, 1), AppFuture[float])
    assert_type(list(pool.map(plain, [1, 2], chunksize=2, buffersize=3)), list[float])
    assert_type(pool.get_app(plain)(1), AppFuture[float])
    assert_type(pool.submit(plain, pool.submit(int, "3")), AppFuture[float])
    assert_type(pool.submit(plus, 2, pool.submit(int, "3")), AppFuture[int])
    assert_type(pool.submit(double, 2), AppFuture[int])
    pool.submit(plain, "a")  # wrong
    pool.submit(plain)  # wrong
    pool.submit(double, "a")  # wrong
    pool.submit(plain, pool.submit(plain, 1))  # wrong
ParslPoolExecutor(config=3)  # wrong
