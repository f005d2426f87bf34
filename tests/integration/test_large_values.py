"""Large arguments and results: whole, nobody else's memory, and no burden for whoever passes them on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.config import Config
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import WorkerLost
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

WAIT = 100
KIB, MIB = 1024, 1024 * 1024


def config(run_dir: str, **options: Any) -> Config:
    executor = HighThroughputExecutor(
        label="htex",
        max_workers_per_node=2,
        cores_per_worker=0.1,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        **options,
    )
    return Config(executors=[executor], run_dir=run_dir, retries=1)


@pytest.fixture(scope="module", params=["auto", "tcp"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFlowKernel]:
    """A kernel whose values pass in memory that processes share, and one whose values pass through TCP."""
    options = {} if request.param == "auto" else {"transport": request.param}
    with parsl_like.load(config(str(tmp_path_factory.mktemp("runinfo")), **options)) as loaded:
        # pyzmq starts a thread of the process for the first large part that it is lent.
        loaded.submit(len, [b"x" * 1_000_000], ["htex"]).result(WAIT)
        yield loaded


@python_app
def echo(value: Any) -> Any:
    return value


@python_app
def doubled(value: Any) -> Any:
    value *= 2
    return value


@python_app
def total(*values: Any, **named: Any) -> int:
    return int(sum(value[0] + value[-1] for value in (*values, *named.values())))


def same(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


SIZES = [64 * KIB - 1, 64 * KIB, MIB - 200, MIB, pytest.param(100 * MIB, marks=pytest.mark.slow)]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("size", SIZES)
def test_an_array_there_and_back(size: int) -> None:
    array = np.arange(size, dtype=np.uint32).astype(np.uint8)
    kept = array.copy()
    back = doubled(array).result(WAIT)
    assert same(array, kept)  # what the app did to its argument stayed there
    assert same(back, kept * np.uint8(2))
    back[:] = 7  # and the result is the caller's own
    assert same(array, kept)
    assert same(echo(back).result(WAIT), back)


@pytest.mark.usefixtures("large")
def test_several_arrays_in_one_call() -> None:
    arrays = [np.full(size, n + 1, np.uint8) for n, size in enumerate([64 * KIB, 3, MIB, 500 * KIB, 2 * MIB])]
    assert total(*arrays[:3], third=arrays[3], fourth=arrays[4]).result(WAIT) == 2 * (1 + 2 + 3 + 4 + 5)


@pytest.mark.usefixtures("large")
def test_arrays_inside_of_lists_and_dictionaries() -> None:
    value = {
        "a": [np.arange(100_000.0), {"b": np.ones((300, 400), np.float32, order="F")}],
        "c": (np.zeros(3), "text", np.arange(2 * MIB, dtype=np.uint32).reshape(2, -1)),
        "d": np.arange(0),
    }
    back = echo(value).result(WAIT)
    assert same(back["a"][0], value["a"][0])
    assert same(back["a"][1]["b"], value["a"][1]["b"])
    assert back["c"][1] == "text"
    assert same(back["c"][2], value["c"][2])
    assert same(back["d"], value["d"])


@pytest.mark.usefixtures("large")
def test_the_same_array_twice_is_one_array_there_and_back() -> None:
    array = np.arange(MIB)
    first, second = echo([array, array]).result(WAIT)
    assert first is second
    assert same(first, array)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("text", [10, 40 * KIB, 70 * KIB])
@pytest.mark.parametrize("size", [64 * KIB, 2 * MIB])
def test_a_long_body_and_an_array(text: int, size: int) -> None:
    array = np.arange(size, dtype=np.uint8)
    words, back = echo(("x" * text, array)).result(WAIT)
    assert words == "x" * text
    assert same(back, array)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_plain_bytes(kind: type) -> None:
    value = kind(os.urandom(10 * MIB))
    back = echo(value).result(WAIT)
    assert type(back) is kind
    assert back == value


@pytest.mark.usefixtures("large")
def test_a_later_change_of_an_argument_is_not_seen(tmp_path: pathlib.Path) -> None:
    @python_app
    def after(gate: str, value: Any) -> int:
        import os
        import time

        while not os.path.exists(gate):
            time.sleep(0.01)
        return int(value[0])

    array = np.ones(MIB)
    futures = [after(str(tmp_path / "gate"), array) for _ in range(4)]
    array[:] = 5
    (tmp_path / "gate").touch()
    assert [future.result(WAIT) for future in futures] == [1] * 4


@pytest.mark.usefixtures("large")
def test_a_result_is_handed_on_to_the_next_task() -> None:
    future = echo(np.ones(2 * MIB, np.uint8))
    for _ in range(3):
        future = doubled(future)
    assert same(future.result(WAIT), np.full(2 * MIB, 8, np.uint8))


@pytest.mark.usefixtures("large")
def test_many_calls_queued_at_once() -> None:
    arrays = [np.full(128 * KIB, n, np.uint8) for n in range(50)]
    futures = [total(arrays[n % 50]) for n in range(500)]
    assert [future.result(WAIT) for future in futures] == [2 * (n % 50) for n in range(500)]


@pytest.mark.faults
def test_a_large_argument_goes_to_the_next_worker_when_one_was_killed(
    large: DataFlowKernel, tmp_path: pathlib.Path
) -> None:
    def dies(mark: str, times: int, value: Any) -> Any:
        import os
        import signal

        value[:] = value + 1  # the next worker must not see this
        with open(mark, "a", encoding="ascii") as file:
            file.write("x")
        if os.path.getsize(mark) <= times:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    array = np.arange(3 * MIB, dtype=np.int64)
    transport = large.executors["htex"].description.transport
    with DataFlowKernel(config("runs", transport=transport)) as own:  # its workers are started again in the test
        app = python_app(dies, data_flow_kernel=own)
        assert same(app(str(tmp_path / "one"), 1, array).result(WAIT), array + 1)
        assert sum(own.summary().retries.values()) == 1
        with pytest.raises(WorkerLost) as caught:
            app(str(tmp_path / "two"), 2, array).result(WAIT)
        assert caught.value.exitcode == -signal.SIGKILL


def test_who_passes_large_values_on_does_not_grow(large: DataFlowKernel) -> None:
    @python_app
    def manager() -> int:
        import os

        return os.getppid()

    own = psutil.Process(manager().result(WAIT))
    children = psutil.Process().children(recursive=True)
    (interchange,) = [child for child in children if "high_throughput.interchange" in " ".join(child.cmdline())]
    assert own in children
    value = np.ones(4 * MIB, np.uint8)

    def pass_through(times: int) -> list[int]:
        for _ in range(times):
            for future in [echo(value) for _ in range(4)]:
                future.result(WAIT)
        echo(1).result(WAIT)
        return [process.memory_info().rss for process in (own, interchange)]

    before = pass_through(3)
    descriptors = [process.num_fds() for process in (own, interchange)]
    after = pass_through(12)
    assert all(late - early < 32 * MIB for early, late in zip(before, after, strict=True))  # of 384 MiB that passed
    assert all(process.num_fds() <= count + 8 for process, count in zip((own, interchange), descriptors, strict=True))


PROGRAM = """
import ctypes, os, resource, sys, threading
for capability in (21, 24):  # who may administrate the system may have any number of descriptors on their way
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
if os.environ.get("AGAIN") is None:
    os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, AGAIN="1"))
limit, count, size, transport = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
import numpy as np
import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.providers import LocalProvider

def echo(value):
    return value

def first(value):
    return int(value[0])

most, done = [0], threading.Event()
def look():
    while not done.wait(0.002):
        most.append(len(os.listdir("/proc/self/fd")))

executor = HighThroughputExecutor(label="htex", max_workers_per_node=2, cores_per_worker=0.1,
    provider=LocalProvider(), transport=None if transport == "auto" else transport)
with parsl_like.load(Config(executors=[executor], run_dir="runs")) as kernel:
    watch = threading.Thread(target=look)
    watch.start()
    app = python_app(globals()[sys.argv[5]])
    arrays = [np.full(size, n, np.uint8) for n in range(20)]
    futures = [app(arrays[n % 20]) for n in range(count)]  # most of them before any worker is there
    kept = [future.result(100) for future in futures]
    done.set()
    watch.join()
    for n, value in enumerate(kept):
        assert (value == n % 20) if sys.argv[5] == "first" else (value == arrays[n % 20]).all(), n
    print(max(most), kernel.summary().losses)
"""


@pytest.mark.parametrize(
    ("limit", "count", "size", "transport", "app"),
    [
        pytest.param(256, 2000, 128 * KIB, "auto", "first", id="2000 queued"),
        pytest.param(256, 300, MIB, "auto", "echo", id="300 kept"),
        pytest.param(256, 300, 128 * KIB, "tcp", "first", id="tcp queued"),
        pytest.param(256, 150, MIB, "tcp", "echo", id="tcp kept"),
        pytest.param(1024, 2000, 128 * KIB, "auto", "first", marks=pytest.mark.slow, id="usual limit"),
        pytest.param(1024, 1500, MIB, "auto", "echo", marks=pytest.mark.slow, id="usual limit, kept"),
    ],
)
def test_a_driver_with_few_descriptors(
    tmp_path: pathlib.Path, limit: int, count: int, size: int, transport: str, app: str
) -> None:
    """Its block can still be started, nothing is lost, and some descriptors are left to the program."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="ascii")
    command = [sys.executable, str(program), *map(str, (limit, count, size)), transport, app]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    most, losses = map(int, done.stdout.split())
    assert most <= limit * 7 / 8
    assert losses == 0
