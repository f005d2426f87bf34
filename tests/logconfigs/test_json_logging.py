from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from parsl_like.logconfigs.json import JSONLogging

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOGGER = logging.getLogger("parsl_like.some_part")


def logged(place: Path, say: Callable[[], object], level: int = logging.INFO) -> list[dict[str, Any]]:
    detach = JSONLogging(level=level).initialize_logging(log_dir=str(place), log_name="parsl_like")
    say()
    detach()
    return [json.loads(line) for line in (place / "parsl_like.jsonlog").read_text(encoding="utf-8").splitlines()]


def test_a_line_says_what_where_and_which_task(tmp_path: Path) -> None:
    extra = {"task": 3, "block": "b-1", "job": "77", "odd": range(2)}
    (line,) = logged(tmp_path, lambda: LOGGER.warning("lost %s", "it", extra=extra))
    assert {
        "levelname": "WARNING",
        "name": "parsl_like.some_part",
        "msg": "lost %s",
        "formatted": "lost it",
        "task": 3,
        "parsl.task": "3",
        "block": "b-1",
        "job": "77",
        "odd": "range(0, 2)",
    }.items() <= line.items()
    assert {"created", "process", "processName", "thread", "threadName", "lineno", "funcname"} <= line.keys()
    assert (tmp_path / "parsl.jsonlog").read_text(encoding="utf-8") == f"{json.dumps(line)}\n"
    assert "taskName" not in line
    assert "args" not in line


def test_an_exception_is_one_member_of_the_line(tmp_path: Path) -> None:
    def fail() -> None:
        try:
            raise ValueError("bad\nnews")
        except ValueError:
            LOGGER.exception("failed", stack_info=True)

    (line,) = logged(tmp_path, fail)
    assert "ValueError: bad\nnews" in line["traceback"]
    assert "in fail" in line["stack"]


def test_an_extra_cannot_hide_what_the_line_is_about(tmp_path: Path) -> None:
    (line,) = logged(tmp_path, lambda: LOGGER.info("true", extra={"formatted": "false", "funcname": "no"}))
    assert line["formatted"] == "true"
    assert line["funcname"] == "<lambda>"


def test_what_json_cannot_say_is_said_otherwise(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    (line,) = logged(tmp_path, lambda: LOGGER.info("odd", extra={"keys": {(1, 2): 3}, "endless": endless}))
    assert (line["keys"], line["endless"]) == ("{(1, 2): 3}", "[[...]]")


def test_only_what_was_asked_for_is_written(tmp_path: Path) -> None:
    def say() -> None:
        LOGGER.debug("detail")
        LOGGER.info("news")

    assert [line["formatted"] for line in logged(tmp_path / "a", say)] == ["news"]
    assert [line["formatted"] for line in logged(tmp_path / "b", say, logging.DEBUG)] == ["detail", "news"]
