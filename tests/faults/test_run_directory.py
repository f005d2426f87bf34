"""Run directories that cannot be, disks that fill up or hang, files that somebody removes."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.errors import BadStateException, ConfigurationError
from parsl_like.executors import ThreadPoolExecutor
from parsl_like.logconfigs.file import FileLogging
from parsl_like.monitoring.sinks.jsonl import FILE_NAME
from parsl_like.providers import LocalProvider
from parsl_like.providers.local_session import LocalJob
from tests.faults import processes
from tests.faults.conftest import local_config
from tests.faults.disks import Disks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def add(x: int, y: int) -> int:
    return x + y


@pytest.fixture(autouse=True)
def end() -> Iterator[None]:
    """Ends the kernel of a test that has failed before it could."""
    yield
    parsl_like.clear()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Disks]:
    """Mounts disks in memory, which takes root."""
    disks = Disks(tmp_path)
    yield disks
    parsl_like.clear()
    disks.close()


# --- no run directory at all


def a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("in the way")
    return tmp_path / "file"


IMPOSSIBLE: dict[str, Callable[[Path], Any]] = {
    "a file": a_file,
    "below a file": lambda tmp_path: a_file(tmp_path) / "runinfo",
    "a device": lambda tmp_path: "/dev/null",
    "a name too long": lambda tmp_path: tmp_path / ("n" * 300),
    "a path too long": lambda tmp_path: tmp_path.joinpath(*["n" * 200] * 30),
    "a NUL character": lambda tmp_path: f"{tmp_path}/a\0b",
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
@pytest.mark.fault(
    "disk", "run_dir is a file, or a name that cannot be", "ConfigurationError at load names it", bound=5
)
def test_impossible_names(what: str, tmp_path: Path, stopwatch: Stopwatch) -> None:
    place = IMPOSSIBLE[what](tmp_path)
    with stopwatch, pytest.raises(ConfigurationError, match="cannot be used for run directories") as caught:
        parsl_like.load(local_config(place))
    assert repr(str(place))[1:100] in str(caught.value)
    assert not processes.of("interchange")


@pytest.mark.fault("disk", "run_dir is on a read-only disk", "ConfigurationError at load names it", bound=5)
def test_read_only(mount: Disks, stopwatch: Stopwatch) -> None:
    disk = mount("1m", "ro")
    with stopwatch, pytest.raises(ConfigurationError, match=r"disk0.*Read-only file system"):
        parsl_like.load(local_config(disk.place / "runinfo"))


@pytest.mark.fault("disk", "run_dir has no space, or very little", "ConfigurationError at load, or tasks run", bound=90)
def test_no_space(mount: Disks, stopwatch: Stopwatch) -> None:
    disk = mount()
    outcomes = []
    for pages in (0, 1, 2, 3, 4, 40):
        disk.fill(leave=pages * 4096)
        with stopwatch:
            try:
                kernel = parsl_like.load(local_config(disk.place / "runinfo"))
            except ConfigurationError as error:
                outcomes.append("refused" if "No space left" in str(error) else str(error))
            else:
                with kernel:
                    assert add(1, 2).result(WAIT) == 3
                outcomes.append("ran")
        disk.free()
        shutil.rmtree(disk.place / "runinfo", ignore_errors=True)
    assert outcomes[0] == "refused"
    assert outcomes[-1] == "ran"
    assert set(outcomes) == {"refused", "ran"}


# --- odd but possible ones

ODD = {
    "newline": "two\nlines",
    "quotes": 'it\'s "quoted"',
    "substitutions": "$(touch found)`touch found`;touch found;${HOME}&",
    "placeholders": "%d {options} %s {0}",
    "not ASCII": "é 漢字",
    "dash": "-rf",
    "long": "/".join(["n" * 200] * 15),
}


@pytest.mark.parametrize("transport", [None, "tcp"])
@pytest.mark.parametrize("what", ODD)
@pytest.mark.fault("disk", "run_dir has quotes, newlines, $(...), or 3000 characters", "tasks run", bound=30)
def test_odd_names(
    what: str,
    transport: Any,
    tmp_path: Path,
    stopwatch: Stopwatch,
) -> None:
    place = tmp_path / ODD[what]
    with stopwatch:
        kernel = parsl_like.load(local_config(place, transport=transport))
        with kernel:
            assert [add(number, 1).result(WAIT) for number in range(3)] == [1, 2, 3]
        parsl_like.clear()
    assert (place / "000" / "run.json").exists()
    assert list((place / "000" / "submit_scripts").glob("*.out"))
    executed = [path for folder in (tmp_path, Path.cwd(), Path(kernel.run_dir)) for path in folder.rglob("found")]
    assert executed == []


@pytest.mark.fault("disk", "run_dir is relative, and the program goes elsewhere", "tasks run, blocks too", bound=30)
def test_relative_then_chdir(tmp_path: Path, stopwatch: Stopwatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "here")
    with stopwatch:
        kernel = parsl_like.load(local_config("runs", blocks=1))
        os.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        with kernel:
            assert add(1, 2).result(WAIT) == 3
            kill_blocks(kernel)
            assert add(2, 2).result(WAIT) == 4
    os.chdir(tmp_path)
    assert (tmp_path / "here" / "runs" / "000" / "run.json").exists()


@pytest.mark.fault(
    "disk", "the current directory was removed before load", "ConfigurationError, or tasks run", bound=30
)
def test_no_current_directory(tmp_path: Path, stopwatch: Stopwatch) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    try:
        with stopwatch:
            with pytest.raises(ConfigurationError, match="cannot be used for run directories"):
                parsl_like.load(local_config("runs"))
            with parsl_like.load(local_config(tmp_path / "runs")):
                assert add(1, 2).result(WAIT) == 3
    finally:
        os.chdir(tmp_path)


def kill_blocks(kernel: DataFlowKernel) -> None:
    import signal

    for facts in kernel.status()["blocks"]["htex"]["blocks"].values():
        parts = LocalJob.parse(facts["job"])
        assert parts is not None
        os.killpg(parts.pid, signal.SIGKILL)


# --- a disk that becomes full


@pytest.mark.fault(
    "disk", "run_dir becomes full during the run", "all results come, the log's gap is told once, memory flat", bound=40
)
def test_becomes_full(
    mount: Disks,
    capfd: pytest.CaptureFixture[str],
    stopwatch: Stopwatch,
) -> None:
    disk = mount("4m")
    kernel = parsl_like.load(local_config(disk.place / "runinfo", workers=2))
    with kernel:
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
        disk.fill()
        with stopwatch:
            futures = [add(number, 1) for number in range(20_000)]
            assert [future.result(WAIT) for future in futures] == list(range(1, 20_001))
            status = kernel.status()
            assert status["records"]["waiting"] <= 60_000
            before = psutil.Process().memory_info().rss
            for _ in range(2):
                futures = [add(number, 1) for number in range(20_000)]
                assert [future.result(WAIT) for future in futures] == list(range(1, 20_001))
            assert psutil.Process().memory_info().rss - before < 60e6
            processes.until(lambda: kernel.status()["records"]["dropped"] or lost_records(kernel), WAIT, "a loss")
            kernel._loop.call(lambda: None)
        disk.free()
        assert add(1, 2).result(WAIT) == 3
    said = capfd.readouterr().err
    assert said.count("cannot be written, lines are dropped") <= 1


def lost_records(kernel: DataFlowKernel) -> int:
    return sum(sink["lost"] for sink in kernel.status()["records"]["sinks"])


@pytest.mark.fault(
    "disk", "run_dir is full when a block is lost", "BadStateException names the disk; none if space returns", bound=60
)
@pytest.mark.parametrize("space", ["comes back", "stays away"])
def test_full_when_a_block_is_lost(space: str, mount: Disks, stopwatch: Stopwatch) -> None:
    disk = mount("2m")
    with parsl_like.load(local_config(disk.place / "runinfo")) as kernel:
        assert add(1, 2).result(WAIT) == 3
        disk.fill()
        with stopwatch:
            kill_blocks(kernel)
            future = add(2, 2)
            processes.until(lambda: "No space left" in kernel.status()["blocks"]["htex"]["trouble"], WAIT, "a refusal")
            if space == "comes back":
                disk.free()
                assert future.result(WAIT) == 4
            else:
                with pytest.raises(BadStateException, match="No space left on device"):
                    future.result(WAIT)


# --- files that somebody removes


@pytest.mark.fault("disk", "the run's logs are deleted during the run", "tasks go on, in new blocks too", bound=60)
def test_logs_are_deleted(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    for pattern in ("*.log", "*.jsonl", "run.json", "htex/*.log", "htex/**/*.log", "htex/*.stderr"):
        for path in Path(run.run_dir).glob(pattern):
            path.unlink()
    with stopwatch:
        assert add(2, 2).result(WAIT) == 4
        kill_blocks(run)
        assert add(3, 3).result(WAIT) == 6
        run.cleanup()
    assert (Path(run.run_dir) / "run.json").exists()


@pytest.mark.fault(
    "disk", "the folders of logs and scripts are removed during the run", "tasks go on, in new blocks too", bound=60
)
def test_folders_are_removed(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    for pattern in ("submit_scripts", "htex/block-*"):
        for folder in Path(run.run_dir).glob(pattern):
            shutil.rmtree(folder)
    with stopwatch:
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
        kill_blocks(run)
        assert add(3, 3).result(WAIT) == 6
        run.cleanup()


@pytest.mark.fault(
    "disk", "the whole run directory is removed during the run", "tasks go on; a new block is refused by name", bound=90
)
def test_directory_is_removed(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    assert add(1, 2).result(WAIT) == 3
    shutil.rmtree(run.run_dir)
    with stopwatch:
        assert [add(number, 1).result(WAIT) for number in range(10)] == list(range(1, 11))
        kill_blocks(run)
        with pytest.raises(BadStateException, match="No such file or directory"):
            add(3, 3).result(WAIT)
        run.cleanup()


# --- a disk that hangs: named pipes that nobody reads take the place of files


@dataclass(kw_only=True)
class Hanging(FileLogging):
    """Before the log is opened, puts a named pipe where one of the run's files is to be."""

    name: str = ""

    def initialize_logging(self, *, log_dir: str, log_name: str) -> Callable[[], None]:
        os.mkfifo(os.path.join(log_dir, self.name))
        return super().initialize_logging(log_dir=log_dir, log_name=log_name)


class Reader:
    """Reads a named pipe in the background until its writers have gone."""

    def __init__(self, path: str) -> None:
        self.content = b""
        self._path = path
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with open(self._path, "rb") as pipe:
            self.content = pipe.read()

    def text(self) -> str:
        self._thread.join(WAIT)
        assert not self._thread.is_alive()
        return self.content.decode()


def say_much() -> None:
    """More than a log lets wait."""
    for number in range(5000):
        logging.getLogger("parsl_like.a_plugin").info("%d %s", number, "x" * 1000)


HANGING = {"the log": "parsl_like.log", "the records": FILE_NAME}


@pytest.mark.parametrize("what", HANGING)
@pytest.mark.parametrize("kind", ["processes", "threads"])
@pytest.mark.fault(
    "disk", "the disk hangs under the log, or the records", "results are not held up; the loss is counted", bound=40
)
def test_hangs(what: str, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], stopwatch: Stopwatch) -> None:
    config = local_config(tmp_path / "runinfo", initialize_logging=Hanging(name=HANGING[what], level=10))
    if kind == "threads":
        config.executors = [ThreadPoolExecutor(label="threads", max_threads=2)]
    with stopwatch:
        kernel = parsl_like.load(config)
        say_much()
        futures = [add(number, 1) for number in range(20_000)]
        assert [future.result(WAIT) for future in futures] == list(range(1, 20_001))
        futures = [add(number, 1) for number in range(20_000)]
        assert [future.result(WAIT) for future in futures] == list(range(1, 20_001))
    status = kernel.status()
    if what == "the records":
        assert status["records"]["stalled"]
        assert status["records"]["dropped"] > 0
        assert status["records"]["waiting"] <= 60_000
        kernel.cleanup()
        parsl_like.clear()
        assert "records" in Path(kernel.run_dir, "parsl_like.log").read_text()
    else:
        (log,) = status["logs"]
        assert log["dropped"] > 0
        assert log["waiting"] <= 4_000_000
        kernel.cleanup()
        parsl_like.clear()
        assert capfd.readouterr().err.count("takes no lines; further ones are dropped") == 1
    text = Reader(os.path.join(kernel.run_dir, HANGING[what])).text()
    assert text.splitlines()


@pytest.mark.fault("disk", "the disk hangs under the log for a while", "results go on, the gap is in the log", bound=20)
def test_hangs_for_a_while(tmp_path: Path, stopwatch: Stopwatch) -> None:
    config = local_config(tmp_path / "runinfo", initialize_logging=Hanging(name="parsl_like.log", level=10))
    config.executors = [ThreadPoolExecutor(label="threads", max_threads=2)]
    with parsl_like.load(config) as kernel:
        with stopwatch:
            say_much()
            assert kernel.status()["logs"][0]["dropped"]
            assert [add(number, 1).result(WAIT) for number in range(100)] == list(range(1, 101))
        reader = Reader(os.path.join(kernel.run_dir, "parsl_like.log"))
        processes.until(lambda: not kernel.status()["logs"][0]["waiting"], WAIT, "the log's catching up")
        assert add(1, 2).result(WAIT) == 3
    text = reader.text()
    assert f"run {kernel.run_id} in" in text
    assert "lines are missing here" in text
    assert text.rstrip().endswith(f"logs in {kernel.run_dir}")


@pytest.mark.fault("disk", "the disk hangs while the run is ended", "cleanup returns", bound=30)
def test_cleanup_on_a_disk_that_hangs(tmp_path: Path, stopwatch: Stopwatch) -> None:
    @dataclass(kw_only=True)
    class Both(Hanging):
        def initialize_logging(self, *, log_dir: str, log_name: str) -> Callable[[], None]:
            os.mkfifo(os.path.join(log_dir, FILE_NAME))
            return super().initialize_logging(log_dir=log_dir, log_name=log_name)

    kernel = parsl_like.load(
        local_config(tmp_path / "runinfo", initialize_logging=Both(name="parsl_like.log"), provider=LocalProvider())
    )
    assert add(1, 2).result(WAIT) == 3
    with stopwatch:
        kernel.cleanup()
        parsl_like.clear()
    readers = [Reader(os.path.join(kernel.run_dir, name)) for name in HANGING.values()]
    assert all(reader.text() for reader in readers)
