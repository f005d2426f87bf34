"""One call from file to file, by a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.files import File
from parsl_like.errors import SerializationError
from parsl_like.executors.workqueue.exec_parsl_function import (
    MISUSED,
    RAISED,
    located,
    main,
    read_result,
    write_call,
)

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "parsl_like.executors.workqueue.exec_parsl_function"


def run(folder: Path, function: Any, *args: Any, places: Any = None, **kwargs: Any) -> int:
    words = [str(folder / name) for name in ("map", "function", "result")]
    write_call(*words[:2], function, args, kwargs, places=places)
    return subprocess.run([sys.executable, "-m", MODULE, *words], check=False, timeout=60).returncode


@pytest.mark.integration
def test_a_call_returns(tmp_path: Path) -> None:
    assert run(tmp_path, lambda a, *, b: (a, b), 1, b=[2]) == 0
    assert read_result(tmp_path / "result") == (1, [2])


@pytest.mark.integration
def test_what_it_raises_is_the_result(tmp_path: Path) -> None:
    assert run(tmp_path, divmod, 1, 0) == RAISED
    with pytest.raises(ZeroDivisionError):
        read_result(tmp_path / "result")


def test_a_value_that_cannot_be_sent_is_a_failure(tmp_path: Path) -> None:
    words = [str(tmp_path / name) for name in ("map", "function", "result")]
    write_call(*words[:2], lambda: (number for number in ()))
    assert main(words) == RAISED
    with pytest.raises(Exception, match="generator"):
        read_result(words[2])


def test_files_are_where_the_map_says() -> None:
    near, far = File("/data/near.txt"), File("http://host/far.txt")
    places = {"/data/near.txt": "near.txt", "http://host/far.txt": "far.txt"}
    (first, others), options = located(((near, [far, 5]), {"outputs": [near]}), places)
    assert (first.filepath, others[0].filepath, others[1]) == ("near.txt", "far.txt", 5)
    assert options["outputs"][0].filepath == "near.txt"
    assert near.filepath == "/data/near.txt"  # the caller's own is as it was


def test_without_its_files_it_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == MISUSED
    assert "usage" in capsys.readouterr().err
    assert main([str(tmp_path / name) for name in ("a", "b", "c")]) == MISUSED
    assert "No such file" in capsys.readouterr().err
    assert main(["--help"]) == 0


def test_what_cannot_be_sent_is_refused_when_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(SerializationError):
        write_call(tmp_path / "map", tmp_path / "function", len, [sys.stdout])
