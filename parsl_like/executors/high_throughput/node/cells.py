"""One number per worker that the manager reads without asking: which attempt the worker runs."""

from __future__ import annotations

import mmap
import os

from parsl_like.serialize.segments import anonymous_file

IDLE = -1
"""What a worker's cell holds between two attempts."""

_STRIDE = 8  # in numbers of eight bytes: two workers never write to one cache line


class Cells:
    """The cells of a node's workers, in memory that the manager and all of them share.

    A worker stores in its own cell before it calls a task and after it has sent the result, so that a death can be
    blamed on one task. One aligned store of eight bytes is atomic on every machine this runs on.

    Args:
        descriptor: The file that holds them; :meth:`create` makes one.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, 0)
        self._numbers = memoryview(self._memory).cast("q")

    @classmethod
    def create(cls, count: int) -> Cells:
        """Cells for ``count`` workers, all idle."""
        descriptor = anonymous_file("parsl_like-cells")
        os.ftruncate(descriptor, 8 * _STRIDE * count)
        cells = cls(descriptor)
        for worker in range(count):
            cells.clear(worker)
        return cells

    def of(self, worker: int) -> memoryview:
        """The cell of one worker, as a sequence of one number."""
        return self._numbers[_STRIDE * worker : _STRIDE * worker + 1]

    def read(self, worker: int) -> int:
        """The attempt a worker runs, or IDLE."""
        return self._numbers[_STRIDE * worker]

    def clear(self, worker: int) -> None:
        """Forget what a worker ran; done before it is replaced."""
        self._numbers[_STRIDE * worker] = IDLE

    def close(self) -> None:
        """Release the memory; the views given out must be gone."""
        self._numbers.release()
        self._memory.close()
        os.close(self.descriptor)
