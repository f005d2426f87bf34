"""Providers that users wrote raise, hang, lie and talk nonsense: tasks flow, or end with the reason."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.core.job_states import JobState
from parsl_like.errors import BadStateException
from parsl_like.providers import LocalProvider
from parsl_like.providers.local_session import LocalJob
from parsl_like.providers.status import JobStatus
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 120


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app(executors=["htex"])
def here(x: int, y: int) -> int:
    return x + y


@python_app(executors=["neighbour"])
def there(x: int, y: int) -> int:
    return x + y


class Unreliable(LocalProvider):
    """A user's provider, with Parsl's three methods: blocks of this machine, if nothing comes between.

    Attributes:
        before: By method, what is called first, with how often the method has been called before.
        answer: What becomes of the answers to a question for states.
        jobs: The jobs started so far.
    """

    status_polling_interval = 0.2

    def __init__(self, **before: Callable[[int], Any]) -> None:
        super().__init__(init_blocks=1, min_blocks=0, max_blocks=1)
        self.before = before
        self.calls = dict.fromkeys(("submit", "status", "cancel"), 0)
        self.answer: Callable[[list[JobStatus], int], Any] = lambda found, _: found
        self.jobs: list[str] = []
        self.liar_about = ""

    def _happens(self, method: str) -> int:
        number = self.calls[method]
        self.calls[method] += 1
        self.before.get(method, int)(number)
        return number

    def submit(self, command: str, tasks_per_node: int, job_name: str = "user") -> str | None:
        self._happens("submit")
        job = super().submit(command, tasks_per_node, job_name)
        self.jobs.append(str(job))
        return job

    def status(self, job_ids: Sequence[Any]) -> Any:
        number = self._happens("status")
        found = super().status(job_ids)
        if self.liar_about in job_ids:
            found[job_ids.index(self.liar_about)] = JobStatus(JobState.FAILED, "so it says")
        return self.answer(found, number)

    def cancel(self, job_ids: Sequence[Any]) -> list[bool]:
        self._happens("cancel")
        return super().cancel(job_ids)

    def lies_about(self, job: str) -> None:
        """From now on say that a job has failed."""
        self.liar_about = job

    def pids(self) -> list[int]:
        return [parts.pid for job in self.jobs if (parts := LocalJob.parse(job)) is not None]


def refuse(_number: int) -> None:
    raise ConnectionError("the queue is closed for maintenance")


def wrapped_launcher(command: str, tasks_per_node: int, nodes_per_block: int) -> str:
    raise KeyError("no such partition")


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """What hanging calls wait for; they are let go after the test."""
    gate = threading.Event()
    yield gate
    gate.set()


def end(kernel: DataFlowKernel) -> None:
    kernel.cleanup()
    parsl_like.clear()


@pytest.mark.fault(
    "provider", "submit raises always", "BadStateException with its words; later tasks fail at once", bound=60
)
def test_submit_raises(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable(submit=refuse)
    with stopwatch:
        kernel = make_run(provider=provider)
        futures = [add(number, 1) for number in range(100)]
        for future in futures:
            with pytest.raises(BadStateException, match=r"in a row were refused.*closed for maintenance"):
                future.result(WAIT)
        with pytest.raises(BadStateException, match="closed for maintenance"):
            add(1, 2).result(WAIT)
    assert 2 < provider.calls["submit"] < 10
    assert kernel.status()["blocks"]["htex"]["failed"]


@pytest.mark.fault("provider", "submit raises twice", "the third block is taken, and tasks run", bound=60)
def test_submit_raises_twice(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable(submit=lambda number: refuse(number) if number < 2 else None)
    with stopwatch:
        kernel = make_run(provider=provider)
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
    assert provider.calls["submit"] == 3
    kernel.recorder.flush(WAIT)
    refusals = [record.fields for record in kernel.records.last("block") if record.fields["state"] == "FAILED"]
    assert ["maintenance" in fields["reason"] for fields in refusals] == [True, True]


@pytest.mark.fault("provider", "submit hangs for ever", "BadStateException says so", bound=90)
def test_submit_hangs(make_run: Callable[..., DataFlowKernel], stuck: threading.Event, stopwatch: Stopwatch) -> None:
    provider = Unreliable(submit=lambda _: stuck.wait() and refuse(0))
    with stopwatch:
        make_run(provider=provider)
        with pytest.raises(BadStateException, match="submit has not come back for"):
            add(1, 2).result(WAIT)


@pytest.mark.fault(
    "provider", "submit hangs once, and takes the block later", "the next block is used, the late one ended", bound=60
)
def test_submit_is_late(make_run: Callable[..., DataFlowKernel], stuck: threading.Event, stopwatch: Stopwatch) -> None:
    provider = Unreliable(submit=lambda number: number == 0 and stuck.wait())
    with stopwatch:
        make_run(provider=provider)
        assert add(1, 2).result(WAIT) == 3
    (used,) = provider.pids()
    stuck.set()
    processes.until(lambda: len(provider.jobs) == 2, WAIT)
    late = provider.pids()[1]
    assert processes.wait_for_end([late], WAIT) == []
    assert processes.alive([used]) == [used]
    assert add(2, 2).result(WAIT) == 4


@pytest.mark.fault("provider", "submit hangs while the run is ended", "cleanup returns", bound=30)
def test_cleanup_while_submit_hangs(
    make_run: Callable[..., DataFlowKernel], stuck: threading.Event, stopwatch: Stopwatch
) -> None:
    hangs = threading.Event()

    def hang(_: int) -> None:
        hangs.set()
        stuck.wait()

    provider = Unreliable(submit=hang)
    kernel = make_run(provider=provider)
    future = add(1, 2)
    assert hangs.wait(WAIT)
    with stopwatch:
        end(kernel)
    assert future.done()
    stuck.set()  # now it comes back with a block, which nobody wants
    processes.until(lambda: provider.jobs, WAIT)
    assert processes.wait_for_end(provider.pids(), WAIT) == []


@pytest.mark.fault("provider", "the launcher raises", "BadStateException with its words", bound=60)
def test_launcher_raises(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    with stopwatch:
        make_run(provider=LocalProvider(launcher=wrapped_launcher))
        with pytest.raises(BadStateException, match=r"it raised KeyError: 'no such partition'"):
            add(1, 2).result(WAIT)


def nothing(found: list[JobStatus], number: int) -> Any:
    return None


def nonsense(found: list[JobStatus], number: int) -> Any:
    return ["RUNNING" for _ in found]


def unknown_state(found: list[JobStatus], number: int) -> Any:
    status = JobStatus(JobState.RUNNING)
    object.__setattr__(status, "state", 4711)
    return [status for _ in found]


def too_many(found: list[JobStatus], number: int) -> Any:
    return found * 3


def none_at_all(found: list[JobStatus], number: int) -> Any:
    return []


@pytest.mark.parametrize("answer", [nothing, nonsense, unknown_state, too_many, none_at_all])
@pytest.mark.fault("provider", "status answers nonsense", "tasks flow", bound=30)
def test_status_is_nonsense(answer: Any, make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable()
    provider.answer = answer
    with stopwatch:
        make_run(provider=provider)
        futures = [add(number, 1) for number in range(100)]
        assert [future.result(WAIT) for future in futures] == list(range(1, 101))
        asked = provider.calls["status"]
        processes.until(lambda: provider.calls["status"] > asked + 2, WAIT, "another question")
        assert add(2, 2).result(WAIT) == 4
    assert len(provider.jobs) == 1


@pytest.mark.fault("provider", "status raises always", "tasks flow, it is asked on, and warned once", bound=30)
def test_status_raises(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable(status=refuse)
    with stopwatch:
        kernel = make_run(provider=provider)
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
        processes.until(lambda: provider.calls["status"] > 3, WAIT, "another question")
        assert add(2, 2).result(WAIT) == 4
    kernel.recorder.flush(WAIT)
    warned = [record for record in kernel.records.last("warning") if "maintenance" in record.fields["text"]]
    assert len(warned) == 1


@pytest.mark.fault(
    "provider", "status raises always, and the block is killed", "another block runs its tasks", bound=60
)
def test_status_raises_and_the_block_is_lost(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable(status=refuse)
    make_run(provider=provider, heartbeat_period=1, heartbeat_threshold=5)
    assert add(1, 2).result(WAIT) == 3
    os.killpg(provider.pids()[0], signal.SIGKILL)
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4
    assert len(provider.jobs) == 2


@pytest.mark.fault(
    "provider", "status raises always, and no manager connects", "BadStateException tells of both", bound=75
)
def test_status_raises_and_nobody_connects(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable(status=refuse)
    with stopwatch:
        make_run(provider=provider, launch_cmd="exec sleep 1000 #")
        with pytest.raises(BadStateException, match=r"no manager of it is connected.*closed for maintenance"):
            add(1, 2).result(WAIT)
    processes.until(lambda: provider.calls["cancel"], WAIT, "its cancellation")
    assert processes.wait_for_end(provider.pids(), WAIT) == []


@pytest.mark.fault("provider", "status hangs for ever", "tasks flow; cleanup returns", bound=30)
def test_status_hangs(make_run: Callable[..., DataFlowKernel], stuck: threading.Event, stopwatch: Stopwatch) -> None:
    provider = Unreliable(status=lambda _: stuck.wait())
    kernel = make_run(provider=provider)
    with stopwatch:
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
    processes.until(lambda: provider.calls["status"], WAIT, "a question")
    with stopwatch:
        end(kernel)
    assert processes.wait_for_end(provider.pids(), WAIT) == []


@pytest.mark.fault("provider", "a job is missing from two answers", "nothing is lost, nothing started", bound=30)
def test_a_job_is_hidden(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable()
    provider.answer = lambda found, number: [] if number in (1, 2) else found
    with stopwatch:
        kernel = make_run(provider=provider)
        assert add(1, 2).result(WAIT) == 3
        processes.until(lambda: provider.calls["status"] > 4, WAIT, "another question")
        assert add(2, 2).result(WAIT) == 4
    assert list(kernel.status()["blocks"]["htex"]["blocks"]) == ["0"]
    assert len(provider.jobs) == 1


@pytest.mark.fault("provider", "status never shows the job", "tasks flow; the job is canceled at the end", bound=30)
def test_a_job_is_never_seen(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable()
    provider.answer = lambda found, number: [None for _ in found]
    kernel = make_run(provider=provider)
    with stopwatch:
        assert add(1, 2).result(WAIT) == 3
    processes.until(lambda: provider.calls["status"] > 4, WAIT, "another question")
    with stopwatch:
        end(kernel)
    assert provider.calls["cancel"] > 0
    assert processes.wait_for_end(provider.pids(), WAIT) == []


@pytest.mark.fault("provider", "status says that a running job has ended", "tasks flow, each runs once", bound=60)
def test_a_job_is_declared_dead(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable()
    kernel = make_run(provider=provider)
    assert add(1, 2).result(WAIT) == 3
    first = provider.jobs[0]
    with stopwatch:
        provider.lies_about(first)
        futures = [add(number, 1) for number in range(1000)]
        assert [future.result(WAIT) for future in futures] == list(range(1, 1001))
        processes.until(lambda: "0" not in kernel.status()["blocks"]["htex"]["blocks"], WAIT, "the news")
        assert add(2, 2).result(WAIT) == 4
    assert kernel.summary().states == {"exec_done": 1002}
    assert kernel.summary().losses == 0
    end(kernel)
    assert processes.wait_for_end(provider.pids(), WAIT) == []
    provider.lies_about("")
    provider.status([first])  # as a child of this process, it has to be waited for


@pytest.mark.fault("provider", "cancel raises always", "cleanup returns, and the blocks have ended", bound=30)
def test_cancel_raises(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    provider = Unreliable(cancel=refuse)
    kernel = make_run(provider=provider)
    assert add(1, 2).result(WAIT) == 3
    with stopwatch:
        end(kernel)
        assert processes.wait_for_end(provider.pids(), WAIT) == []


@pytest.mark.fault("provider", "cancel hangs for ever", "cleanup returns, and the blocks have ended", bound=30)
def test_cancel_hangs(make_run: Callable[..., DataFlowKernel], stuck: threading.Event, stopwatch: Stopwatch) -> None:
    provider = Unreliable(cancel=lambda _: stuck.wait())
    kernel = make_run(provider=provider)
    assert add(1, 2).result(WAIT) == 3
    with stopwatch:
        end(kernel)
        assert processes.wait_for_end(provider.pids(), WAIT) == []


@pytest.mark.fault(
    "provider", "another executor's provider hangs in every call", "the tasks of this one flow", bound=30
)
def test_a_neighbour_hangs(
    make_run: Callable[..., DataFlowKernel], stuck: threading.Event, stopwatch: Stopwatch
) -> None:
    def hang(_: int) -> None:
        stuck.wait()

    kernel = make_run()
    neighbour = parsl_like.HighThroughputExecutor(
        label="neighbour", provider=Unreliable(submit=hang, status=hang, cancel=hang)
    )
    kernel.add_executors([neighbour])
    theirs = [there(number, 1) for number in range(10)]
    with stopwatch:
        assert [here(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
        end(kernel)
    assert all(future.done() for future in theirs)
