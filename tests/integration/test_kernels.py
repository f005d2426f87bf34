"""Kernels: loading, several at once, one configuration twice, retries, exit modes, run directories, back-pressure."""

from __future__ import annotations

import json
import os
import pathlib
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import DataFlowKernel, python_app
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.config import Config

    MakeConfig = Callable[..., Config]

WAIT = 60


@python_app
def double(x: Any) -> Any:
    return 2 * x


@python_app
def waits_for(path: str) -> str:
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.01)
    return path


@python_app
def fails_until(path: str, times: int) -> int:
    """Fails that often; what it has done before is in a file."""
    with open(path, "a+", encoding="utf-8") as file:
        file.seek(0)
        done = len(file.read())
        file.write("x")
    if done < times:
        raise OSError(f"try {done}")
    return done


def test_no_kernel_is_an_error() -> None:
    with pytest.raises(NoDataFlowKernelError, match="Must first load config"):
        double(1)
    with pytest.raises(NoDataFlowKernelError):
        parsl_like.dfk()


def test_load_use_clear_and_load_again(make_config: MakeConfig) -> None:
    config = make_config("runs")
    for _ in range(2):
        kernel = parsl_like.load(config)
        assert parsl_like.dfk() is kernel
        with pytest.raises(ConfigurationError, match="already been loaded"):
            parsl_like.load(config)
        assert double(4).result(WAIT) == 8
        parsl_like.clear()
        with pytest.raises(NoDataFlowKernelError):
            double(1)


def test_one_config_in_two_kernels_at_once(make_config: MakeConfig) -> None:
    config = make_config("runs")
    with DataFlowKernel(config) as first, DataFlowKernel(config) as second:
        assert first.run_dir != second.run_dir
        apps = [python_app(lambda x: x + 1, data_flow_kernel=kernel) for kernel in (first, second)]
        futures = [app(i) for i in range(20) for app in apps]
        assert [f.result(WAIT) for f in futures] == [i + 1 for i in range(20) for _ in apps]
        crossed = apps[0](apps[1](1))
        assert crossed.result(WAIT) == 3


def test_load_without_config_is_two_threads() -> None:
    with parsl_like.load() as kernel:
        assert double(2).result(WAIT) == 4
        assert "threads" in kernel.executors


def test_an_unknown_strategy_is_refused_by_name(make_htex: MakeConfig, tmp_path: pathlib.Path) -> None:
    config = make_htex(str(tmp_path))
    config.strategy = "htex_autoscale"
    with pytest.raises(ConfigurationError, match="htex_auto_scale"):
        parsl_like.load(config)
    assert parsl_like.load() is parsl_like.dfk()
    parsl_like.clear()


def test_load_auto() -> None:
    with parsl_like.load("auto") as kernel:
        assert double(2).result(WAIT) == 4
        assert "auto" in kernel.executors


def test_submit_after_cleanup_and_second_cleanup(make_config: MakeConfig) -> None:
    kernel = DataFlowKernel(make_config("runs"))
    app = python_app(len, data_flow_kernel=kernel)
    assert app("abc").result(WAIT) == 3
    kernel.cleanup()
    kernel.cleanup()
    with pytest.raises(NoDataFlowKernelError):
        app("abc")


def test_cleanup_ends_every_future(make_config: MakeConfig, tmp_path: pathlib.Path) -> None:
    kernel = DataFlowKernel(make_config("runs"))
    app = python_app(waits_for.func, data_flow_kernel=kernel)
    gate = str(tmp_path / "gate")
    futures = [app(gate) for _ in range(10)]
    futures.append(app(futures[0]))
    threading.Timer(0.3, lambda: pathlib.Path(gate).touch()).start()
    kernel.cleanup()
    assert all(f.done() for f in futures)


@pytest.mark.parametrize("mode", ["cleanup", "wait", "skip"])
def test_exit_modes(mode: str, tmp_path: pathlib.Path) -> None:
    from parsl_like.config import Config

    gate = str(tmp_path / "gate")
    with parsl_like.load(Config(exit_mode=mode, run_dir="runs")) as kernel:
        future = waits_for(gate)
        behind = double(future)
        session: Any = kernel.executors["threads"]
        while not session.unstoppable():  # it has begun, so it comes to its end
            time.sleep(0.01)
        threading.Timer(0.2, lambda: pathlib.Path(gate).touch()).start()
    if mode == "skip":
        assert behind.result(WAIT) == 2 * gate
        assert parsl_like.dfk() is kernel
        parsl_like.clear()
    assert future.result(0) == gate
    assert behind.done()
    assert behind.cancelled() == (mode == "cleanup")
    assert kernel.cleanup_called


def test_retries(make_config: MakeConfig, tmp_path: pathlib.Path) -> None:
    with parsl_like.load(make_config("runs", retries=2)) as kernel:
        assert fails_until(str(tmp_path / "a"), 2).result(WAIT) == 2
        with pytest.raises(OSError, match="try 2"):
            fails_until(str(tmp_path / "b"), 9).result(WAIT)
        assert fails_until.options(retries=4)(str(tmp_path / "c"), 4).result(WAIT) == 4
        assert kernel.summary().retries == {"fails_until": 8}


def test_retry_handler_sets_the_cost(tmp_path: pathlib.Path) -> None:
    from parsl_like.config import Config

    seen = []

    def handler(error: BaseException, task: Any) -> float:
        seen.append((type(error), task["fail_count"], task["func_name"], task["args"][1]))
        return 0.5

    with parsl_like.load(Config(retries=1, retry_handler=handler, run_dir="runs")):
        future = fails_until(str(tmp_path / "a"), 9)
        with pytest.raises(OSError, match="try 2"):
            future.result(WAIT)
    assert seen == [(OSError, i, "fails_until", 9) for i in range(1, 4)]


def test_retry_handler_that_raises_ends_the_task(tmp_path: pathlib.Path) -> None:
    from parsl_like.config import Config

    def handler(_error: BaseException, _task: Any) -> float:
        raise LookupError("handler is broken")

    with parsl_like.load(Config(retries=5, retry_handler=handler, run_dir="runs")):
        with pytest.raises(LookupError, match="handler is broken"):
            fails_until(str(tmp_path / "a"), 9).result(WAIT)
        assert double(1).result(WAIT) == 2


def test_run_directory(make_config: MakeConfig) -> None:
    with parsl_like.load(make_config("runs")) as kernel:
        double(1).result(WAIT)
        run_dir = pathlib.Path(kernel.run_dir)
        assert run_dir.name == "000"
        assert (run_dir.parent / "latest").resolve() == run_dir.resolve()
    facts = json.loads((run_dir / "run.json").read_text())
    assert facts["run_id"] == kernel.run_id
    assert (run_dir / "parsl_like.log").exists()
    assert (run_dir / "parsl.log").resolve() == (run_dir / "parsl_like.log").resolve()
    records = [json.loads(line) for line in (run_dir / "records.jsonl").read_text().splitlines()]
    states = [fields["state"] for kind, _time, _task, fields in records[1:] if kind == "state"]
    assert "launched" in states
    assert "exec_done" in states


def test_failed_try_is_in_the_log_with_its_traceback(tmp_path: pathlib.Path) -> None:
    from parsl_like.config import Config

    with parsl_like.load(Config(retries=1, run_dir="runs")) as kernel:
        assert fails_until(str(tmp_path / "a"), 1).result(WAIT) == 1
        with pytest.raises(OSError, match="try"):
            fails_until(str(tmp_path / "b"), 9).result(WAIT)
    log = (pathlib.Path(kernel.run_dir) / "parsl_like.log").read_text()
    assert re.search(r"task \d+ \(fails_until\) will be tried again after try 0", log)
    assert re.search(r"task \d+ \(fails_until\) failed after try 1", log)
    assert 'raise OSError(f"try {done}")' in log


def test_garbage_collection_of_tasks(make_config: MakeConfig) -> None:
    with parsl_like.load(make_config("runs")) as kernel:
        [f.result(WAIT) for f in [double(i) for i in range(10)]]
        kernel.wait_for_current_tasks()
        assert kernel.tasks == {}
    with parsl_like.load(make_config("runs", garbage_collect=False)) as kernel:
        [f.result(WAIT) for f in [double(i) for i in range(10)]]
        assert sorted(kernel.tasks) == list(range(10))
        assert {t["status"].name for t in kernel.tasks.values()} == {"exec_done"}


def test_wait_for_current_tasks(make_config: MakeConfig, tmp_path: pathlib.Path) -> None:
    gate = str(tmp_path / "gate")
    with parsl_like.load(make_config("runs")):
        futures = [waits_for(gate), *[double(i) for i in range(50)]]
        threading.Timer(0.2, lambda: pathlib.Path(gate).touch()).start()
        parsl_like.wait_for_current_tasks()
        assert all(f.done() for f in futures)


def test_back_pressure_makes_the_caller_wait(tmp_path: pathlib.Path) -> None:
    from parsl_like.config import Config

    gate = str(tmp_path / "gate")
    with parsl_like.load(Config(max_outstanding_tasks=5, run_dir="runs")) as kernel:
        first = [waits_for(gate) for _ in range(5)]
        late: list[Any] = []
        caller = threading.Thread(target=lambda: late.append(double(1)))
        caller.start()
        caller.join(0.3)
        assert not late
        # A callback is never made to wait: it runs on a thread that the others need.
        first[0].add_done_callback(lambda _f: late.append(double(2)))
        pathlib.Path(gate).touch()
        caller.join(WAIT)
        assert kernel.submission.outstanding <= 7
        parsl_like.wait_for_current_tasks()
        assert sorted(f.result(WAIT) for f in late) == [2, 4]


@pytest.mark.parametrize(
    ("given", "named"),
    [({"sites": []}, "type dict"), (3, "type int"), (parsl_like.Config, "the class Config itself")],
)
def test_what_is_no_config_is_refused_by_name(given: Any, named: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigurationError, match=f"A Config is expected; given was .*{named}"):
        parsl_like.load(given)
    assert not (tmp_path / "runinfo").exists()
    with pytest.raises(NoDataFlowKernelError):
        parsl_like.dfk()


def test_executors_added_while_running(make_config: MakeConfig) -> None:
    from parsl_like.executors import ThreadPoolExecutor

    with parsl_like.load(make_config("runs")) as kernel:
        kernel.add_executors([ThreadPoolExecutor(label="more")])
        assert double.options(executors=["more"])(3).result(WAIT) == 6


def test_dfk_submit_below_the_decorators(make_config: MakeConfig) -> None:
    with parsl_like.load(make_config("runs")) as kernel:
        future = kernel.submit(pow, [2, 5], "all", False, None, {}, False)
        assert future.result(WAIT) == 32


def test_forked_child_that_exits_harms_nothing(make_config: MakeConfig) -> None:
    import subprocess
    import sys

    program = (
        "import os, sys, warnings, parsl_like\n"
        "from tests.integration.conftest import CONFIGS\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "with parsl_like.load(CONFIGS[sys.argv[1]]('runs')):\n"
        "    double = parsl_like.python_app(lambda x: 2 * x)\n"
        "    print(double(1).result(60), flush=True)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        sys.exit()\n"
        "    print(os.waitpid(child, 0)[1])\n"
        "    print(double(2).result(60))\n"
    )
    name = "htex" if make_config.__name__ == "htex_config" else "threads"
    done = subprocess.run(
        [sys.executable, "-c", program, name], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout.split() == ["2", "0", "4"], done.stderr


def test_program_that_just_ends_leaves_nothing(make_htex: MakeConfig, tmp_path: pathlib.Path) -> None:
    import subprocess
    import sys

    program = tmp_path / "program.py"
    program.write_text(
        "import sys, parsl_like\n"
        f"sys.path.insert(0, {str(pathlib.Path(__file__).parents[2])!r})\n"
        "from parsl_like import Config, HighThroughputExecutor, python_app\n"
        "from parsl_like.providers import LocalProvider\n"
        "parsl_like.load(Config(executors=[HighThroughputExecutor(max_workers_per_node=1, cores_per_worker=0.1,"
        " provider=LocalProvider())]))\n"
        "@python_app\n"
        "def pid():\n"
        "    import os\n"
        "    return os.getpid()\n"
        "print(pid().result(60))\n"
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=90, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
