"""What counts as a launcher, and what is said of something that does not."""

from __future__ import annotations

import dataclasses
import functools

import pytest

import parsl_like.launchers
from parsl_like.errors import BadLauncher
from parsl_like.launchers import Launcher, SimpleLauncher, SingleNodeLauncher, WrappedLauncher
from parsl_like.launchers.base import check_launcher, wrap_command


class CalledOnly(Launcher):
    """As classes made for Parsl are written."""

    def __init__(self, word: str) -> None:
        super().__init__(debug=False)
        self.word = word

    def __call__(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        return f"{self.word} {tasks_per_node} {nodes_per_block} {command}"


@dataclasses.dataclass
class WrapOnly(Launcher):
    word: str = "w"

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        return f"{self.word} {tasks_per_node} {nodes_per_block} {command}"


@pytest.mark.parametrize(
    ("launcher", "text"),
    [
        (CalledOnly("x"), "x 2 3 run"),
        (WrapOnly(word="y"), "y 2 3 run"),
        (lambda command, tasks, nodes: f"z {tasks} {nodes} {command}", "z 2 3 run"),
        (functools.partial(lambda word, c, t, n: f"{word} {t} {n} {c}", "p"), "p 2 3 run"),
        (SimpleLauncher(), "run"),
        (WrappedLauncher("apptainer exec image.sif"), "apptainer exec image.sif run"),
        (SingleNodeLauncher(), None),
    ],
)
def test_whatever_takes_three_arguments_is_a_launcher(launcher: object, text: str | None) -> None:
    check_launcher(launcher)
    wrapped = wrap_command(launcher, "run", 2, 3)
    assert text is None or wrapped == text


@pytest.mark.parametrize("nothing", [None, "srun", 3, SimpleLauncher, lambda command: command, lambda: ""])
def test_anything_else_is_refused_and_named(nothing: object) -> None:
    with pytest.raises(BadLauncher, match="Bad launcher provided") as caught:
        check_launcher(nothing)
    assert isinstance(caught.value, TypeError)
    assert repr(nothing) in str(caught.value)


def test_a_launcher_that_raises_is_named_with_its_error() -> None:
    def broken(command: str, tasks: int, nodes: int) -> str:
        raise KeyError(command)

    with pytest.raises(BadLauncher, match="it raised KeyError: 'run'") as caught:
        wrap_command(broken, "run", 1, 1)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_launcher_that_gives_no_text_is_refused() -> None:
    with pytest.raises(BadLauncher, match="None in place of shell text"):
        wrap_command(lambda command, tasks, nodes: None, "run", 1, 1)


def test_a_class_with_neither_method_says_so() -> None:
    class Empty(Launcher):
        pass

    with pytest.raises(BadLauncher, match="defines neither wrap nor __call__"):
        wrap_command(Empty(), "run", 1, 1)


def test_a_callable_without_a_signature_is_given_the_benefit_of_the_doubt() -> None:
    check_launcher(min)  # CPython's min does not say what it takes


def test_parsls_signatures() -> None:
    assert SimpleLauncher(False) == SimpleLauncher(debug=False)
    assert SingleNodeLauncher(False, True) == SingleNodeLauncher(debug=False, fail_on_any=True)
    assert WrappedLauncher("x", False) == WrappedLauncher(prepend="x", debug=False)
    assert eval(repr(WrappedLauncher("x y"))) == WrappedLauncher("x y")


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="NoSuchLauncher"):
        _ = parsl_like.launchers.NoSuchLauncher
    assert set(parsl_like.launchers.parsl_like_launcher_types()) == set(parsl_like.launchers.__all__) - {"Launcher"}


def test_old_paths_of_the_error() -> None:
    from parsl_like.launchers.error import BadLauncher as Old
    from parsl_like.launchers.errors import BadLauncher as New

    assert Old is New is BadLauncher


def test_old_path_of_the_module() -> None:
    from parsl_like.launchers import launchers

    for name in parsl_like.launchers.__all__:
        assert getattr(launchers, name) is getattr(parsl_like.launchers, name)
