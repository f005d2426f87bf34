"""A worker's cell is seen by the manager, whatever becomes of the worker."""

from __future__ import annotations

import subprocess
import sys

from parsl_like.executors.high_throughput.node.cells import IDLE, Cells

WRITE = """
import os, sys
from parsl_like.executors.high_throughput.node.cells import Cells
cell = Cells(int(sys.argv[1])).of(2)
cell[0] = 2**62 + 7
os.kill(os.getpid(), 9)
"""


def test_what_a_process_wrote_before_it_was_killed_is_there() -> None:
    cells = Cells.create(4)
    command = [sys.executable, "-c", WRITE, str(cells.descriptor)]
    done = subprocess.run(command, pass_fds=(cells.descriptor,), check=False, timeout=60)
    assert done.returncode == -9
    assert [cells.read(worker) for worker in range(4)] == [IDLE, IDLE, 2**62 + 7, IDLE]
    cells.clear(2)
    assert cells.read(2) == IDLE
    cells.close()
