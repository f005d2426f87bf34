"""Every line that a task's code writes in a worker says whose it is."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.ids import attempt_id
from parsl_like.executors.high_throughput.node.cells import IDLE
from parsl_like.executors.high_throughput.node.task_lines import TaskLines, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Page:
    """A file that lines are written to, and the cell that says whose they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cell = [IDLE]
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        self.lines = TaskLines(self.descriptor, self.cell)

    def text(self) -> str:
        self.lines.flush()
        return self.path.read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    made = Page(tmp_path / "log")
    yield made
    made.lines.close()
    os.close(made.descriptor)


def test_names_of_attempts() -> None:
    assert name_of(IDLE) == ""
    assert name_of(attempt_id(5, 0)) == "[task 5] "
    assert name_of(attempt_id(5, 2)) == "[task 5 try 2] "


def test_each_line_is_marked_once(page: Page) -> None:
    page.cell[0] = attempt_id(7, 0)
    print("one", "two", 3, file=page.lines)
    print("first\n\nthird", file=page.lines)
    page.lines.writelines(["a\n", "b\n"])
    assert page.text() == ("[task 7] one two 3\n[task 7] first\n[task 7] \n[task 7] third\n[task 7] a\n[task 7] b\n")


def test_pieces_of_a_line_are_one_line(page: Page) -> None:
    page.cell[0] = attempt_id(7, 0)
    for piece in ("half", "", " and", " half\n", "next"):
        assert page.lines.write(piece) == len(piece)
    assert page.text() == "[task 7] half and half\n[task 7] next"


def test_what_one_task_has_not_ended_is_no_beginning_for_the_next(page: Page) -> None:
    page.cell[0] = attempt_id(1, 0)
    page.lines.write("50 %")
    page.cell[0] = attempt_id(2, 1)
    page.lines.write("ready\n")
    page.cell[0] = IDLE
    page.lines.write("between\n")
    assert page.text() == "[task 1] 50 %\n[task 2 try 1] ready\nbetween\n"


def test_lines_reach_the_file_as_they_end(page: Page) -> None:
    page.cell[0] = attempt_id(1, 0)
    page.lines.write("one\ntwo\n")
    assert page.path.read_text() == "[task 1] one\n[task 1] two\n"


def test_one_that_was_closed_is_made_anew(page: Page) -> None:
    page.cell[0] = attempt_id(1, 0)
    page.lines.close()
    page.lines = page.lines.reopened()
    page.lines.write("still here\n")
    assert page.text() == "[task 1] still here\n"


PROGRAM = """
import sys
from parsl_like.executors.high_throughput.node.task_lines import mark_lines, show_records
cell = [9 << 16]
{before}
mark_lines(cell)
show_records("INFO")
{code}
"""


def written(code: str, before: str = "") -> tuple[str, str]:
    """What a process of its own writes to its two streams."""
    program = PROGRAM.format(code=code, before=before)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def test_the_streams_of_a_process() -> None:
    code = "print('out'); print('err', file=sys.stderr); sys.stdout.write('end'); cell[0] = -1"
    assert written(code) == ("[task 9] out\n[task 9] end", "[task 9] err\n")


@pytest.mark.parametrize("before", ["", "import logging"])
def test_records_are_lines_too(before: str) -> None:
    code = "import logging; logging.getLogger('mine').info('found %d', 3); logging.getLogger('mine').debug('no')"
    out, err = written(code, before)
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("[task 9] 2")
    assert line.endswith(" INFO mine: found 3")


def test_what_a_task_sets_up_itself_is_what_it_gets() -> None:
    code = "import logging; logging.basicConfig(format='own %(message)s', level='DEBUG'); logging.debug('words')"
    assert written(code) == ("", "[task 9] own words\n")


def test_nothing_is_imported_for_it() -> None:
    code = "print('logging' in sys.modules); import json, logging, logging.handlers; print(logging.INFO)"
    assert written(code)[0] == "[task 9] False\n[task 9] 20\n"
