"""Large buffers in memory that processes of one host share: written once, passed as a descriptor, mapped at the end.

A segment is an anonymous file (``man 2 memfd_create``). It begins with the number of its buffers and the length of
each; every buffer begins at a multiple of 64 bytes, as arrays like it. It has no name, so nobody has to remove it: it
goes with the last process that holds a descriptor or a mapping. Its content may as well travel as plain bytes to where
no descriptor can go.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Bytes = bytes | bytearray | memoryview

ALIGNMENT = 64
MAPPED_FROM = 1024 * 1024
"""A segment smaller than this, in bytes, is copied where it is used: a mapping costs a page fault for each page."""

M = TypeVar("M", bound=mmap.mmap)
_NUMBER = 8
_WRITEV_PARTS = 512
_PADDING = bytes(ALIGNMENT)
_FEW_DESCRIPTORS = 256
_SPARE_DESCRIPTORS = 128  # one message may bring 64 at once
_ENOUGH_DESCRIPTORS = 16384  # each may stand for a mapping, of which a process has 65530 (vm.max_map_count)


class Segment:
    """Buffers of one call or one value, in memory that can be passed to another process.

    Args:
        descriptor: The file; belongs to the segment from now on.
        size: Its length in bytes.
    """

    __slots__ = ("__weakref__", "descriptor", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size

    @classmethod
    def written(cls, buffers: Sequence[Bytes], share: float = 3 / 4) -> Segment:
        """A new segment that holds copies of the buffers.

        Args:
            buffers: At least one.
            share: How much of the table of descriptors may be in use.

        Raises:
            OSError: if there is no room for them, or more descriptors are in use.
        """
        return cls.holding(list(layout(buffers)), share)

    @classmethod
    def holding(cls, content: Sequence[Bytes], share: float = 1.0) -> Segment:
        """A new segment of this content, which :func:`layout` made or another segment had.

        Raises:
            OSError: if there is no room for it, or more descriptors are in use than this share of the table.
        """
        segment = cls(anonymous_file("parsl_like-segment"), 0)
        if share < 1 and not is_affordable(segment.descriptor, share):
            raise OSError(errno.EMFILE, "few descriptors are left, and none of them is for a segment")
        parts = [memoryview(part).cast("B") for part in content]
        segment.size = sum([len(part) for part in parts])
        _write_all(segment.descriptor, parts)
        segment.seal()
        return segment

    @classmethod
    def sized(cls, size: int) -> Segment:
        """A new segment of so many bytes, for :meth:`put` and then :meth:`seal`.

        Raises:
            OSError: if there is no room for it.
        """
        segment = cls(anonymous_file("parsl_like-segment"), size)
        os.ftruncate(segment.descriptor, size)
        return segment

    @classmethod
    def behind(cls, buffers: Sequence[Bytes]) -> Segment | None:
        """The segment that :func:`shared_copies` has put these buffers into, None if they are somewhere else."""
        owners = [view.obj if isinstance(view, memoryview) else None for view in buffers]
        memory = owners[0]
        if not isinstance(memory, _Mapping) or memory.lengths != [len(view) for view in buffers]:
            return None
        return memory.segment if all(owner is memory for owner in owners) else None

    def __len__(self) -> int:
        return self.size

    def content(self) -> memoryview:
        """What it holds, read-only: as it lies there, or copied where descriptors have become scarce.

        Raises:
            OSError: if there is no room for it.
            ValueError: if it is shorter than it was said to be.
        """
        with suppress(OSError):  # few descriptors, too many mappings (vm.max_map_count): a copy does as well
            return memoryview(self._mapped(mmap.mmap, mmap.PROT_READ))
        return memoryview(self.copied()).toreadonly()

    def buffers(self) -> list[memoryview]:
        """The buffers, in memory that may be written to; what is written there stays in this process.

        Raises:
            OSError: if there is no room for them.
            ValueError: if the content is not what it should be.
        """
        if self.size >= MAPPED_FROM:
            with suppress(OSError):  # see above
                return split(memoryview(self._mapped(mmap.mmap, mmap.PROT_READ | mmap.PROT_WRITE)))
        return split(memoryview(self.copied()))

    def copied(self) -> bytearray:
        """The content in memory of this process.

        Raises:
            OSError: if there is no room for it.
            ValueError: if it is shorter than it was said to be.
        """
        self._check()
        try:
            memory = bytearray(self.size)
        except MemoryError as error:
            raise OSError(errno.ENOMEM, f"no memory for a copy of {self.size} bytes") from error
        view, at = memoryview(memory), 0
        while at < self.size:
            count = os.preadv(self.descriptor, [view[at:]], at)
            if not count:
                raise ValueError(f"a segment of {self.size} bytes ends after {at}")
            at += count
        return memory

    def _mapped(self, kind: type[M], access: int, share: float = 3 / 4) -> M:
        self._check()
        # A mapping keeps a descriptor of its own, at the place where this one goes for a moment.
        probe = os.dup(self.descriptor)
        os.close(probe)
        if not is_affordable(probe, share):
            raise OSError(errno.EMFILE, "few descriptors are left, and none of them is for a mapping")
        return kind(self.descriptor, self.size, flags=mmap.MAP_PRIVATE, prot=access)

    def _check(self) -> None:
        # A mapping that is longer than its file kills whoever touches it.
        size = os.fstat(self.descriptor).st_size
        if size < self.size:
            raise ValueError(f"a segment of {self.size} bytes has only {size}")

    def put(self, at: int, content: Bytes) -> None:
        """Write a part of the content; only before it is sealed.

        Raises:
            OSError: if there is no room for it.
        """
        view = memoryview(content)
        while view:
            written = os.pwrite(self.descriptor, view, at)
            view, at = view[written:], at + written

    def seal(self) -> None:
        """Let nobody change or shorten it: who maps it need not trust those who hold it, too."""
        _seal(self.descriptor)

    def close(self) -> None:
        """Give up the descriptor; what has been mapped stays."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class _Mapping(mmap.mmap):
    """The memory of buffers that know their segment."""

    segment: Segment
    lengths: list[int]


def shared_copies(buffers: Sequence[Bytes]) -> tuple[memoryview, ...]:
    """Read-only copies of the buffers: in one segment where that can be had, in memory of this process otherwise.

    Args:
        buffers: At least one.
    """
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            # Each of them takes two descriptors for as long as its task lives, and most of those are the user's.
            segment = Segment.written(buffers, 1 / 4)
            memory = segment._mapped(_Mapping, mmap.PROT_READ, 1 / 4)
            views = split(memoryview(memory))
            memory.segment, memory.lengths = segment, [len(view) for view in views]
            return tuple(views)
    return tuple([memoryview(bytes(buffer)) for buffer in buffers])


def received(descriptor: int, size: int) -> Segment | bytearray:
    """A segment that has come from another process; its content where descriptors have become scarce.

    Raises:
        OSError: if there is no room for its content.
        ValueError: if it is shorter than it was said to be.
    """
    segment = Segment(descriptor, size)
    segment._check()  # whoever passes it on need not
    return segment if is_affordable(descriptor) else segment.copied()


def buffers_of(part: object) -> list[memoryview]:
    """The buffers of a segment, or of the content of one.

    Raises:
        OSError: if there is no room for them.
        ValueError: if it is neither.
    """
    if isinstance(part, Segment):
        return part.buffers()
    return split(memoryview(getattr(part, "buffer", part)).cast("B"))  # type: ignore[arg-type]


def layout(buffers: Sequence[Bytes]) -> Iterator[Bytes]:
    """The content of a segment with these buffers, piece by piece."""
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    yield struct.pack(f"<{1 + len(views)}Q", len(views), *(len(view) for view in views))
    end = _NUMBER * (1 + len(views))
    for view in views:
        gap = -end % ALIGNMENT
        yield _PADDING[:gap]
        yield view
        end += gap + len(view)


def split(content: memoryview) -> list[memoryview]:
    """The buffers in the content of a segment, without copying them.

    Raises:
        ValueError: if it is not such content.
    """
    size = len(content)
    count = int.from_bytes(content[:_NUMBER], "little") if size >= _NUMBER else 0
    start = _NUMBER * (1 + count)
    if not count or start > size:
        raise ValueError(f"{size} bytes do not hold {count} buffers")
    buffers = []
    for length in struct.unpack_from(f"<{count}Q", content, _NUMBER):
        start += -start % ALIGNMENT
        if start + length > size:
            raise ValueError(f"{size} bytes end inside a buffer of {length} bytes")
        buffers.append(content[start : start + length])
        start += length
    return buffers


def anonymous_file(name: str) -> int:
    """The descriptor of a new, empty file in memory that has no path, or on disk where the kernel has no such files.

    Args:
        name: What ``/proc`` shows for it.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def is_affordable(descriptor: int, share: float = 3 / 4) -> bool:
    """Whether a descriptor lies in the lower part of the table, which is filled from below: there are enough left."""
    try:
        import resource
    except ImportError:
        return descriptor < _FEW_DESCRIPTORS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _ENOUGH_DESCRIPTORS if limit < 0 else min(limit, _ENOUGH_DESCRIPTORS)
    return descriptor < min(share * limit, limit - _SPARE_DESCRIPTORS)


def _seal(descriptor: int) -> None:
    with suppress(ImportError, AttributeError, OSError):  # no such files here, or an older kernel
        import fcntl

        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)


def _write_all(descriptor: int, parts: list[memoryview]) -> None:
    index = 0
    while index < len(parts):
        written = os.writev(descriptor, parts[index : index + _WRITEV_PARTS])
        while index < len(parts) and written >= len(parts[index]):
            written -= len(parts[index])
            index += 1
        if written:
            parts[index] = parts[index][written:]
