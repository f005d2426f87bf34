from __future__ import annotations

from typing import Any

import pytest

from parsl_like.core.job_states import JobState
from parsl_like.errors import ConfigurationError, UnsupportedFeatureError
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.status_handling import BlockProviderExecutor
from parsl_like.providers.local import LocalProvider
from parsl_like.providers.status import JobStatus


class Session:
    """Answers, in the place of a running one: some things as properties, some as methods."""

    run_dir = "of-the-run"
    outstanding = 5
    bad_state_is_set = False
    executor_exception = None

    def __init__(self) -> None:
        self.orders: list[Any] = []

    def tasks(self) -> dict[int, str]:
        return {1: "a"}

    def status(self) -> dict[str, str]:
        return {"0": "RUNNING"}

    def scale_out_facade(self, n: int) -> list[str]:
        self.orders.append(("out", n))
        return [str(k) for k in range(n)]

    def scale_in_facade(self, n: int, max_idletime: float | None) -> list[str]:
        self.orders.append(("in", n, max_idletime))
        return ["0"] * n

    def fail(self, error: BaseException) -> None:
        self.orders.append(error)


@pytest.fixture
def running() -> tuple[HighThroughputExecutor, Session]:
    executor, session = HighThroughputExecutor(), Session()
    executor.attach(session)
    return executor, session


def test_questions_go_to_the_run(running: tuple[HighThroughputExecutor, Session]) -> None:
    executor, _ = running
    assert executor.outstanding == executor.outstanding() == 5
    assert executor.tasks == executor.tasks() == {1: "a"}
    assert executor.bad_state_is_set is False
    assert executor.executor_exception is None
    assert executor.status() == {"0": "RUNNING"}


def test_orders_go_to_the_run(running: tuple[HighThroughputExecutor, Session]) -> None:
    executor, session = running
    assert executor.scale_out_facade(2) == ["0", "1"]
    assert executor.scale_out() == ["0"]
    assert executor.scale_in_facade(1, 5.0) == ["0"]
    assert executor.scale_in(2, force=True) == ["0", "0"]
    assert executor.scale_in() == ["0"]
    error = ValueError("x")
    executor.set_bad_state_and_fail_all(error)
    assert session.orders == [("out", 2), ("out", 1), ("in", 1, 5.0), ("in", 2, None), ("in", 1, None), error]


def test_what_the_run_cannot_tell_is_said(running: tuple[HighThroughputExecutor, Session]) -> None:
    executor, _ = running
    with pytest.raises(UnsupportedFeatureError, match="connected_blocks"):
        executor.connected_blocks()


def test_without_a_run_nothing_is_there_and_with_several_there_is_no_answer(
    running: tuple[HighThroughputExecutor, Session],
) -> None:
    executor, session = running
    other = Session()
    executor.attach(other)
    with pytest.raises(ConfigurationError, match="2 runs"):
        _ = executor.outstanding
    executor.detach(other)
    executor.detach(session)
    assert executor.outstanding == executor.outstanding() == executor.connected_workers() == 0
    assert executor.connected_managers == executor.connected_managers() == executor.connected_blocks() == []
    assert executor.tasks == executor.tasks() == executor.status() == executor.status_facade == {}
    assert executor.connected_managers_packages() == {}
    assert (executor.bad_state_is_set, executor.executor_exception) == (False, None)
    with pytest.raises(ConfigurationError, match="no run"):
        executor.scale_out(1)
    with pytest.raises(ConfigurationError, match="no run"):
        executor.hold_worker("m")


def test_fields_may_be_assigned_until_a_run_uses_them(running: tuple[HighThroughputExecutor, Session]) -> None:
    executor, session = running
    for name, value in (("max_workers_per_node", 3), ("max_workers", 3), ("provider", LocalProvider())):
        with pytest.raises(ConfigurationError, match="cannot be changed while a run uses executor") as caught:
            setattr(executor, name, value)
        assert "assign it before the run begins" in str(caught.value)
    assert executor.max_workers_per_node is None
    executor.detach(session)
    executor.max_workers = 3
    assert executor.max_workers_per_node == 3


def test_a_handler_of_the_users_own_can_be_asked_by_hand() -> None:
    asked: list[Any] = []
    executor = HighThroughputExecutor(block_error_handler=lambda *given: asked.append(given))
    status = {"0": JobStatus(JobState.FAILED)}
    executor.handle_errors(status)
    executor.handle_errors("an error handler of 1.2", status)
    assert asked == [(executor, status)] * 2
    HighThroughputExecutor().handle_errors(status)


def test_what_monitoring_would_be_told(running: tuple[HighThroughputExecutor, Session]) -> None:
    executor, _ = running
    (told,) = executor.create_monitoring_info({"0": JobStatus(JobState.RUNNING)})
    assert (told["executor_label"], told["block_id"], told["status"]) == (executor.label, "0", "RUNNING")
    executor.send_monitoring_info({})
    executor.poll_facade()
    executor.hub_address, executor.hub_port = "localhost", 55055
    assert (executor.hub_address, executor.hub_port) == ("localhost", 55055)


def test_a_users_class_keeps_its_own_tasks() -> None:
    class Mine(BlockProviderExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            """Of the user's own."""

    mine = Mine(provider=None)
    mine.tasks[5] = "future"
    assert mine.tasks == mine.tasks() == {5: "future"}


def test_settings_follow_from_the_fields() -> None:
    executor = HighThroughputExecutor(provider=LocalProvider(), block_error_handler=False)
    assert executor.scaling_enabled
    assert not executor.error_management_enabled
    assert executor.status_polling_interval == LocalProvider.status_polling_interval
    assert not HighThroughputExecutor().scaling_enabled
    assert HighThroughputExecutor().status_polling_interval == 0


def test_a_users_class_gives_the_base_its_provider() -> None:
    class Mine(BlockProviderExecutor):
        def __init__(self, provider: Any) -> None:
            super().__init__(provider=provider, block_error_handler=False, run_dir="there")
            self.label = "mine"

    provider = LocalProvider()
    mine = Mine(provider)
    assert mine.provider is provider
    assert (mine.block_error_handler, mine.run_dir) == (False, "there")
