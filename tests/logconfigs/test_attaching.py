from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from parsl_like.logconfigs.attaching import attach, logger_named

if TYPE_CHECKING:
    from collections.abc import Iterator


class Listing(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.heard: list[str] = []
        self.closed = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())

    def close(self) -> None:
        self.closed = True
        super().close()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("parsl_like.a_logger_for_tests")
    yield made
    assert made.handlers == []
    made.setLevel(logging.NOTSET)


def test_a_handler_hears_what_its_level_lets_through(logger: logging.Logger) -> None:
    handler = Listing(logging.INFO)
    detach = attach(logger, handler)
    logger.debug("debug")
    logger.info("info")
    detach()
    logger.warning("later")
    assert handler.heard == ["info"]
    assert handler.closed


def test_each_of_several_hears_at_its_own_level_whatever_the_order_of_leaving(logger: logging.Logger) -> None:
    talkative, quiet = Listing(logging.DEBUG), Listing(logging.ERROR)
    detach_talkative, detach_quiet = attach(logger, talkative), attach(logger, quiet)
    logger.debug("one")
    logger.error("two")
    detach_talkative()
    assert not logger.isEnabledFor(logging.DEBUG)
    logger.error("three")
    detach_quiet()
    assert (talkative.heard, quiet.heard) == (["one", "two"], ["two", "three"])


def test_the_level_is_put_back_after_the_last(logger: logging.Logger) -> None:
    logger.setLevel(logging.CRITICAL)
    first = attach(logger, Listing(logging.INFO))
    second = attach(logger, Listing(logging.DEBUG))
    first()
    assert logger.level == logging.DEBUG
    second()
    assert logger.level == logging.CRITICAL


def test_detaching_twice_does_nothing_more(logger: logging.Logger) -> None:
    one, other = Listing(logging.INFO), Listing(logging.INFO)
    detach, detach_other = attach(logger, one), attach(logger, other)
    detach()
    detach()
    logger.info("heard")
    assert other.heard == ["heard"]
    detach_other()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("parsl", "parsl_like"),
        ("parsl.dataflow", "parsl_like.dataflow"),
        ("parsl_like", "parsl_like"),
        ("parsley", "parsley"),
        ("mine", "mine"),
    ],
)
def test_parsl_is_another_name_for_this_package(name: str, meant: str) -> None:
    assert logger_named(name).name == meant
