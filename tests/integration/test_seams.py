"""What later features build on, shown from outside: each test is named in docs/internals/seams.md."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.config import Config
from parsl_like.errors import InvalidResourceSpecification, ManagerLost, TaskLost
from parsl_like.executors import HighThroughputExecutor
from parsl_like.executors.base import ParslExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.monitoring import MonitoringHub
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

WAIT = 90


def one_worker(**options: Any) -> HighThroughputExecutor:
    return HighThroughputExecutor(
        label="htex",
        max_workers_per_node=1,
        cores_per_worker=0.1,
        provider=LocalProvider(init_blocks=1, max_blocks=1, launcher=SimpleLauncher()),
        **options,
    )


@python_app
def where() -> tuple[int, int]:
    import os

    return os.getpid(), os.getppid()


@python_app
def begins_and_waits(mark: str, gate: str) -> str:
    import os
    import time

    with open(mark, "a", encoding="utf-8") as file:
        file.write(f"{os.getppid()}\n")
    while not os.path.exists(gate):
        time.sleep(0.01)
    return mark


def wait_for_lines(path: pathlib.Path, count: int) -> list[str]:
    import time

    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        if path.exists() and len(lines := path.read_text().splitlines()) >= count:
            return lines
        time.sleep(0.02)  # a file written by another process announces nothing
    raise AssertionError(f"{path} does not have {count} lines")


@pytest.mark.parametrize("keyword", ["parsl_resource_specification", "parsl_like_resource_specification"])
def test_both_spellings_of_the_resource_keyword(make_config: Callable[..., Config], keyword: str) -> None:
    with parsl_like.load(make_config("runs")):
        assert python_app(abs)(-1, **{keyword: {"priority": 3}}).result(WAIT) == 1
        with pytest.raises(InvalidResourceSpecification, match="colour"):
            python_app(abs)(-1, **{keyword: {"colour": "red"}}).result(WAIT)


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_transport_can_be_forced(transport: str) -> None:
    with parsl_like.load(Config(executors=[one_worker(transport=transport)], run_dir="runs")) as kernel:
        assert where().result(WAIT)[0] > 0
        keys = pathlib.Path(kernel.run_dir, "htex", "certificates")
        assert stat.S_IMODE(keys.stat().st_mode) == 0o700
        assert {stat.S_IMODE(key.stat().st_mode) for key in keys.iterdir()} == {0o600}
    assert not keys.exists()


def test_lost_manager_is_a_loss_and_its_task_runs_again(tmp_path: pathlib.Path) -> None:
    mark, gate = tmp_path / "mark", tmp_path / "gate"
    with parsl_like.load(Config(executors=[one_worker()], run_dir="runs")) as kernel:
        future = begins_and_waits(str(mark), str(gate))
        os.kill(int(wait_for_lines(mark, 1)[0]), signal.SIGKILL)
        wait_for_lines(mark, 2)
        gate.touch()
        assert future.result(WAIT) == str(mark)
        assert kernel.summary().losses == 1
        assert kernel.summary().retries == {}


def test_losses_are_bounded_and_named(tmp_path: pathlib.Path) -> None:
    mark, gate = tmp_path / "mark", tmp_path / "gate"
    with parsl_like.load(Config(executors=[one_worker()], lost_retries=1, run_dir="runs")):
        future = begins_and_waits(str(mark), str(gate))
        for count in (1, 2):
            os.kill(int(wait_for_lines(mark, count)[-1]), signal.SIGKILL)
        with pytest.raises(TaskLost, match="lost 2 time") as caught:
            future.result(WAIT)
        assert isinstance(caught.value.cause, ManagerLost)


def test_killed_driver_leaves_no_process(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, signal, parsl_like\n"
        "from parsl_like import Config, HighThroughputExecutor, python_app\n"
        "from parsl_like.providers import LocalProvider\n"
        "parsl_like.load(Config(executors=[HighThroughputExecutor(label='htex', max_workers_per_node=1,"
        " cores_per_worker=0.1, provider=LocalProvider())]))\n"
        "def where():\n"
        "    import os\n"
        "    return os.getpid(), os.getppid()\n"
        "print(json.dumps(python_app(where)().result(60)), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, cwd=tmp_path, timeout=WAIT, check=False
    )
    assert done.returncode == -signal.SIGKILL
    for pid in json.loads(done.stdout):
        assert wait_until_gone(pid), f"process {pid} outlives its driver"


def wait_until_gone(pid: int) -> bool:
    import time

    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)  # the end of a process that is not a child announces nothing
    return False


def test_executor_of_the_users_own_is_called_as_written() -> None:
    from concurrent.futures import ThreadPoolExecutor as Pool

    class Mine(ParslExecutor):
        def __init__(self) -> None:
            super().__init__()
            self.label = "mine"
            self.seen: list[str] = []

        def start(self) -> None:
            self.pool = Pool(1)
            self.seen.append("start")

        def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Future[Any]:
            self.seen.append("submit")
            return self.pool.submit(func, *args, **kwargs)

        def shutdown(self) -> None:
            self.pool.shutdown()
            self.seen.append("shutdown")

    mine = Mine()
    with parsl_like.load(Config(executors=[mine], run_dir="runs")):
        assert python_app(abs)(-4).result(WAIT) == 4
    assert mine.seen == ["start", "submit", "shutdown"]


def test_description_answers_while_exactly_one_run_uses_it() -> None:
    config = Config(executors=[one_worker()], run_dir="runs")
    described = config.executors[0]
    with parsl_like.load(config):
        _worker, manager = where().result(WAIT)
        (connected,) = described.connected_managers()
        assert connected["worker_count"] == 1
        assert described.outstanding() == 0
        assert manager > 0
    assert described.connected_managers() == []


def test_call_of_a_failed_task_is_kept_for_its_user_only() -> None:
    from parsl_like.serialize import deserialize
    from parsl_like.serialize.calls import unpack_call
    from parsl_like.serialize.functions import unpack_function

    with parsl_like.load(Config(executors=[one_worker()], run_dir="runs")) as kernel:
        future = python_app(divmod)(7, 0)
        with pytest.raises(ZeroDivisionError):
            future.result(WAIT)
    (kept,) = pathlib.Path(kernel.run_dir, "failed").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    facts = deserialize(kept.read_bytes())
    args, kwargs = unpack_call(facts["body"], facts["buffers"])
    with pytest.raises(ZeroDivisionError):
        unpack_function(facts["function"])(*args, **kwargs)


def test_workers_know_their_place() -> None:
    @python_app
    def environment() -> dict[str, str]:
        import os

        return {k: v for k, v in os.environ.items() if k.startswith("PARSL_")}

    with parsl_like.load(Config(executors=[one_worker()], run_dir="runs")):
        seen = environment().result(WAIT)
    assert seen["PARSL_WORKER_RANK"] == "0"
    assert seen["PARSL_WORKER_COUNT"] == "1"
    assert seen["PARSL_WORKER_BLOCK_ID"] == "0"
    assert seen["PARSL_WORKER_POOL_ID"]


def test_priorities_are_heeded() -> None:
    import threading

    order: list[int] = []
    lock = threading.Lock()

    def note(number: int) -> None:
        with lock:
            order.append(number)

    from parsl_like.executors import ThreadPoolExecutor

    gate = threading.Event()
    with parsl_like.load(Config(executors=[ThreadPoolExecutor(max_threads=1)], run_dir="runs")):
        first = python_app(gate.wait)(WAIT)
        app = python_app(note)
        later = [app.options(priority=-i)(i) for i in range(5)]
        gate.set()
        [f.result(WAIT) for f in [first, *later]]
    assert order == [4, 3, 2, 1, 0]


def test_options_that_come_later_are_said_to_be_missing() -> None:
    with (
        pytest.warns(UserWarning, match="monitoring"),
        parsl_like.load(Config(monitoring=MonitoringHub(), run_dir="r")),
    ):
        assert python_app(abs)(-1).result(WAIT) == 1
