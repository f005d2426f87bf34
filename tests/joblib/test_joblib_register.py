"""Which kernel the backend of joblib uses, and what it says where there is none, or no joblib."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parsl_like.config import Config
from parsl_like.dataflow.loader import DataFlowKernelLoader
from parsl_like.errors import NoDataFlowKernelError, OptionalModuleMissing
from parsl_like.joblib import register

joblib: Any = pytest.importorskip("joblib")
ROOT = Path(__file__).resolve().parents[2]


def double(n: int) -> int:
    return 2 * n


def test_a_backend_follows_the_kernel_that_is_loaded(tmp_path: Path) -> None:
    register()
    with joblib.parallel_config(backend="parsl_like"):
        for count in (1, 2):
            with DataFlowKernelLoader.load(Config(run_dir=str(tmp_path))) as kernel:
                joblib.Parallel(n_jobs=2, batch_size=1)(joblib.delayed(double)(n) for n in range(count))
                assert kernel.task_count == count


def test_without_a_kernel_the_error_says_what_to_do() -> None:
    register()
    DataFlowKernelLoader.clear()
    with joblib.parallel_config(backend="parsl_like"), pytest.raises(NoDataFlowKernelError, match="call load"):
        joblib.Parallel(n_jobs=2)(joblib.delayed(double)(n) for n in range(3))


def test_it_may_have_another_name() -> None:
    register("mine")
    with joblib.parallel_config(backend="mine"), pytest.raises(NoDataFlowKernelError):
        joblib.effective_n_jobs(-1)


def test_without_joblib_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(OptionalModuleMissing, match="joblib"):
        register()


def test_nothing_else_needs_joblib() -> None:
    program = "import sys; sys.modules['joblib'] = None; import parsl_like.joblib, parsl_like.concurrent"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
