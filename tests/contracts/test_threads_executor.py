"""The executors that run tasks inside this process keep the contract that plugins' executors have to keep."""

from __future__ import annotations

import time
from concurrent import futures
from typing import TYPE_CHECKING

import pytest

from parsl_like.executors.legacy import LegacySession, PoolExecutor
from parsl_like.executors.threads import ThreadPoolExecutor, ThreadPoolSession
from parsl_like.testing.executor_contract import ExecutorContract, Owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parsl_like.core.ports import RunContext


class TestThreads(ExecutorContract):
    def open_session(self, context: RunContext, slots: int) -> ThreadPoolSession:
        return ThreadPoolSession(ThreadPoolExecutor(max_threads=slots).sealed(), context)


class TestPlainPool(ExecutorContract):
    @pytest.fixture(autouse=True)
    def pools(self) -> Iterator[None]:
        self._pools: list[futures.ThreadPoolExecutor] = []
        yield
        for pool in self._pools:
            pool.shutdown()

    def open_session(self, context: RunContext, slots: int) -> LegacySession:
        pool = futures.ThreadPoolExecutor(max_workers=slots)
        self._pools.append(pool)
        return LegacySession(PoolExecutor(pool), context)

    test_order = None  # a plain pool knows no priorities


class TestTheContractCanFail:
    """A session that breaks a promise is seen to."""

    def test_a_session_that_does_not_wake_its_owner(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("parsl_like.testing.executor_contract.PATIENCE_S", 0.3)
        with Owner(tmp_path) as owner:
            session = ThreadPoolSession(ThreadPoolExecutor().sealed(), owner.context)
            session._wake = lambda: None
            owner.serve(session)
            try:
                with pytest.raises(AssertionError, match="woke nobody"):
                    owner.wait_for([owner.submit(time.sleep, 0.1)])
            finally:
                session.close(deadline=time.monotonic() + 5)
