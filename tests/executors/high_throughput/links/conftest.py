"""Every test here gives back each descriptor that it was passed."""

from __future__ import annotations

import gc
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from zmq.utils.garbage import gc as lender

from parsl_like.executors.high_throughput.places import socket_directory


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def every_descriptor_is_given_back(nothing_left_behind: None) -> Iterator[None]:
    lender.stop()  # pyzmq's thread, with descriptors of its own, if a test elsewhere has sent a large part
    before = open_files()
    yield
    assert open_files() == before, os.listdir("/proc/self/fd")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def url(stack: ExitStack) -> str:
    """Where a listener can be."""
    directory = socket_directory()
    stack.callback(shutil.rmtree, directory)
    return f"ipc://{directory}/door"


@contextmanager
def _scarce_descriptors(spare: int = 0) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as filled:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + spare, before[1]))
        filled.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        taken = []
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass
        for _ in range(spare):
            os.close(taken.pop())
        for descriptor in taken:
            filled.callback(os.close, descriptor)
        yield


@pytest.fixture
def scarce_descriptors() -> Callable[..., AbstractContextManager[None]]:
    """Inside, this process can open only so many files more, none if not said otherwise."""
    return _scarce_descriptors
