"""What has come of a file is kept for its next transfer, if that is wanted, and never taken for something else."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import partial
from parsl_like.remote.transfers.fetch import fetch
from parsl_like.remote.transfers.partial import KeptLanding
from parsl_like.remote.transfers.places import FOLDER
from tests.remote.transfers.conftest import BIG
from tests.remote.transfers.ftp_server import FTPServer

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.remote.transfers.limits import Limits
    from tests.remote.transfers.web_server import WebServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is kept where there are no locks")


@pytest.fixture
def once(quick: Limits) -> Limits:
    """One try, which keeps what it has brought."""
    # A try that has brought something is followed by another one, unless there is no time for it.
    return replace(quick, tries=1, first_wait=100.0, longest_wait=100.0, total=50.0, keep_partial=True)


def fails(url: str, path: Path, limits: Limits) -> None:
    with pytest.raises(StagingError):
        fetch(url, path, limits)
    assert not path.exists()


def kept(folder: Path) -> dict[str, int]:
    """What is kept, by the kind of file, and its size."""
    return {path.suffix: path.stat().st_size for path in (folder / FOLDER).iterdir()}


def ranges(web: WebServer) -> list[str | None]:
    return [headers.get("Range") for _, _, headers in web.requests]


def test_the_next_call_goes_on(web: WebServer, tmp_path: Path, once: Limits) -> None:
    fails(web.url("once-cut/500000/big"), tmp_path / "x", once)
    there = kept(tmp_path)[".part"]
    assert 0 < there <= 500_000
    moved = fetch(web.url("once-cut/500000/big"), tmp_path / "x", once)
    assert (tmp_path / "x").read_bytes() == BIG
    assert moved.size == len(BIG)
    assert ranges(web) == [None, f"bytes={there}-"]
    assert kept(tmp_path) == {}


def test_checksums_are_of_all_of_it(web: WebServer, tmp_path: Path, once: Limits) -> None:
    import hashlib

    for wrong in (False, True):
        digest = hashlib.sha256(BIG + b"x" * wrong).hexdigest()
        url, path = web.url(f"once-cut/50000{wrong:d}/big#sha256={digest}"), tmp_path / f"x{wrong}"
        fails(url, path, once)
        if wrong:
            fails(url, path, once)
        else:
            assert fetch(url, path, once).digests == {"sha256": digest}
        assert kept(tmp_path) == {}


def test_a_file_that_has_changed_is_begun_again(web: WebServer, tmp_path: Path, once: Limits) -> None:
    fails(web.url("changing/500000/big"), tmp_path / "x", once)
    assert kept(tmp_path)[".part"] > 0
    fetch(web.url("changing/500000/big"), tmp_path / "x", once)
    assert (tmp_path / "x").read_bytes() == BIG[::-1]
    assert kept(tmp_path) == {}


def test_ftp_goes_on_as_well(tmp_path: Path, once: Limits) -> None:
    with FTPServer({"/big": BIG}, "drop") as server:
        fails(server.url("big"), tmp_path / "x", once)
        assert kept(tmp_path)[".part"] > 0
        assert fetch(server.url("big"), tmp_path / "x", once).size == len(BIG)
    assert (tmp_path / "x").read_bytes() == BIG


def test_what_is_not_worth_it_is_not_kept(web: WebServer, tmp_path: Path, once: Limits) -> None:
    for url in ("cut/1000/big", "none", "torn/big"):  # little, nothing, nothing to know it by
        fails(web.url(url), tmp_path / "x", once)
        assert kept(tmp_path) == {}
    fails(web.url("cut/500000/big"), tmp_path / "plain" / "x", replace(once, keep_partial=False))
    assert os.listdir(tmp_path / "plain") == []


KILLED = """
import os, signal, sys
from parsl_like.remote.transfers.fetch import fetch
from parsl_like.remote.transfers.landing import Landing
from parsl_like.remote.transfers.limits import Limits

class Killed(Exception): ...
write = Landing.write
def written(self, chunk):
    write(self, chunk)
    if self.there > 4_000_000:
        os.kill(os.getpid(), signal.SIGKILL)
Landing.write = written
fetch(sys.argv[1], sys.argv[2], Limits(keep_partial=True))
"""


@pytest.mark.integration
def test_what_a_killed_process_has_brought_is_gone_on_with(web: WebServer, tmp_path: Path, once: Limits) -> None:
    web.files["huge"] = BIG * 10
    done = subprocess.run([sys.executable, "-c", KILLED, web.url("huge"), str(tmp_path / "x")], check=False)
    assert done.returncode == -signal.SIGKILL
    there = kept(tmp_path)[".part"]
    assert there > 2_000_000
    fetch(web.url("huge"), tmp_path / "x", once)
    assert (tmp_path / "x").read_bytes() == BIG * 10
    assert ranges(web)[-1] == f"bytes={there}-"


@pytest.mark.parametrize("change", ["boot", "facts", "owner", "url"])
def test_what_cannot_be_trusted_is_not_used(
    web: WebServer, tmp_path: Path, once: Limits, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    fails(web.url("once-cut/500000/big"), tmp_path / "x", once)
    (facts,) = (tmp_path / FOLDER).glob("*.json")
    url = web.url("once-cut/500000/big")
    if change == "boot":
        monkeypatch.setattr(partial, "_boot", lambda: "another")
    elif change == "facts":
        facts.write_text('["mark')
    elif change == "url":
        url = web.url("big")
    elif os.geteuid() == 0:
        os.chown(facts, 12345, 12345)
    else:
        pytest.skip("only root gives files away")
    fetch(url, tmp_path / "x", once)
    assert (tmp_path / "x").read_bytes() == BIG
    assert ranges(web)[-1] is None


def test_links_are_not_followed(web: WebServer, tmp_path: Path, once: Limits) -> None:
    fails(web.url("once-cut/500000/big"), tmp_path / "x", once)
    (part,) = (tmp_path / FOLDER).glob("*.part")
    (tmp_path / "mine").write_bytes(b"do not touch")
    part.unlink()
    part.symlink_to(tmp_path / "mine")
    fetch(web.url("once-cut/500000/big"), tmp_path / "x", once)
    assert (tmp_path / "x").read_bytes() == BIG
    assert (tmp_path / "mine").read_bytes() == b"do not touch"


def test_two_at_once_do_not_write_to_one_file(tmp_path: Path) -> None:
    def landing() -> KeptLanding:
        return KeptLanding(str(tmp_path / "x"), None, None, None, "http://h/x")

    with landing() as first:
        first.mark = '"one"'
        first.write(b"1" * 100_000)
        with landing() as second:
            assert second.there == 0
            second.write(b"2" * 70_000)
            second.complete()
        assert (tmp_path / "x").read_bytes() == b"2" * 70_000
        first.write(b"1" * 100_000)
        first.complete()
        with landing() as third:
            assert third.there == 0
            third.write(b"3")
        assert (tmp_path / "x").read_bytes() == b"1" * 200_000
    assert kept(tmp_path) == {}


def breaks(path: Path, number: int) -> None:
    with KeptLanding(str(path), None, None, None, "http://h/x") as landing:
        landing.mark = '"one"'
        landing.write(b"1" * 100_000)
        raise StagingError("http://h/x", "reason") from OSError(number, "cause")


@pytest.mark.parametrize(("number", "remains"), [(errno.ENOSPC, False), (errno.ECONNRESET, True)])
def test_a_full_disk_is_not_kept_full(tmp_path: Path, number: int, remains: bool) -> None:
    with pytest.raises(StagingError):
        breaks(tmp_path / "x", number)
    assert bool(kept(tmp_path)) is remains
