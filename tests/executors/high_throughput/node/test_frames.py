"""What is written into an anonymous file is what is mapped out of it."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.executors.high_throughput.node import frames as module
from parsl_like.executors.high_throughput.node.frames import ALIGNMENT, anonymous_file, map_frames, write_frames


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.booleans())
def test_frames_come_back(frames: list[bytes], writable: bool) -> None:
    descriptor = write_frames(frames)
    try:
        assert [bytes(frame) for frame in map_frames(descriptor, len(frames), writable=writable)] == frames
    finally:
        os.close(descriptor)


def test_more_frames_than_one_call_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [bytes([n % 251]) * n for n in range(1500)]
    real, calls = os.writev, []

    def short(descriptor: int, parts: list[bytes]) -> int:
        calls.append(len(parts))
        return real(descriptor, [memoryview(b"".join(parts))[:1000]])

    monkeypatch.setattr(os, "writev", short)
    descriptor = write_frames(frames)
    assert [bytes(frame) for frame in map_frames(descriptor, 1500, writable=False)] == frames
    assert max(calls) == 512
    os.close(descriptor)


def test_frames_are_aligned() -> None:
    numpy = pytest.importorskip("numpy")
    descriptor = write_frames([b"x", numpy.arange(10.0), b"yy", numpy.arange(5.0)])
    mapped = map_frames(descriptor, 4, writable=True)
    os.close(descriptor)
    arrays = [numpy.frombuffer(frame) for frame in (mapped[1], mapped[3])]
    assert [array.ctypes.data % ALIGNMENT for array in arrays] == [0, 0]
    assert arrays[1].tolist() == [0, 1, 2, 3, 4]


def test_what_is_written_into_a_mapped_frame_stays_here() -> None:
    descriptor = write_frames([b"before"])
    (mine,) = map_frames(descriptor, 1, writable=True)
    mine[:] = b"after!"
    (other,) = map_frames(descriptor, 1, writable=False)
    os.close(descriptor)
    assert (bytes(mine), bytes(other)) == (b"after!", b"before")
    assert other.readonly


@pytest.mark.parametrize(("content", "count"), [(struct.pack("<Q", 9), 2), (struct.pack("<Q", 10**9), 1)])
def test_a_file_that_is_too_short_is_refused(content: bytes, count: int) -> None:
    descriptor = anonymous_file("test")
    os.write(descriptor, content)
    with pytest.raises(ValueError, match=f"a file of {len(content)} bytes"):
        map_frames(descriptor, count, writable=False)
    os.close(descriptor)


def test_nothing_stays_open_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, parts: list[bytes]) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No space"):
        write_frames([b"x"])
    assert os.listdir("/proc/self/fd") == before


def test_a_kernel_without_anonymous_memory_gives_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module.os, "memfd_create")
    descriptor = write_frames([b"x" * 100])
    assert [bytes(frame) for frame in map_frames(descriptor, 1, writable=True)] == [b"x" * 100]
    assert os.fstat(descriptor).st_nlink == 0
    os.close(descriptor)
