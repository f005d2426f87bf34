"""A few lines for people: in the log, and on standard error unless the log goes there anyway."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from parsl_like.dataflow.telling import tell

TEXT = "parsl_like: first\n  a\n  b\n  more\n"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("telling")
    made.propagate = False
    yield made
    made.handlers.clear()
    made.setLevel(logging.NOTSET)


def handler(stream: io.StringIO, level: int = logging.NOTSET) -> logging.Handler:
    made = logging.StreamHandler(stream)
    made.setLevel(level)
    return made


def test_a_log_in_a_file_and_standard_error(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    logger.addHandler(handler(file))
    tell(logger, "first", ["a", "b"], "more")
    assert capsys.readouterr().err == TEXT
    assert file.getvalue() == "first\na\nb\n"


def test_for_the_log_only(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    logger.addHandler(handler(file))
    tell(logger, "first", ["a"], "more", aloud=False)
    assert (capsys.readouterr().err, file.getvalue()) == ("", "first\na\n")


def test_a_log_that_is_on_standard_error_already(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logger.addHandler(handler(sys.stderr))  # type: ignore[arg-type]
    tell(logger, "first", ["a", "b"], "more")
    assert capsys.readouterr().err == "first\na\nb\n"


def test_a_log_on_standard_error_of_errors_only(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logger.addHandler(handler(sys.stderr, logging.ERROR))  # type: ignore[arg-type]
    tell(logger, "first", ["a", "b"], "more")
    assert capsys.readouterr().err == TEXT


def test_without_any_log_the_library_of_logs_says_it(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = io.StringIO()
    logger.handlers.clear()  # pytest has put its own on it
    monkeypatch.setattr(logging, "lastResort", handler(last))
    tell(logger, "first", ["a"])
    assert (capsys.readouterr().err, last.getvalue()) == ("", "first\na\n")


def test_a_program_that_silences_the_log(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logger.setLevel(logging.CRITICAL)
    tell(logger, "first", ["a", "b"], "more")
    assert capsys.readouterr().err == TEXT


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_program_without_standard_error(
    logger: logging.Logger, stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stream is not None:
        stream.close()
    file = io.StringIO()
    logger.addHandler(handler(file))
    monkeypatch.setattr(sys, "stderr", stream)
    tell(logger, "first")
    assert file.getvalue() == "first\n"
