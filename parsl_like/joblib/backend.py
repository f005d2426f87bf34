"""What joblib asks of a backend, answered by a kernel.

Source: the page "Parallel backend customization API" of joblib's documentation (1.5).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from joblib.parallel import AutoBatchingMixin, ParallelBackendBase

from parsl_like.concurrent.cancelling import cancel_all
from parsl_like.concurrent.pool import ParslPoolExecutor
from parsl_like.dataflow.loader import DataFlowKernelLoader
from parsl_like.executors.threads import ThreadPoolExecutor
from parsl_like.providers.base import ExecutionProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.app.calls import Executors
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture

WORKERS_SECONDS = 10.0
"""How long the first workers are waited for when joblib asks how many there are."""


class ParslLikeBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Runs joblib's batches as tasks.

    Arguments are those that ``joblib.parallel_config`` passes on.

    Args:
        dfk: The kernel; None for the one that is loaded when a call begins.
        executors: Labels of the executors that batches may run on, or "all".
        **others: What every backend of joblib takes.

    Attributes:
        supports_sharedmem: Whether calls see the program's own objects: so on threads.
    """

    supports_retrieve_callback = True
    supports_timeout = True
    default_n_jobs = -1

    def __init__(self, dfk: DataFlowKernel | None = None, executors: Executors = "all", **others: Any) -> None:
        super().__init__(**others)
        self.dfk = dfk
        self.executors = executors
        self._pool: ParslPoolExecutor | None = None
        self._running: set[AppFuture[Any]] = set()

    @property
    def supports_sharedmem(self) -> bool:
        """Whether calls see the program's own objects."""
        return all(isinstance(session.description, ThreadPoolExecutor) for session in self._sessions())

    uses_threads = supports_sharedmem

    def _kernel(self) -> DataFlowKernel:
        return self.dfk if self.dfk is not None else DataFlowKernelLoader.dfk()

    def _sessions(self) -> list[Any]:
        known: dict[Any, Any] = {
            label: session for label, session in self._kernel().executors.items() if not label.startswith("_")
        }
        if self.executors == "all":
            return list(known.values())
        labels = [self.executors] if isinstance(self.executors, str) else self.executors
        return [known[label] for label in labels if label in known]

    # --- how much at once ----------------------------------------------------------------------------------------

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many calls run at once: as many as are asked for; -1 stands for all workers, -2 for all but one, ...

        Raises:
            ValueError: for 0.
            NoDataFlowKernelError: no configuration is loaded.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(1, self._workers() + 1 + n_jobs)

    def _workers(self) -> int:
        """Workers that are there, or may come: joblib hands out no more calls than they can take."""
        if not any(session.load().slots for session in self._sessions()):
            with suppress(TimeoutError):  # they are on their way; what is said of them has to do
                self._pool_of_now().submit(_nothing).result(WORKERS_SECONDS)
        return sum(map(_slots, self._sessions()))

    # --- calls ---------------------------------------------------------------------------------------------------

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_others: Any) -> int:
        """Get ready for a call of ``Parallel``; says how many jobs it may have at once."""
        self.parallel = parallel
        self._pool_of_now()
        return self.effective_n_jobs(n_jobs)

    def _pool_of_now(self) -> ParslPoolExecutor:
        kernel = self._kernel()
        if self._pool is None or self._pool.dfk is not kernel:
            self._pool = ParslPoolExecutor(dfk=kernel, executors=self.executors)
        return self._pool

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> AppFuture[Any]:
        """Run a batch; ``callback`` is called with its future when it has ended."""
        future = self._pool_of_now().submit(func)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit
    """What joblib before 1.5 calls it."""

    def retrieve_result_callback(self, out: AppFuture[Any]) -> Any:
        """The results of a batch that has ended.

        Raises:
            Exception: what one of its calls raised.
        """
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what has not ended: a call has failed, and nobody wants the others any more."""
        if self._pool is not None:
            cancel_all(self._pool.dfk, list(self._running))

    def terminate(self) -> None:
        """The end of a call of ``Parallel``; the kernel, and what it has learnt, stay."""
        self.reset_batch_stats()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a joblib backend stays with its kernel; calls within calls use threads")


def _slots(session: Any) -> int:
    """Calls that an executor runs at once when it has all the blocks that it may have."""
    load, provider = session.load(), getattr(session.description, "provider", None)
    blocks = provider.limits().maximum if isinstance(provider, ExecutionProvider) else 1
    return int(max(load.slots, load.slots_per_block * blocks))


def _nothing() -> None:
    """Ends as soon as there is a worker."""
