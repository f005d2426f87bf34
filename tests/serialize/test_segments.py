"""Buffers in shared memory: what is put in comes out, nobody can change it, and nothing of it stays behind."""

from __future__ import annotations

import errno
import fcntl
import gc
import mmap
import os
import resource
import struct
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.serialize import pack, unpack
from parsl_like.serialize.segments import (
    ALIGNMENT,
    MAPPED_FROM,
    Segment,
    anonymous_file,
    buffers_of,
    is_affordable,
    layout,
    received,
    shared_copies,
    split,
)

SMALL, LARGE = 100_000, 2 * MAPPED_FROM
BUFFERS = st.lists(st.binary(max_size=300), min_size=1, max_size=8)
NAME = "parsl_like-segment"


def open_descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def mapped_segments() -> int:
    gc.collect()
    with open("/proc/self/maps", encoding="ascii") as maps:
        return sum(NAME in line for line in maps)


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    before = open_descriptors(), mapped_segments()
    yield
    assert (open_descriptors(), mapped_segments()) == before


def run(program: str, limit: int | None = None) -> str:
    """What a program prints that runs in a process of its own, with so many descriptors."""
    begin = "import os, resource, gc\nimport numpy as np\nfrom parsl_like.serialize.segments import *\n"
    if limit is not None:
        begin += f"resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n"
    command = [sys.executable, "-c", begin + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- content


@settings(deadline=None)
@given(BUFFERS)
def test_buffers_come_back(buffers: list[bytes]) -> None:
    segment = Segment.written(buffers)
    assert [bytes(part) for part in segment.buffers()] == buffers
    assert bytes(segment.content()) == bytes(segment.copied()) == b"".join(layout(buffers))
    assert len(segment) == segment.size == os.fstat(segment.descriptor).st_size


@given(BUFFERS)
def test_content_is_split_where_it_was_put_together(buffers: list[bytes]) -> None:
    content = b"".join(layout(buffers))
    parts = split(memoryview(content))
    assert [bytes(part) for part in parts] == buffers
    assert all(part.readonly for part in parts)
    assert len(content) <= sum(map(len, buffers)) + (len(buffers) + 1) * (ALIGNMENT + 8)


@given(BUFFERS, st.data())
def test_content_that_is_cut_or_changed_is_refused_or_gives_no_more_than_there_is(
    buffers: list[bytes], data: st.DataObject
) -> None:
    content = bytearray(b"".join(layout(buffers)))
    content = content[: data.draw(st.integers(0, len(content)))]
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        parts = split(memoryview(content))
    except ValueError as error:
        assert str(len(content)) in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert sum(map(len, parts)) <= len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 0),
        struct.pack("<Q", 2**61),
        struct.pack("<Q", 2),
        struct.pack("<QQ", 1, 10**9),
        struct.pack("<QQ", 1, 2**64 - 1),
    ],
)
def test_what_is_no_content_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=f"{len(content)} bytes "):
        split(memoryview(content))
    with pytest.raises(ValueError, match=f"{len(content)} bytes "):
        buffers_of(content)


@pytest.mark.parametrize("form", ["segment", "bytes", "bytearray", "view", "frame"])
def test_buffers_of_whatever_came(form: str) -> None:
    class Frame:
        def __init__(self, content: bytes) -> None:
            self.buffer = memoryview(content)

    content = b"".join(layout([b"one", b"", b"three"]))
    forms: dict[str, Any] = {
        "segment": Segment.written([b"one", b"", b"three"]),
        "bytes": content,
        "bytearray": bytearray(content),
        "view": memoryview(content),
        "frame": Frame(content),
    }
    assert [bytes(part) for part in buffers_of(forms[form])] == [b"one", b"", b"three"]


@pytest.mark.parametrize("size", [10, MAPPED_FROM])
def test_what_is_mapped_is_aligned(size: int) -> None:
    segment = Segment.written([b"x", np.arange(10.0), b"yy" * size, np.arange(5.0)])
    content = segment.content()
    start = np.frombuffer(content, np.uint8).ctypes.data
    for part in split(content):
        assert (np.frombuffer(part, np.uint8).ctypes.data - start) % ALIGNMENT == 0
    assert start % ALIGNMENT == 0
    arrays = [np.frombuffer(part) for part in (segment.buffers()[1], segment.buffers()[3])]
    assert [array.tolist() for array in arrays] == [list(range(10)), list(range(5))]
    assert all(array.ctypes.data % 16 == 0 for array in arrays)


def test_buffers_of_any_shape_are_taken() -> None:
    matrix = np.arange(12, dtype=np.int32).reshape(3, 4)
    (part,) = Segment.written([matrix]).buffers()
    assert np.array_equal(np.frombuffer(part, np.int32).reshape(3, 4), matrix)


def test_more_buffers_than_one_call_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers = [bytes([n % 251]) * n for n in range(1500)]
    real, calls = os.writev, []

    def short(descriptor: int, parts: list[bytes]) -> int:
        calls.append(len(parts))
        return real(descriptor, [memoryview(b"".join(parts))[:1000]])

    monkeypatch.setattr(os, "writev", short)
    assert [bytes(part) for part in Segment.written(buffers).buffers()] == buffers
    assert max(calls) == 512


def test_a_read_that_gives_little_is_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = Segment.written([bytes(range(256)) * 100])
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda descriptor, views, at: real(descriptor, [views[0][:1000]], at))
    assert bytes(segment.buffers()[0]) == bytes(range(256)) * 100


# --- nobody can change it


def test_who_holds_the_descriptor_cannot_change_it() -> None:
    segment = Segment.written([b"before"])
    other = os.dup(segment.descriptor)
    for change in (
        lambda: os.ftruncate(other, 1),
        lambda: os.ftruncate(other, 10**6),
        lambda: os.pwrite(other, b"after", 16),
        lambda: mmap.mmap(other, segment.size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE),
        lambda: fcntl.fcntl(other, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL),
    ):
        with pytest.raises(PermissionError):
            change()
    os.close(other)
    assert bytes(segment.buffers()[0]) == b"before"


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_what_is_written_into_a_buffer_stays_here(size: int) -> None:
    segment = Segment.written([bytes(size)])
    (mine,), (theirs,) = segment.buffers(), segment.buffers()
    mine[:] = b"1" * size
    assert not np.frombuffer(theirs, np.uint8).any()
    assert not np.frombuffer(segment.content(), np.uint8)[ALIGNMENT:].any()
    assert segment.content().readonly


def test_small_ones_are_copied_and_large_ones_mapped() -> None:
    small, large = Segment.written([bytes(SMALL)]), Segment.written([bytes(LARGE)])
    copied = small.buffers()
    assert mapped_segments() == 0
    mapped = large.buffers()
    assert mapped_segments() == 1
    assert [len(copied[0]), len(mapped[0])] == [SMALL, LARGE]


@pytest.mark.parametrize("size", [100, LARGE])
def test_a_file_that_is_shorter_than_was_said_is_refused(size: int) -> None:
    descriptor = anonymous_file("test")
    os.write(descriptor, b"".join(layout([bytes(size // 4)])))
    segment = Segment(descriptor, size)
    for use in (segment.buffers, segment.content, segment.copied, lambda: received(os.dup(descriptor), size)):
        with pytest.raises(ValueError, match=f"{size} bytes has only "):
            use()


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = Segment.written([b"x" * 100])
    monkeypatch.setattr(os, "preadv", lambda descriptor, views, at: 0)
    with pytest.raises(ValueError, match="ends after 0"):
        segment.copied()


# --- the driver's copies


def test_copies_are_read_only_and_no_change_reaches_them() -> None:
    array = np.zeros(SMALL)
    one, two = shared_copies([array, b"second"])
    array[:] = 1
    assert one.readonly
    assert two.readonly
    assert not np.frombuffer(one).any()
    assert bytes(two) == b"second"


def test_the_segment_behind_copies_is_found_for_all_of_them_only() -> None:
    copies = shared_copies([b"a" * 10, b"b" * 20, b"c" * 10])
    segment = Segment.behind(copies)
    assert segment is not None
    assert Segment.behind(list(copies)) is segment
    assert [bytes(part) for part in segment.buffers()] == [bytes(part) for part in copies]
    others = shared_copies([b"a" * 10, b"b" * 20, b"c" * 10])
    strangers: list[Any] = [
        copies[:1],
        copies[:2],
        copies[1:],
        (copies[1], copies[0], copies[2]),
        (copies[0][:5], copies[1], copies[2]),
        (copies[0], copies[1], others[2]),
        (copies[0], copies[1], b"c" * 10),
        [memoryview(b"a" * 10)],
        [b"a" * 10],
        [bytearray(b"a" * 10)],
        segment.buffers(),
    ]
    assert [Segment.behind(buffers) for buffers in strangers] == [None] * len(strangers)


def test_packed_values_lie_in_one_segment() -> None:
    value = {"a": np.arange(SMALL), "b": [np.ones(SMALL)]}
    body, buffers = pack(value)
    segment = Segment.behind(buffers)
    assert segment is not None
    copy = unpack(body, segment.buffers())
    assert np.array_equal(copy["a"], value["a"])
    assert copy["b"][0].flags.writeable
    del copy, segment, buffers


def test_without_such_files_copies_lie_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    copies = shared_copies([b"x" * 100])
    assert (bytes(copies[0]), copies[0].readonly, Segment.behind(copies)) == (b"x" * 100, True, None)


def test_a_kernel_without_anonymous_memory_gives_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    segment = Segment.written([b"x" * 100])
    assert bytes(segment.buffers()[0]) == b"x" * 100
    assert os.fstat(segment.descriptor).st_nlink == 0


def test_a_kernel_that_cannot_seal_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fcntl, "F_ADD_SEALS")
    assert bytes(Segment.written([b"x" * 100]).buffers()[0]) == b"x" * 100


# --- when there is no room


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, parts: list[bytes]) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", refuse)


@pytest.mark.usefixtures("full")
def test_without_room_there_is_no_segment() -> None:
    with pytest.raises(OSError, match="No space"):
        Segment.written([b"x"])


@pytest.mark.usefixtures("full")
def test_without_room_copies_lie_in_memory() -> None:
    copies = shared_copies([b"x" * 100])
    assert (bytes(copies[0]), Segment.behind(copies)) == (b"x" * 100, None)


def test_what_cannot_be_mapped_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    segment = Segment.written([b"x" * LARGE])
    monkeypatch.setattr(mmap, "mmap", refuse)
    assert bytes(segment.buffers()[0]) == b"x" * LARGE
    assert bytes(segment.content()) == b"".join(layout([b"x" * LARGE]))
    assert segment.content().readonly


@pytest.mark.integration
def test_no_memory_is_an_error_that_tasks_can_have() -> None:
    program = (
        "segment = Segment.written([bytes(400 << 20)])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (300 << 20, resource.RLIM_INFINITY))\n"
        "for use in (segment.buffers, segment.content, segment.copied):\n"
        "    try: use()\n"
        "    except OSError as error: print(error)\n"
    )
    assert run(program).count("no memory for a copy of") == 3


# --- when descriptors are scarce


def test_a_descriptor_is_affordable_while_enough_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit(soft: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

    limit(1024)
    assert [is_affordable(number) for number in (0, 767, 768)] == [True, True, False]
    assert [is_affordable(number, 1 / 4) for number in (255, 256)] == [True, False]
    limit(256)  # what one message may bring is left in any case
    assert [is_affordable(number) for number in (127, 128)] == [True, False]
    limit(64)
    assert not is_affordable(3)
    for many in (1 << 20, resource.RLIM_INFINITY):  # each may stand for a mapping, and there are 65530 of these
        limit(many)
        assert [is_affordable(number) for number in (4096, 20_000)] == [True, False]


def test_where_there_are_no_limits_few_descriptors_count_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert [is_affordable(number) for number in (0, 255, 256)] == [True, True, False]


@pytest.mark.integration
@pytest.mark.parametrize("limit", [64, 256, 1024])
def test_copies_leave_most_descriptors_to_the_program(limit: int) -> None:
    program = (
        "copies = [shared_copies([bytes([n % 256]) * 1000, b'second']) for n in range(2000)]\n"
        "assert [bytes(one) for one, _ in copies] == [bytes([n % 256]) * 1000 for n in range(2000)]\n"
        "print(len(os.listdir('/proc/self/fd')), sum(Segment.behind(pair) is not None for pair in copies))\n"
    )
    count, shared = map(int, run(program, limit).split())
    assert count <= limit / 4 + 10
    assert (shared > 10) == (limit > 64)


@pytest.mark.integration
@pytest.mark.parametrize("limit", [64, 256])
def test_values_that_are_kept_leave_descriptors_to_the_program(limit: int) -> None:
    program = (
        "kept = []\n"
        "for n in range(300):\n"
        "    made = Segment.written([bytes([n % 256]) * (1 << 20)], share=1)\n"
        "    part = received(os.dup(made.descriptor), made.size)\n"
        "    del made\n"
        "    kept += buffers_of(part)\n"
        "    del part\n"
        "assert all(one[0] == one[-1] == n % 256 for n, one in enumerate(kept))\n"
        "assert all(not one.readonly for one in kept)\n"
        "print(len(os.listdir('/proc/self/fd')))\n"
        "kept.clear()\n"
        "print(len(os.listdir('/proc/self/fd')))\n"
    )
    count, left = map(int, run(program, limit).split())
    assert count <= max(limit - 110, 10)
    assert left < 10


@pytest.mark.integration
def test_with_no_descriptor_left_nothing_is_lost() -> None:
    program = (
        "first = Segment.written([b'a' * (1 << 20)])\n"
        "segments = [Segment.holding([first.content()]) for _ in range(2)]\n"
        "held = []\n"
        "try:\n"
        "    while True: held.append(os.dup(0))\n"
        "except OSError: pass\n"
        "assert bytes(shared_copies([b'x' * 100])[0]) == b'x' * 100\n"
        "assert bytes(segments[0].buffers()[0]) == bytes(split(segments[1].content())[0]) == b'a' * (1 << 20)\n"
        "part = received(segments[0].descriptor, segments[0].size)\n"
        "segments[0].descriptor = -1\n"
        "assert bytes(buffers_of(part)[0]) == b'a' * (1 << 20)\n"
        "try: Segment.written([b'x'])\n"
        "except OSError as error: print(error.errno)\n"
    )
    assert int(run(program, 300)) == errno.EMFILE


def test_a_segment_is_refused_where_few_descriptors_are_left() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (140, hard))
    held = [os.dup(0) for _ in range(20)]
    try:
        with pytest.raises(OSError, match="few descriptors are left"):
            Segment.written([b"x"])
        assert bytes(Segment.written([b"x"], share=1).buffers()[0]) == b"x"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


# --- the end


def test_what_is_mapped_outlives_the_segment_and_goes_with_the_last_view() -> None:
    (part,) = Segment.written([b"x" * LARGE]).buffers()
    last = np.frombuffer(part, np.uint8)[:10]
    del part
    assert mapped_segments() == 1
    assert bytes(last) == b"x" * 10
    del last
    assert mapped_segments() == 0


def test_copies_hold_their_segment_and_let_it_go() -> None:
    copies = shared_copies([b"x" * SMALL, b"y"])
    segment = Segment.behind(copies)
    assert segment is not None
    gone = weakref.ref(segment)
    last, segment = copies[1], None
    del copies
    assert gone() is not None
    del last
    assert gone() is None  # at once: no cycle that the collector would have to find


def test_a_segment_can_be_closed_twice() -> None:
    segment = Segment.written([b"x" * LARGE])
    buffers = segment.buffers()
    segment.close()
    segment.close()
    assert bytes(buffers[0]) == b"x" * LARGE
    with pytest.raises(OSError, match="Bad file"):
        segment.buffers()


@pytest.mark.integration
def test_memory_is_free_when_the_last_view_goes() -> None:
    program = (
        "def resident():\n"
        "    gc.collect()\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096 >> 20\n"
        "array = np.ones(100 << 20, np.uint8)\n"
        "before = resident()\n"
        "for _ in range(10):\n"
        "    copies = shared_copies([array])\n"
        "    mine = Segment.behind(copies).buffers()\n"
        "    np.frombuffer(mine[0], np.uint8)[::4096] = 2\n"
        "print(resident() - before)\n"
        "del copies, mine\n"
        "print(resident() - before)\n"
        "print(open('/proc/self/maps').read().count('parsl_like-segment'))\n"
    )
    during, after, maps = map(int, run(program).split())
    assert 50 < during < 300  # what was written to, and the pages that were mapped
    assert after < 20
    assert maps == 0


def test_the_names_in_proc_are_ours() -> None:
    segment = Segment.written([b"x"])
    assert NAME in os.readlink(f"/proc/self/fd/{segment.descriptor}")
    assert os.get_inheritable(segment.descriptor) is False
