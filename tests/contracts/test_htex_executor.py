"""The high-throughput executor keeps the contract of executors, on a real interchange, manager and workers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId
from parsl_like.errors import BadStateException, InterchangeLostError
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.high_throughput.session import HighThroughputSession
from parsl_like.testing.executor_contract import SUCCEEDED, ExecutorContract, Owner, combine, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.core.ports import ExecutorSession, RunContext

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def pyzmq_thread() -> None:
    """pyzmq starts a thread of the process for the first large part that is lent to a socket; it is nobody's leak."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as there, context.socket(zmq.PAIR) as here:
        there.bind("inproc://lent")
        here.connect("inproc://lent")
        here.send(bytes(1_000_000), copy=False)
        there.recv()


class TestHighThroughput(ExecutorContract):
    """With a block that is started beside the session, as the jobs thread would."""

    def open_session(self, context: RunContext, slots: int) -> ExecutorSession:
        description = HighThroughputExecutor(label=str(context.label), max_workers_per_node=slots, cores_per_worker=0.1)
        session = HighThroughputSession(description.sealed(), context).open()
        self._block: subprocess.Popen[bytes] | None = None
        self._starter = threading.Thread(target=self._start_block, args=(session,))
        self._starter.start()
        return session

    def _start_block(self, session: HighThroughputSession) -> None:
        with contextlib.suppress(BadStateException):  # closed before the interchange was up
            command = session.block_request(BlockId("0")).command
            self._block = subprocess.Popen(["bash", "-c", f"exec {command}"], start_new_session=True)

    def close_session(self, session: ExecutorSession) -> None:
        super().close_session(session)
        self._starter.join()
        if self._block is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._block.wait(10)
            if self._block.poll() is None:
                os.killpg(self._block.pid, signal.SIGKILL)
                self._block.wait()

    def test_attempts_of_a_broken_executor_end_with_the_reason(self, owner: Owner) -> None:
        assert owner.run(combine, 1, 2) == (1, 2, None)
        owner.session.fail(LookupError("no more blocks"))  # type: ignore[attr-defined]
        for _ in range(2):
            _, _, (error, cost, _) = owner.event(owner.submit(combine, 1, 2))
            assert isinstance(error, LookupError)
            assert cost == float("inf")

    def test_a_running_attempt_outlives_its_interchange(self, owner: Owner, tmp_path: Path) -> None:
        attempt = owner.submit(wait_for, str(tmp_path / "gate"), str(tmp_path / "reached"))
        self._wait_until(tmp_path / "reached", owner)
        session: Any = owner.session
        os.kill(session._broker.pid, signal.SIGKILL)
        (tmp_path / "gate").touch()
        code, _, _ = owner.event(attempt)
        assert code == SUCCEEDED
        assert session.health()["restarts"] == 1
        assert owner.run(combine, 1, 2) == (1, 2, None)

    def test_an_interchange_that_cannot_be_restarted_fails_everything(self, owner: Owner, tmp_path: Path) -> None:
        attempt = owner.submit(wait_for, str(tmp_path / "gate"), str(tmp_path / "reached"))
        self._wait_until(tmp_path / "reached", owner)
        session: Any = owner.session
        session._broker._launch_words = lambda: ["/bin/false"]
        os.kill(session._broker.pid, signal.SIGKILL)
        _, _, (error, *_) = owner.event(attempt)
        assert isinstance(error, InterchangeLostError)
        assert "restarted 3 times" in str(error)
        (tmp_path / "gate").touch()
        assert self._block is not None
        os.killpg(self._block.pid, signal.SIGTERM)
