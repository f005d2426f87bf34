from __future__ import annotations

import io
import logging
import os
from typing import TYPE_CHECKING

from parsl_like.logconfigs.streams import set_file_logger, set_stream_logger

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LOGGER = logging.getLogger("parsl_like.some_part")


def test_a_stream_gets_everything_until_it_is_detached() -> None:
    stream = io.StringIO()
    detach = set_stream_logger(stream=stream)
    LOGGER.debug("detail")
    detach()
    LOGGER.error("later")
    assert "parsl_like.some_part:" in stream.getvalue()
    assert "[DEBUG]  detail" in stream.getvalue()
    assert "later" not in stream.getvalue()
    assert not stream.closed


def test_without_a_stream_it_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    detach = set_stream_logger("parsl", logging.WARNING, "%(levelname)s %(message)s")
    LOGGER.info("quiet")
    LOGGER.warning("loud")
    detach()
    assert capsys.readouterr().err == "WARNING loud\n"


def test_a_file_is_opened_by_the_first_line_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for message in ("one", "two"):
        detach = set_file_logger(path, "parsl", logging.INFO, "%(message)s")
        LOGGER.debug("detail")
        assert path.exists() == (message == "two")
        LOGGER.info(message)
        detach()
    assert path.read_text() == "one\ntwo\n"


def test_a_file_has_the_format_and_level_of_the_api_by_default(tmp_path: Path) -> None:
    detach = set_file_logger(str(tmp_path / "log"))
    LOGGER.debug("detail")
    detach()
    assert f"-{os.getpid()} MainThread-" in (tmp_path / "log").read_text()
    assert (tmp_path / "log").read_text().endswith("DEBUG: detail\n")


def test_another_programs_logger_may_be_named(tmp_path: Path) -> None:
    detach = set_file_logger(str(tmp_path / "log"), name="a_program", format_string="%(message)s")
    logging.getLogger("a_program").info("its own")
    LOGGER.info("not its own")
    detach()
    assert (tmp_path / "log").read_text() == "its own\n"
