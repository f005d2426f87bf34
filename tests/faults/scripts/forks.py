# ruff: noqa: T201
"""Forks in all ways, and sees after each that its run goes on."""

import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

from driver import add, config, wait_for

import parsl_like
from parsl_like.errors import NoDataFlowKernelError


def square(x: int) -> int:
    return x * x


def refused(act: Callable[[], object]) -> str:
    try:
        act()
    except NoDataFlowKernelError:
        return "refused"
    return "not refused"


def in_fork(name: str, act: Callable[[], object]) -> None:
    """What a forked child says, or its exit code, and whether a task still runs here afterwards."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            said = act()
        except Exception:  # noqa: BLE001 - the child ends as a program would
            traceback.print_exc()
            sys.exit(1)
        os.write(writing, str(said).encode())
        sys.exit()
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"{name}: {said or code % 128 if code >= 0 else 128 - code}, then {add(1, 2).result(60)}")


def on_exception() -> None:
    raise ValueError("on purpose")


def load_own() -> object:
    with parsl_like.load():
        return parsl_like.dfk().submit(sum, [(2, 3)]).result(30)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    with parsl_like.load(config()) as kernel:
        future = wait_for("go")
        in_fork("sys.exit", lambda: sys.exit(3))
        in_fork("os._exit", lambda: os._exit(4))
        in_fork("exception", on_exception)
        in_fork("app", lambda: refused(lambda: add(1, 2)))
        in_fork("result", lambda: refused(future.result))
        in_fork("wait_for_current_tasks", lambda: refused(kernel.wait_for_current_tasks))
        in_fork("cleanup", lambda: (parsl_like.clear(), "nothing")[1])
        in_fork("load", load_own)
        in_fork("killed", killed)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            squares = pool.map(square, range(3))
        print(f"multiprocessing: {squares}, then {add(1, 2).result(60)}")
