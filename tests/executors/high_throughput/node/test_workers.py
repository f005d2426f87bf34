"""A pool of real worker processes: started, fed, killed, replaced, ended."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.node import workers as module
from parsl_like.executors.high_throughput.node.pinning import Pin
from parsl_like.executors.high_throughput.node.pipe import READY, ResultPacket, pack_task
from parsl_like.executors.high_throughput.node.workers import FALSE_STARTS, LOOK_S, WorkerPool
from parsl_like.executors.high_throughput.protocol import ResultItem
from parsl_like.serialize import pack_call, pack_function, unpack

pytestmark = pytest.mark.integration


class Pool(WorkerPool):
    """A pool with ways to wait for it."""

    def wait(self) -> list[tuple[int, ResultPacket]]:
        """What comes next from any worker."""
        assert select.select([self], [], [], 60)[0], "no worker says anything"
        return [(number, result) for number, results in self.results() for result in results]

    def wait_ready(self, *numbers: int) -> None:
        missing = set(numbers or range(len(self)))
        while missing:
            for number, result in self.wait():
                assert result.attempt == READY
                self.mark_ready(number)
                missing.discard(number)

    def send(self, number: int, attempt: int, function: Callable[..., Any], *args: Any) -> None:
        packed = pack_function(function)
        self.functions.put(packed.hash, packed.blob)
        place = self.functions.place(packed.hash)
        assert place is not None
        assert self.pipe(number).send(pack_task(attempt, packed.hash, place, pack_call(args, {}).body))

    def call(self, number: int, function: Callable[..., Any], *args: Any) -> Any:
        self.send(number, 1, function, *args)
        ((_, result),) = self.wait()
        return unpack(msgspec.msgpack.decode(result.item, type=ResultItem).body)

    def wait_dead(self) -> list[int]:
        """The dead, once there are some."""
        until(lambda: bool(self.dead()))
        return self.dead()


def until(condition: Callable[[], bool]) -> None:
    """Processes of others cannot be waited for without reaping them; there is a limit, and no judgement by time."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def make_pool(folder: Path, count: int = 2, environment: dict[str, str] | None = None) -> Pool:
    pins = [Pin((), {"OMP_NUM_THREADS": str(number + 5)}) for number in range(count)]
    return Pool(pins, folder, (), {**os.environ, "PARSL_WORKER_POOL_ID": "pool", **(environment or {})})


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = make_pool(tmp_path)
    made.start_missing(0.0)
    yield made
    made.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def start_family(folder: str) -> None:
    """Leave a child in the group, one in a session of its own, and go on for ever; a file tells their numbers."""
    import subprocess
    import sys
    import time

    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(1000)"
    children = []
    for own_session in (False, True):
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", stubborn], stdout=subprocess.PIPE, start_new_session=own_session
        )
        child.stdout.readline()  # type: ignore[union-attr]
        children.append(child.pid)
    with open(f"{folder}/new", "w", encoding="ascii") as file:
        file.write(" ".join(map(str, children)))
    os.rename(f"{folder}/new", f"{folder}/children")
    while True:
        time.sleep(1000)


def test_workers_know_their_place(pool: Pool) -> None:
    pool.wait_ready()
    names = ("PARSL_WORKER_RANK", "PARSL_WORKER_COUNT", "PARSL_WORKER_POOL_ID", "OMP_NUM_THREADS")
    for number in range(2):
        told = pool.call(number, lambda names: [os.environ[name] for name in names], names)
        assert told == [str(number), "2", "pool", str(number + 5)]
    assert pool.call(0, os.getsid, 0) not in (os.getsid(0), pool.call(1, os.getsid, 0))


def test_a_processor_that_is_gone_is_no_reason_not_to_work(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pool = Pool([Pin((9999,))], tmp_path, (), os.environ)
    pool.start_missing(0.0)
    pool.wait_ready()
    assert pool.call(0, abs, -1) == 1
    assert "worker 0 runs on any processor: [Errno 22]" in caplog.text
    pool.close()


def test_descriptors_of_others_do_not_reach_a_worker(pool: Pool) -> None:
    pool.wait_ready()
    # The standard ones, their copies, its directory, its own three, that of the mapped cells, that of the listing.
    assert len(pool.call(1, os.listdir, "/proc/self/fd")) == 3 + 3 + 1 + 3 + 1 + 1

    def inheritable() -> list[bool]:
        from contextlib import suppress

        found = []
        for descriptor in range(3, 1100):
            with suppress(OSError):
                found.append(os.get_inheritable(descriptor))
        return found

    assert pool.call(1, inheritable) == [False] * 8


def test_a_dead_worker_is_replaced_under_its_number(pool: Pool, tmp_path: Path) -> None:
    pool.wait_ready()
    assert pool.dead() == []
    first = pool.call(1, os.getpid)
    pool.send(1, 5, lambda: [os.write(1, b"last words\n"), os._exit(3)])
    assert pool.wait_dead() == [1]
    death = pool.bury(1, 10.0)
    assert death == (1, 3, "last words", str(tmp_path / "worker_1.log"))
    assert pool.deadline() == 10.0
    pool.keep_up(10.0)
    assert pool.deadline() is None
    pool.wait_ready(1)
    assert pool.call(1, os.getpid) != first
    until(lambda: pool.cells.read(1) == -1)


def test_last_words_are_those_of_the_last_process_only(pool: Pool) -> None:
    pool.wait_ready()
    for word in ("first", "second"):
        pool.send(
            0,
            5,
            lambda word: [[os.write(1, f"{word} {number}\n".encode()) for number in range(100)], os._exit(1)],
            word,
        )
        pool.wait_dead()
        tail = pool.bury(0, 0.0).output_tail.splitlines()
        assert (len(tail), tail[-1]) == (20, f"{word} 99")
        assert all(line.startswith(word) for line in tail)
        pool.keep_up(0.0)
        pool.wait_ready(0)


def test_what_a_crashed_worker_leaves_in_its_group_goes_with_it(pool: Pool, tmp_path: Path) -> None:
    pool.wait_ready()
    pool.send(0, 1, start_family, str(tmp_path))
    until((tmp_path / "children").exists)
    in_group, apart = map(int, (tmp_path / "children").read_text(encoding="ascii").split())
    os.kill(pool._processes[0].process.pid, signal.SIGKILL)
    pool.wait_dead()
    assert pool.bury(0, 0.0).exitcode == -signal.SIGKILL
    until(lambda: not is_alive(in_group))
    os.kill(apart, signal.SIGKILL)  # its parent is gone, so nobody can know of it


def test_a_killed_worker_takes_all_it_has_started_with_it(pool: Pool, tmp_path: Path) -> None:
    pool.wait_ready()
    pool.send(0, 1, start_family, str(tmp_path))
    until((tmp_path / "children").exists)
    children = [int(pid) for pid in (tmp_path / "children").read_text(encoding="ascii").split()]
    pool.kill(0, 100.0)
    pool.kill(0, 100.5)
    pool.wait_dead()
    assert pool.bury(0, 100.1).exitcode == -signal.SIGTERM
    pool.keep_up(100.1)
    pool.wait_ready(0)  # the place is taken again while the family has its grace
    assert pool.deadline() == 101.0
    assert all(map(is_alive, children))
    pool.keep_up(101.0)
    until(lambda: not any(map(is_alive, children)))
    assert pool.deadline() == 101.0 + LOOK_S  # they might have started others
    pool.keep_up(101.1)
    assert pool.deadline() is None


def test_a_worker_that_ignores_the_request_is_killed(pool: Pool) -> None:
    def stubborn() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b"deaf")
        while True:
            time.sleep(1000)

    pool.wait_ready()
    pool.send(0, 1, stubborn)
    until(lambda: "deaf" in (pool._logdir / "worker_0.log").read_text())
    pool.kill(0, 100.0)
    pool.keep_up(100.9)
    assert pool.dead() == []
    pool.keep_up(101.0)
    assert pool.wait_dead() == [0]
    assert pool.bury(0, 101.0).exitcode == -signal.SIGKILL


def test_stopping_ends_idle_workers_in_order_and_busy_ones_by_force(pool: Pool) -> None:
    pool.wait_ready()
    pool.send(1, 1, time.sleep, 1000)
    until(lambda: pool.cells.read(1) == 1)
    pool.kill(1, 99.9)
    pool.stop({1}, 100.0)
    codes = {}
    while not pool.is_empty():
        for number in pool.wait_dead():
            codes[number] = pool.bury(number, 100.1).exitcode
            pool.keep_up(100.1)
    assert codes == {0: 0, 1: -signal.SIGTERM}
    pool.keep_up(200.0)
    assert pool.is_empty()


def test_stopping_has_a_limit(pool: Pool) -> None:
    pool.wait_ready(0, 1)
    pids = [entry.process.pid for entry in pool._processes.values()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    pool.stop(set(), 100.0)
    assert pool.deadline() == 102.0
    pool.keep_up(102.0)
    while not pool.is_empty():
        for number in pool.wait_dead():
            assert pool.bury(number, 102.0).exitcode == -signal.SIGKILL
            pool.keep_up(102.0)


def test_closing_leaves_nobody(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, 1)
    pool.start_missing(0.0)
    pool.wait_ready()
    pool.send(0, 1, start_family, str(tmp_path))
    until((tmp_path / "children").exists)
    children = [int(pid) for pid in (tmp_path / "children").read_text(encoding="ascii").split()]
    pool.kill(0, 0.0)
    pool.wait_dead()
    pool.bury(0, 0.0)
    pool.close()
    until(lambda: not any(map(is_alive, children)))


def test_workers_that_cannot_start_are_tried_again_ever_later_and_then_given_up(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.write(2, b'no licence'); os._exit(9)", encoding="ascii")
    pool = make_pool(tmp_path, 1, {"PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"})
    now, pauses = 0.0, []
    for _ in range(FALSE_STARTS - 1):
        pool.keep_up(now)
        pool.wait_dead()
        pool.bury(0, now)
        pool.keep_up(now)
        assert pool.dead() == []
        due = pool.deadline()
        assert due is not None
        pauses.append(due - now)
        now = due
    assert pauses == sorted(pauses)
    assert pauses[0] > 0
    pool.keep_up(now)
    pool.wait_dead()
    with pytest.raises(ExecutorError, match="5 worker processes in a row died before they were ready") as caught:
        pool.bury(0, now)
    assert "exit code 9" in str(caught.value)
    assert "no licence" in str(caught.value)
    assert caught.value.log_path == str(tmp_path / "worker_0.log")
    pool.close()


def test_false_starts_beside_ready_workers_are_borne(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.wait_ready()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    os.kill(pool._processes[0].process.pid, signal.SIGKILL)
    pool.wait_dead()
    pool.bury(0, 0.0)
    for now in range(0, 100 * FALSE_STARTS, 100):
        pool.keep_up(now)
        assert (pool.deadline() or 0) > now
    monkeypatch.undo()
    pool.keep_up(1000.0)
    pool.wait_ready(0)


def test_a_system_that_starts_no_process_is_an_error_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    pool = make_pool(tmp_path, 1)
    for now in range(0, 100 * (FALSE_STARTS - 1), 100):
        pool.keep_up(float(now))
    with pytest.raises(ExecutorError, match="No such file or directory: '/nowhere/python'"):
        pool.keep_up(1e6)
    assert pool.is_empty()
    pool.close()


def test_a_log_that_is_gone_has_no_last_words(tmp_path: Path) -> None:
    assert module._tail(tmp_path / "none", 0) == ""
