"""Futures of apps under asyncio: awaited, gathered, wrapped, cancelled, in one loop or several, early or late."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor as Pool
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.app.python import PythonApp
from parsl_like.dataflow.errors import DependencyError

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture

PATIENCE = 60.0


def double(n: int) -> int:
    return 2 * n


def fails(message: str) -> None:
    raise ValueError(message)


@pytest.fixture
def app(kernel: DataFlowKernel) -> PythonApp[[int], int]:
    return PythonApp(double, kernel)


@pytest.fixture
def failing(kernel: DataFlowKernel) -> PythonApp[[str], None]:
    return PythonApp(fails, kernel)


def test_a_future_can_be_awaited_before_and_after_its_end(app: PythonApp[[int], int]) -> None:
    async def main() -> tuple[int, int, int]:
        future = app(1)
        first, again = await future, await future
        return first, again, await app(app(again))

    ended = app(5)
    ended.result(PATIENCE)

    async def late() -> int:
        return await ended

    assert asyncio.run(main()) == (2, 2, 8)
    assert asyncio.run(late()) == 10


def test_many_are_gathered_in_their_order(app: PythonApp[[int], int]) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(app(n) for n in range(200)))

    assert asyncio.run(main()) == [2 * n for n in range(200)]


def test_one_future_may_be_gathered_twice(app: PythonApp[[int], int]) -> None:
    async def main() -> list[int]:
        future = app(3)
        return await asyncio.gather(future, future)

    assert asyncio.run(main()) == [6, 6]


def test_what_a_task_raised_is_raised_where_it_is_awaited(
    app: PythonApp[[int], int], failing: PythonApp[[str], None]
) -> None:
    async def main() -> list[Any]:
        with pytest.raises(ValueError, match="no"):
            await failing("no")
        return await asyncio.gather(app(1), failing("no"), app(failing("no")), return_exceptions=True)  # type: ignore[arg-type]

    good, bad, dependent = asyncio.run(main())
    assert good == 2
    assert isinstance(bad, ValueError)
    assert isinstance(dependent, DependencyError)


def test_futures_are_taken_in_the_order_of_their_ends(app: PythonApp[[int], int]) -> None:
    async def main() -> list[int]:
        gate: Future[int] = Future()
        last = app(gate)
        found = []
        for ended in asyncio.as_completed([last, *(app(n) for n in range(3))]):
            found.append(await ended)
            if len(found) == 3:
                gate.set_result(50)
        return found

    *early, late = asyncio.run(main())
    assert (sorted(early), late) == ([0, 2, 4], 100)


def test_a_wrapped_future_is_one_of_asyncios(app: PythonApp[[int], int]) -> None:
    async def main() -> set[int]:
        wrapped = [asyncio.wrap_future(app(n)) for n in range(3)]
        done, pending = await asyncio.wait(wrapped, timeout=PATIENCE)
        assert not pending
        return {future.result() for future in done}

    assert asyncio.run(main()) == {0, 2, 4}


def test_tasks_of_a_group_await_futures(app: PythonApp[[int], int]) -> None:
    async def one(n: int) -> int:
        return await app(n)

    async def main() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(n)) for n in range(5)]
        return [task.result() for task in tasks]

    assert asyncio.run(main()) == [0, 2, 4, 6, 8]


# --- cancelling


def test_cancelling_whoever_awaits_cancels_the_task(app: PythonApp[[int], int]) -> None:
    async def main() -> AppFuture[int]:
        future = app(Future())

        async def waits() -> int:
            return await future

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return future

    assert asyncio.run(main()).cancelled()


def test_a_time_limit_cancels_the_task_and_a_shield_keeps_it(app: PythonApp[[int], int]) -> None:
    async def main() -> tuple[AppFuture[int], int]:
        gate: Future[int] = Future()
        dropped, kept = app(Future()), app(gate)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(dropped, 0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(kept), 0.01)
        gate.set_result(4)
        return dropped, await kept

    dropped, value = asyncio.run(main())
    assert dropped.cancelled()
    assert value == 8


def test_a_task_that_is_cancelled_is_so_for_whoever_awaits(app: PythonApp[[int], int]) -> None:
    async def main() -> None:
        future = app(Future())
        asyncio.get_running_loop().call_soon(future.cancel)
        with pytest.raises(asyncio.CancelledError):
            await future

    asyncio.run(main())


# --- loops and threads


def test_several_loops_in_several_threads_await_one_future(app: PythonApp[[int], int]) -> None:
    gate: Future[int] = Future()
    future = app(gate)
    waiting = threading.Barrier(5)

    async def waits() -> int:
        asyncio.get_running_loop().call_soon(waiting.wait, PATIENCE)
        return await future

    with Pool(4) as threads:
        values = [threads.submit(asyncio.run, waits()) for _ in range(4)]
        waiting.wait(PATIENCE)
        gate.set_result(21)
        assert [value.result(PATIENCE) for value in values] == [42] * 4


def test_a_loop_that_is_over_does_not_hinder_the_next(app: PythonApp[[int], int]) -> None:
    gate: Future[int] = Future()
    future = app(gate)

    async def gives_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), 0.01)

    async def waits() -> int:
        asyncio.get_running_loop().call_soon(gate.set_result, 1)
        return await future

    asyncio.run(gives_up())
    assert asyncio.run(waits()) == 2


def test_awaiting_outside_a_loop_is_an_error_that_says_so(app: PythonApp[[int], int]) -> None:
    future = app(1)
    with pytest.raises(RuntimeError, match="no running event loop"):
        future.__await__()
    assert future.result(PATIENCE) == 2
