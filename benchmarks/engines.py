"""The engines that are compared: how each is opened with two workers, and what is common to all.

Engines that may be missing are imported when they are opened; `PEERS_PYTHON` names the interpreter that has them.
"""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

WORKERS = 2
WARM_TASKS = 100
WINDOW = 50_000

Function = Callable[..., Any]


class Engine:
    """A running engine.

    Attributes:
        native: Whether a future may be an argument. If not, the program waits for it and passes its value.
    """

    native = False

    def submit(self, function: Function, *args: Any, **kwargs: Any) -> Any:
        """The future of one call."""
        raise NotImplementedError

    def result(self, future: Any) -> Any:
        """Its value."""
        return future.result()

    def results(self, futures: Iterable[Any]) -> list[Any]:
        """Their values."""
        result = self.result
        return [result(future) for future in futures]

    def call(self, function: Function, argument: Any) -> Any:
        """The future of a call that depends on a future."""
        return self.submit(function, argument if self.native else self.result(argument))

    def gather(self, function: Function, futures: Sequence[Any]) -> Any:
        """The future of ``function(inputs=[their values])``."""
        return self.submit(function, futures if self.native else self.results(futures))

    def map(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        """Results of one call per item, in order, a window of calls being under way."""
        ahead: deque[Any] = deque()
        for item in items:
            ahead.append(self.submit(function, item))
            if len(ahead) >= WINDOW:
                yield self.result(ahead.popleft())
        while ahead:
            yield self.result(ahead.popleft())

    def close(self) -> None:
        """Clean up what would outlive the processes, as shared memory does; these are ended by whoever measures."""

    def warm(self, function: Function, *args: Any) -> Self:
        """Have every worker started and the function known there."""
        for _ in range(2):
            self.results([self.submit(function, *args) for _ in range(WARM_TASKS)])
        return self


class Pool(Engine):
    """An executor of the standard library, or one with its interface."""

    def __init__(self, name: str) -> None:
        from concurrent import futures

        kind = futures.ThreadPoolExecutor if name == "thread pool" else futures.ProcessPoolExecutor
        self._pool = kind(WORKERS)
        self.submit = self._pool.submit  # type: ignore[method-assign,assignment]


class Mpire(Engine):
    """mpire's pool, which feeds its workers by pipes."""

    def __init__(self, _name: str) -> None:
        self._pool = importlib.import_module("mpire").WorkerPool(n_jobs=WORKERS)

    def submit(self, function: Function, *args: Any, **kwargs: Any) -> Any:
        return self._pool.apply_async(function, args, kwargs)

    def result(self, future: Any) -> Any:
        return future.get()


class FloorEngine(Engine):
    """The program of `floor.py`."""

    def __init__(self, _name: str) -> None:
        from floor import Floor

        self._floor = Floor(WORKERS)
        self.submit = self._floor.submit  # type: ignore[method-assign]


class Flow(Engine):
    """parsl_like or Parsl: the same programs run on both.

    Names end in "threads" or "htex"; "tuned" stands for what a user of Parsl can do for speed: prefetching, and neither
    encryption nor logging, app cache or scaling strategy.
    """

    native = True

    def __init__(self, name: str) -> None:
        self.module = "parsl" if name.startswith("parsl ") else "parsl_like"
        self.engine = importlib.import_module(self.module)
        tuned = name.endswith("tuned")
        directory = os.path.join(tempfile.mkdtemp(), "runs")
        config = self._part("config").Config
        wanted = {"app_cache": False, "strategy": "none", "initialize_logging": False} if tuned else {}
        known = inspect.signature(config).parameters  # versions of Parsl differ
        speed = {name: value for name, value in wanted.items() if name in known}
        executor = self._threads() if name.endswith("threads") else self._htex(tuned)
        self.kernel = self.engine.load(config(executors=[executor], run_dir=directory, **speed))
        self._apps: dict[Function, Any] = {}

    def _part(self, name: str) -> Any:
        return importlib.import_module(f"{self.module}.{name}")

    def _threads(self) -> Any:
        return self._part("executors").ThreadPoolExecutor(max_threads=WORKERS)

    def _htex(self, tuned: bool) -> Any:
        provider = self._part("providers").LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
        speed = {"prefetch_capacity": 200, "encrypted": False} if tuned else {}
        return self._part("executors").HighThroughputExecutor(
            label="htex", address="127.0.0.1", max_workers_per_node=WORKERS, provider=provider, **speed
        )

    def close(self) -> None:
        if self.module == "parsl_like":  # Parsl's own may take as long as it likes
            self.kernel.cleanup()

    def app(self, function: Function) -> Any:
        """The function as an app, made once."""
        app = self._apps.get(function)
        if app is None:
            app = self._apps[function] = self.engine.python_app(function)
        return app

    def submit(self, function: Function, *args: Any, **kwargs: Any) -> Any:
        return self.app(function)(*args, **kwargs)

    def gather(self, function: Function, futures: Sequence[Any]) -> Any:
        return self.submit(function, inputs=futures)

    def map(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        app = self.app(function)
        return app.map(items) if hasattr(app, "map") else super().map(function, items)


OURS = ("threads", "htex")
PEERS = {"parsl threads": "parsl", "parsl htex": "parsl", "parsl htex tuned": "parsl", "mpire": "mpire"}
"""Engines of others, and the module that each needs."""

OPENERS: dict[str, Callable[[str], Engine]] = {
    **dict.fromkeys((*OURS, *PEERS), Flow),
    "mpire": Mpire,
    "thread pool": Pool,
    "process pool": Pool,
    "floor": FloorEngine,
}


RUNNING: list[Engine] = []
"""Those that were opened in this process."""


def opened(name: str) -> Engine:
    """A running engine. It runs until the process ends, whoever else holds it."""
    engine = OPENERS[name](name)
    RUNNING.append(engine)
    return engine


def fitting(engine: Engine, function: Function, most: int, seconds: float) -> int:
    """How many calls to measure: ``most``, or as many as take ``seconds`` where that is less."""
    probe = 300
    begun = time.perf_counter()
    engine.results([engine.submit(function) for _ in range(probe)])
    rate = probe / (time.perf_counter() - begun)
    return int(min(most, max(probe, rate * seconds)))


def interpreter(name: str) -> str | None:
    """The interpreter that an engine is measured with, None if it is not installed there."""
    if name not in PEERS:
        return sys.executable
    python = os.environ.get("PEERS_PYTHON") or sys.executable
    needs = f"import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in ('{PEERS[name]}', 'psutil')))"
    done = subprocess.run([python, "-c", needs], check=False, cwd=tempfile.gettempdir(), capture_output=True)
    return python if done.returncode == 0 else None
