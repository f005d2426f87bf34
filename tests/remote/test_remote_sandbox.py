"""Tasks with a directory of their own."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from parsl_like.app.app import join_app, python_app
from parsl_like.data_provider.files import File
from parsl_like.errors import AppException, ConfigurationError
from parsl_like.remote.bash import BashCommand
from parsl_like.remote.sandbox import Sandboxed, directory


def where(*_args: Any, **_kwargs: Any) -> str:
    Path("litter").write_text("x")
    return os.getcwd()


@pytest.fixture
def started_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "start").mkdir()
    monkeypatch.chdir(tmp_path / "start")
    return tmp_path / "start"


def test_a_function_runs_in_a_new_directory_that_is_removed(started_in: Path, tmp_path: Path) -> None:
    run = Sandboxed(where, str(tmp_path / "boxes"))
    first, second = run(), run()
    assert first != second
    assert os.path.dirname(first) == str(tmp_path / "boxes")
    assert os.listdir(tmp_path / "boxes") == []
    assert os.getcwd() == str(started_in)
    assert os.listdir(started_in) == []
    assert directory() is None


def test_an_error_leaves_no_directory_either(started_in: Path, tmp_path: Path) -> None:
    def fail() -> None:
        where()
        raise KeyError("x")

    with pytest.raises(KeyError):
        Sandboxed(fail, str(tmp_path / "boxes"))()
    assert os.listdir(tmp_path / "boxes") == []
    assert os.getcwd() == str(started_in)


def test_files_are_found_from_there(started_in: Path) -> None:
    (started_in / "in").write_text("text")

    def copy(source: File, inputs: Any = (), outputs: Any = (), stdout: Any = None, text: str = "") -> tuple[str, Any]:
        Path(outputs[0].filepath).write_text(Path(source.filepath).read_text() + Path(inputs[0]).read_text() + text)
        return outputs[0].url, stdout

    fetched = File("http://h/in")
    fetched.local_path = "in"
    run = Sandboxed(copy, None)
    assert run(File("in"), inputs=[fetched], outputs=[File("out")], stdout="log", text="in") == (
        "out",
        str(started_in / "log"),
    )
    assert (started_in / "out").read_text() == "texttextin"
    assert run(File("in"), inputs=[File("in")], outputs=[File("out")], stdout=("log", "w"))[1] == (
        str(started_in / "log"),
        "w",
    )


def test_a_command_on_a_thread_begins_in_its_directory(started_in: Path, tmp_path: Path) -> None:
    command = BashCommand(lambda: "pwd > here; cp here '" + str(tmp_path / "seen") + "'; false || true", "command")
    results: list[Any] = []
    run = Sandboxed(command, str(tmp_path / "boxes"), needs_process=False)
    thread = threading.Thread(target=lambda: results.append(run()))
    thread.start()
    thread.join()
    assert results == [0]
    assert os.path.dirname((tmp_path / "seen").read_text().strip()) == str(tmp_path / "boxes")
    assert os.listdir(started_in) == os.listdir(tmp_path / "boxes") == []


def test_a_function_on_a_thread_is_refused() -> None:
    results: list[Any] = []

    def call() -> None:
        with pytest.raises(AppException, match="runs on a thread beside other tasks") as caught:
            Sandboxed(where, None)()
        results.append(caught.value.hint)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "worker processes" in results[0]


def test_a_place_where_nothing_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AppException, match="no directory can be made for it"):
        Sandboxed(where, str(tmp_path / "file"))()


@pytest.mark.parametrize("wanted", [3, ["x"], b"x"])
def test_what_can_be_no_place_for_sandboxes_is_refused(wanted: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"sandbox is .*; expected True, False, or the directory"):
        python_app(where).options(sandbox=wanted)


def test_a_join_app_has_none() -> None:
    with pytest.raises(ConfigurationError, match="no sandbox for a join app"):
        join_app(where).options(sandbox=True)


def test_an_app_without_one_is_as_it_was() -> None:
    assert python_app(where).options(sandbox=False)._spec.func is where
    assert isinstance(python_app(where).options(sandbox=True)._spec.func, Sandboxed)
