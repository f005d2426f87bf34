from __future__ import annotations

import logging
import os
import pickle
import re
from typing import TYPE_CHECKING

import pytest

from parsl_like.logconfigs import file as file_module
from parsl_like.logconfigs.base import LogConfig
from parsl_like.logconfigs.file import DEFAULT_FORMAT, FileLogging
from parsl_like.logconfigs.noop import NoopLogging

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger("parsl_like.some_part")


def test_lines_have_the_documented_form(tmp_path: Path) -> None:
    detach = FileLogging().initialize_logging(log_dir=str(tmp_path / "new"), log_name="parsl_like")
    LOGGER.info("said %s", "this")
    detach()
    (line,) = (tmp_path / "new" / "parsl_like.log").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(
        r"\d+\.\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ MainProcess-\d+ MainThread-\d+ "
        r"parsl_like\.some_part:\d+ test_lines_have_the_documented_form INFO: said this",
        line,
    )


def test_no_character_stops_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What pytest captures of the log has to be sent on, which half of a surrogate pair cannot.
    monkeypatch.setattr(logging.getLogger("parsl_like"), "propagate", False)
    detach = FileLogging(format_string="%(message)s").initialize_logging(log_dir=str(tmp_path), log_name="parsl_like")
    LOGGER.info("said %s", "é\udcff")
    detach()
    assert (tmp_path / "parsl_like.log").read_text(encoding="utf-8") == "said é\\udcff\n"


def test_the_default_level_is_info_and_the_format_parsls() -> None:
    assert FileLogging() == FileLogging(format_string=DEFAULT_FORMAT, level=logging.INFO)


def test_debug_is_written_when_asked_for(tmp_path: Path) -> None:
    detach = FileLogging(level=logging.DEBUG, format_string="%(message)s").initialize_logging(
        log_dir=str(tmp_path), log_name="parsl_like"
    )
    LOGGER.debug("detail")
    detach()
    LOGGER.info("after the end")
    assert (tmp_path / "parsl_like.log").read_text() == "detail\n"


def test_parsls_name_is_a_link_beside_it(tmp_path: Path) -> None:
    detach = FileLogging().initialize_logging(log_dir=str(tmp_path), log_name="parsl_like")
    LOGGER.info("said")
    detach()
    assert os.readlink(tmp_path / "parsl.log") == "parsl_like.log"
    assert "said" in (tmp_path / "parsl.log").read_text()


def test_other_logs_have_no_link(tmp_path: Path) -> None:
    FileLogging().initialize_logging(log_dir=str(tmp_path), log_name="other")()
    assert os.listdir(tmp_path) == []


def test_a_file_of_parsls_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "parsl.log").write_text("mine")
    FileLogging().initialize_logging(log_dir=str(tmp_path), log_name="parsl_like")()
    assert (tmp_path / "parsl.log").read_text() == "mine"


def test_where_links_are_not_possible_there_is_only_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(file_module.os, "symlink", refuse)
    detach = FileLogging().initialize_logging(log_dir=str(tmp_path), log_name="parsl_like")
    LOGGER.info("said")
    detach()
    assert os.listdir(tmp_path) == ["parsl_like.log"]


def test_two_runs_may_log_at_once(tmp_path: Path) -> None:
    one = FileLogging(format_string="%(message)s").initialize_logging(
        log_dir=str(tmp_path / "1"), log_name="parsl_like"
    )
    LOGGER.info("a")
    two = FileLogging(format_string="%(message)s").initialize_logging(
        log_dir=str(tmp_path / "2"), log_name="parsl_like"
    )
    LOGGER.info("b")
    one()
    LOGGER.info("c")
    two()
    assert (tmp_path / "1" / "parsl_like.log").read_text() == "a\nb\n"
    assert (tmp_path / "2" / "parsl_like.log").read_text() == "b\nc\n"


def test_a_way_to_log_is_a_value() -> None:
    asked = FileLogging(level=logging.DEBUG)
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert eval(repr(asked)) == asked
    assert asked.sealed() == asked


def test_nothing_is_logged_without_a_log(tmp_path: Path) -> None:
    before = logging.getLogger("parsl_like").level
    detach = NoopLogging().initialize_logging(log_dir=str(tmp_path / "none"), log_name="parsl_like")
    assert logging.getLogger("parsl_like").level == before
    detach()
    assert os.listdir(tmp_path) == []


def test_the_base_does_not_say_how_to_log() -> None:
    with pytest.raises(NotImplementedError, match="LogConfig"):
        LogConfig().initialize_logging(log_dir=".", log_name="x")
