"""Transfers say how far they are and what came of them, and not more often than they should."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.news import listen
from parsl_like.remote.transfers.fetch import fetch, send
from parsl_like.remote.transfers.intask import Bring, Staged, Take
from parsl_like.remote.transfers.progress import Progress
from tests.remote.transfers.conftest import BIG
from tests.remote.transfers.ftp_server import FTPServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parsl_like.remote.transfers.limits import Limits
    from tests.remote.transfers.web_server import WebServer

News = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def heard() -> Iterator[News]:
    """What this thread's transfers have said."""
    found: News = []
    listen(lambda kind, subject, facts: found.append((kind, subject, dict(facts))), threading.current_thread())
    yield found
    listen(None, threading.current_thread())


def test_its_rate_is_bounded_however_fast_bytes_come() -> None:
    now, said = [0.0], []
    progress = Progress("u", "/p", 10.0, lambda: now[0], lambda *news: said.append(news))
    progress.begin(1000)
    for step in range(1000):
        now[0] = step / 20
        progress.add(1)
    assert [(facts["so_far"], facts["of"], facts["seconds"]) for _, _, facts in said] == [
        (201, 1000, 10.0),
        (401, 1000, 20.0),
        (601, 1000, 30.0),
        (801, 1000, 40.0),
    ]
    assert {news[:2] for news in said} == {("transfer", "u")}


def test_short_transfers_say_nothing_on_the_way(web: WebServer, tmp_path: Path, heard: News) -> None:
    fetch(web.url("big"), tmp_path / "big")
    assert heard == []


def test_both_ways_are_told(web: WebServer, tmp_path: Path, heard: News, quick: Limits) -> None:
    often = replace(quick, progress_period=0.0)
    url, path = web.url("big", user="me:hush@"), str(tmp_path / "big")
    fetch(url, path, often)
    far = [facts["so_far"] for _, _, facts in heard]
    assert far == sorted(far)
    assert far[-1] == len(BIG)
    assert {(kind, subject, facts["path"], facts["of"]) for kind, subject, facts in heard} == {
        ("transfer", web.url("big"), path, len(BIG))
    }
    heard.clear()
    send(path, web.url("there"), often)
    assert [facts["so_far"] for _, _, facts in heard][-1] == len(BIG)
    with FTPServer({}) as ftp:
        heard.clear()
        send(path, ftp.url("there"), often)
        assert [facts["so_far"] for _, _, facts in heard][-1] == len(BIG)


def test_a_send_that_is_tried_again_counts_anew(web: WebServer, tmp_path: Path, heard: News, quick: Limits) -> None:
    (tmp_path / "x").write_bytes(BIG)
    moved = send(tmp_path / "x", web.url("flaky/x"), replace(quick, progress_period=0.0))
    assert moved.tries == 2
    assert max(facts["so_far"] for _, _, facts in heard) == len(BIG)
    assert min(facts["so_far"] for _, _, facts in heard[len(heard) // 2 :]) < len(BIG)


def test_transfers_of_a_task_say_what_came_of_them(web: WebServer, tmp_path: Path, heard: News, quick: Limits) -> None:
    path, made = str(tmp_path / "x"), str(tmp_path / "made")
    steps = (Bring(web.url("small"), path, "t", quick), Take(web.url("out"), made, "u", quick))

    def work() -> None:
        with open(path, "rb") as source, open(made, "wb") as target:
            target.write(2 * source.read())

    Staged(work, steps)()
    assert [(subject, facts["path"], facts["bytes"], facts["tries"]) for _, subject, facts in heard] == [
        (web.url("small"), path, 8, 1),
        (web.url("out"), made, 16, 1),
    ]
    heard.clear()
    Staged(work, steps[:1])()
    assert heard == []  # it was there
    with pytest.raises(StagingError):
        Staged(work, (Bring(web.url("none", user="me:hush@"), path, "v", quick),))()
    ((_, subject, facts),) = heard
    assert (subject, facts["path"]) == (web.url("none"), path)
    assert "404" in facts["failed"]
    assert "hush" not in facts["failed"]


def test_calls_of_one_function_share_what_is_sent(tmp_path: Path) -> None:
    def work(x: int) -> int:
        return x

    first, second = (Staged(work, (Bring("http://h/x", f"{tmp_path}/{n}", "t"),)) for n in range(2))
    assert first.apart()[0] is second.apart()[0]
    assert first.apart()[1] != second.apart()[1]
    carrier, _ = first.apart()
    assert carrier(3) == 3


def test_a_function_that_cannot_be_hashed_is_called_all_the_same() -> None:
    class Callable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, x: int) -> int:
            return x

    carrier, own = Staged(Callable(), ()).apart()
    assert carrier(4, **own) == 4
