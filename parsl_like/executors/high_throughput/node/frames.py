"""Large bytes between processes of one host: an anonymous file, written once and mapped into memory where it arrives.

The file begins with the length of each frame; every frame begins at a multiple of 64 bytes, as arrays like it. It has
no name, so that nobody has to remove it: it goes with the last process that holds a descriptor or a mapping.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Bytes = bytes | bytearray | memoryview

ALIGNMENT = 64
_WRITEV_PARTS = 512
_PADDING = bytes(ALIGNMENT)


def anonymous_file(name: str) -> int:
    """The descriptor of a new, empty file in memory that has no path, or on disk where the kernel has no such files.

    Args:
        name: What ``/proc`` shows for it.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC)
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write_frames(frames: Sequence[Bytes]) -> int:
    """The descriptor of a new file that holds copies of the frames; the caller closes it.

    Args:
        frames: At least one.

    Raises:
        OSError: if there is no room for them.
    """
    descriptor = anonymous_file("parsl_like-frames")
    try:
        _write_all(descriptor, list(_parts(frames)))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def map_frames(descriptor: int, count: int, *, writable: bool) -> list[memoryview]:
    """The frames of a file, without copying them; the descriptor can be closed at once.

    Args:
        descriptor: A file made by :func:`write_frames`.
        count: How many frames it holds.
        writable: Whether they can be written to; what is written stays in this process.

    Raises:
        OSError: if it cannot be mapped.
        ValueError: if it does not hold so many frames.
    """
    if writable:
        memory = mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    else:
        memory = mmap.mmap(descriptor, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
    view = memoryview(memory)
    frames, start = [], 8 * count
    if start > len(view):
        raise ValueError(f"a file of {len(view)} bytes does not hold {count} frames")
    for length in struct.unpack_from(f"<{count}Q", view):
        start += -start % ALIGNMENT
        if start + length > len(view):
            raise ValueError(f"a file of {len(view)} bytes ends inside a frame of {length} bytes")
        frames.append(view[start : start + length])
        start += length
    return frames


def _parts(frames: Sequence[Bytes]) -> Iterator[Bytes]:
    views = [memoryview(frame).cast("B") for frame in frames]
    yield struct.pack(f"<{len(views)}Q", *(len(view) for view in views))
    end = 8 * len(views)
    for view in views:
        gap = -end % ALIGNMENT
        yield _PADDING[:gap]
        yield view
        end += gap + len(view)


def _write_all(descriptor: int, parts: list[Bytes]) -> None:
    index = 0
    while index < len(parts):
        written = os.writev(descriptor, parts[index : index + _WRITEV_PARTS])
        while index < len(parts) and written >= len(parts[index]):
            written -= len(parts[index])
            index += 1
        if written:
            parts[index] = memoryview(parts[index])[written:]
