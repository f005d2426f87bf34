"""Files as large as a disk, and larger."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers.archives import Member, pack
from parsl_like.remote.transfers.fetch import fetch
from tests.remote.transfers.web_server import Answers, WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parsl_like.remote.transfers.limits import Limits

GB = 1 << 30


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.integration
def test_a_full_disk_is_told_and_has_nothing_on_it(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(StagingError, match="bytes free, and 700000 more are needed"):
            fetch(web.url("big"), disk / "x", quick)
        for name in ("chunked/big", "endless/big"):
            with pytest.raises(StagingError, match="No space left on device"):
                fetch(web.url(name), disk / "x", quick)
        assert os.listdir(disk) == []
        assert fetch(web.url("small"), disk / "x", quick).size == 8
        (tmp_path / "big").write_bytes(os.urandom(700_000))
        pack(Member("zip:", str(disk / "a.zip"), "small", str(disk / "x")))
        good = (disk / "a.zip").read_bytes()
        with pytest.raises(StagingError, match="No space left on device"):
            pack(Member("zip:", str(disk / "a.zip"), "big", str(tmp_path / "big")))
        assert (disk / "a.zip").read_bytes() == good
        assert sorted(os.listdir(disk)) == [".a.zip.lock", "a.zip", "x"]


class Huge(Answers):
    """A gigabyte of zeros, whose first connection breaks in the middle."""

    def do_GET(self) -> None:
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        end = GB if self.server.seen_before("x", 1) is False else GB // 2
        self.send_response(206 if begin else 200)
        self.send_header("ETag", '"zeros"')
        self.send_header("Content-Length", str(GB - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{GB - 1}/{GB}")
        self.end_headers()
        block = bytes(1 << 20)
        for start in range(begin, end, len(block)):
            self.wfile.write(block[: end - start])
        self.close_connection = True


PROGRAM = """
import sys
from parsl_like.remote.transfers.fetch import fetch

def most():  # and not getrusage(2), which begins with what the parent had
    with open("/proc/self/status") as file:
        return int(file.read().split("VmHWM:")[1].split()[0])

before = most()
moved = fetch(sys.argv[1], sys.argv[2])
print(moved.size, moved.tries, most() - before)
"""


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the largest size of a process is asked of /proc")
def test_a_gigabyte_comes_in_bounded_memory(tmp_path: Path, web: Any) -> None:
    web.RequestHandlerClass = Huge
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, web.url("zeros"), str(tmp_path / "x")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    size, tries, grown = map(int, done.stdout.split())
    assert (size, tries, (tmp_path / "x").stat().st_size) == (GB, 2, GB)
    assert grown < 32 * 1024, f"{grown} KiB"
