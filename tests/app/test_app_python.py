from __future__ import annotations

from typing import Any

from parsl_like.app.python import LIMITS_KEPT, PythonApp
from parsl_like.remote.capture import Captured
from parsl_like.remote.timeout import Walltimed


class Kernel:
    """Takes calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []

    def submit_call(self, app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.calls.append((app, args, kwargs))


def double(x: int) -> int:
    return 2 * x


def test_a_call_with_a_walltime_is_limited_where_it_runs() -> None:
    kernel: Any = Kernel()
    app = PythonApp(double, kernel)
    app(1)
    app(2, walltime=3)  # type: ignore[call-arg]
    app(4, walltime=3.0)  # type: ignore[call-arg]
    plain, limited, again = [spec for spec, _, _ in kernel.calls]
    assert plain.func is double
    assert isinstance(limited.func, Walltimed)
    assert (limited.func.walltime, limited.func(2)) == (3.0, 4)
    assert again is limited


def test_a_program_with_a_walltime_of_its_own_for_each_call_does_not_grow_for_ever() -> None:
    kernel: Any = Kernel()
    app = PythonApp(double, kernel)
    for call in range(LIMITS_KEPT + 10):
        app(1, walltime=60 + call)  # type: ignore[call-arg]
    assert len(app._wrapped) <= LIMITS_KEPT
    assert [spec.func.walltime for spec, _, _ in kernel.calls] == [60.0 + call for call in range(LIMITS_KEPT + 10)]


def test_a_join_has_no_limit_of_its_own() -> None:
    kernel: Any = Kernel()
    app = PythonApp(double, kernel, join=True)
    app(1, walltime=3)  # type: ignore[call-arg]
    assert kernel.calls[0][0].func is double


def takes_stdout(x: int, stdout: Any = None) -> Any:
    return stdout


def test_a_call_that_names_a_file_for_its_output_is_caught_where_it_runs() -> None:
    kernel: Any = Kernel()
    app = PythonApp(double, kernel)
    app(1)
    app(1, stdout=None, stderr=None)  # type: ignore[call-arg]
    app(2, stdout="out")  # type: ignore[call-arg]
    app(3, stderr=("err", "w"))  # type: ignore[call-arg]
    app(4, stdout="out", walltime=3)  # type: ignore[call-arg]
    plain, nothing, caught, again, limited = [spec for spec, _, _ in kernel.calls]
    assert plain.func is nothing.func is double
    assert caught is again
    assert isinstance(caught.func, Captured)
    assert (caught.func.func, caught.func.dropped) == (double, ("stdout", "stderr"))
    assert isinstance(limited.func, Captured)
    assert isinstance(limited.func.func, Walltimed)
    assert {"stdout", "stderr"} <= set(plain.undeclared)
    assert not {"stdout", "stderr"} & set(caught.undeclared)
    assert kernel.calls[3][2] == {"stderr": ("err", "w")}


def test_a_function_is_given_the_streams_it_declares() -> None:
    kernel: Any = Kernel()
    app = PythonApp(takes_stdout, kernel)
    app(1, stdout="out", stderr="err")  # type: ignore[call-arg]
    ((spec, _, _),) = kernel.calls
    assert spec.func.dropped == ("stderr",)


def test_the_output_of_a_join_is_caught_too() -> None:
    kernel: Any = Kernel()
    app = PythonApp(double, kernel, join=True)
    app(1, stdout="out", walltime=3)  # type: ignore[call-arg]
    assert isinstance(kernel.calls[0][0].func, Captured)
    assert kernel.calls[0][0].func.func is double
