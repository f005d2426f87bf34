"""Waiting for many sources at once."""

from __future__ import annotations

import math
import os
import select
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from parsl_like.executors.high_throughput.links.waiting import READ, WRITE, Waiter

if TYPE_CHECKING:
    from contextlib import ExitStack


class Pipe:
    def __init__(self, stack: ExitStack) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        for end in (self.reading, self.writing):
            stack.callback(os.close, end)

    def fill(self) -> None:
        os.write(self.writing, b"x")


class Asked:
    """A source that has something whenever it says so."""

    def __init__(self) -> None:
        self.has, self.times = False, 0

    def has_more(self) -> bool:
        self.times += 1
        return self.has


@pytest.fixture
def waiter() -> Iterator[Waiter]:
    made = Waiter()
    yield made
    made.close()


@pytest.fixture
def pipe(stack: ExitStack) -> Pipe:
    return Pipe(stack)


def test_the_sources_that_have_something_are_named(waiter: Waiter, pipe: Pipe, stack: ExitStack) -> None:
    silent, other = Pipe(stack), Pipe(stack)
    for one in (pipe, silent, other):
        waiter.add(one.reading, one)
    assert waiter.wait(0) == []
    pipe.fill()
    other.fill()
    assert set(waiter.wait(math.inf)) == {pipe, other}
    assert set(waiter.wait(math.inf)) == {pipe, other}, "as long as they have something"
    os.read(pipe.reading, 10)
    assert waiter.wait(60) == [other]


def test_a_source_of_several_descriptors_is_named_once(waiter: Waiter, pipe: Pipe, stack: ExitStack) -> None:
    second = Pipe(stack)
    for one in (pipe, second):
        waiter.add(one.reading, "both")
        one.fill()
    waiter.again("both")
    assert waiter.wait(0) == ["both"]


def test_time_that_is_over_is_no_time(waiter: Waiter) -> None:
    assert waiter.wait(-5.0) == []
    assert waiter.wait(0.001) == []


def test_infinity_ends_with_the_first_that_has_something(waiter: Waiter, pipe: Pipe) -> None:
    waiter.add(pipe.reading, pipe)
    thread = threading.Timer(0.01, pipe.fill)
    thread.start()
    assert waiter.wait(math.inf) == [pipe]
    thread.join()


def test_what_was_left_is_named_once_more_without_waiting(waiter: Waiter, pipe: Pipe) -> None:
    waiter.add(pipe.reading, pipe)
    waiter.again("left")
    waiter.again("left")
    assert waiter.wait(math.inf) == ["left"]
    assert waiter.wait(0) == []
    waiter.again("left")
    pipe.fill()
    assert waiter.wait(math.inf) == ["left", pipe], "the others are not forgotten meanwhile"


def test_those_who_want_to_be_asked_are_asked_before_it_sleeps(waiter: Waiter) -> None:
    asked = Asked()
    waiter.ask(asked)
    assert waiter.wait(0) == []
    assert asked.times == 1
    asked.has = True
    assert waiter.wait(math.inf) == [asked]
    waiter.again(asked)
    assert waiter.wait(math.inf) == [asked], "once, though it was left and has more"


def test_one_who_is_removed_is_asked_no_more(waiter: Waiter, pipe: Pipe) -> None:
    asked, other = Asked(), Asked()
    waiter.add(pipe.reading, asked)
    waiter.ask(asked)
    waiter.ask(other)
    asked.has = other.has = True
    waiter.remove(pipe.reading)
    assert waiter.wait(0) == [other]
    assert asked.times == 0


def test_a_note_is_told_first_and_may_keep_it_to_itself(waiter: Waiter, pipe: Pipe) -> None:
    masks, loud = [], False

    def note(mask: int) -> bool:
        masks.append(mask)
        return loud

    waiter.add(pipe.reading, pipe, note)
    pipe.fill()
    assert waiter.wait(0) == []
    loud = True
    assert waiter.wait(0) == [pipe]
    assert masks == [READ, READ]


def test_writing_is_watched_only_while_it_is_wanted(waiter: Waiter, pipe: Pipe) -> None:
    masks: list[int] = []
    waiter.add(pipe.writing, pipe, lambda mask: not masks.append(mask))  # type: ignore[func-returns-value]
    assert waiter.wait(0) == []
    waiter.watch_writing(pipe.writing, True)
    assert waiter.wait(math.inf) == [pipe]
    waiter.watch_writing(pipe.writing, False)
    assert waiter.wait(0) == []
    assert masks == [WRITE]


def test_what_is_removed_is_silent_and_can_be_added_again(waiter: Waiter, pipe: Pipe) -> None:
    waiter.add(pipe.reading, pipe)
    pipe.fill()
    waiter.remove(pipe.reading)
    assert waiter.wait(0) == []
    waiter.add(pipe.reading, "other")
    assert waiter.wait(0) == ["other"]


def test_it_can_be_waited_for_itself(waiter: Waiter, pipe: Pipe) -> None:
    waiter.add(pipe.reading, pipe)
    assert select.select([waiter.fileno()], [], [], 0)[0] == []
    pipe.fill()
    assert select.select([waiter.fileno()], [], [], 60)[0] == [waiter.fileno()]


def test_links_may_end_after_the_waiter(pipe: Pipe) -> None:
    waiter = Waiter()
    waiter.add(pipe.reading, pipe)
    waiter.close()
    waiter.watch_writing(pipe.reading, True)
    waiter.remove(pipe.reading)
    os.fstat(pipe.reading)  # still open
