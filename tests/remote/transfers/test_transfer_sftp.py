"""Files from and to the system's SFTP server, spoken with directly; through ssh it is reached in tests/site."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import sftp
from parsl_like.remote.transfers.fetch import fetch, send
from parsl_like.remote.transfers.limits import Limits
from parsl_like.remote.transfers.trouble import Trouble
from parsl_like.remote.transfers.urls import address
from tests.remote.transfers.conftest import BIG

if TYPE_CHECKING:
    from pathlib import Path

SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")
SERVER = next((path for path in SERVERS if os.path.exists(path)), "")

BROKEN = """
import os, subprocess, sys
server = subprocess.Popen([sys.argv[1]], stdin=0, stdout=subprocess.PIPE)
left = int(sys.argv[2])
flag = sys.argv[3]
first = not os.path.exists(flag)
open(flag, "a").close()
while chunk := os.read(server.stdout.fileno(), 65536):
    if first:
        chunk, left = chunk[:left], left - len(chunk)
    os.write(1, chunk)
    if first and left <= 0:
        break
server.kill()
server.wait()
"""


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not SERVER:
        pytest.skip("no sftp-server of OpenSSH")

    def use(*words: str) -> None:
        monkeypatch.setattr(sftp, "command", lambda *_: list(words))

    use(SERVER)
    return use


pytestmark = pytest.mark.integration


@pytest.mark.parametrize("data", [BIG, b"", b"x", BIG[: sftp.PIECE], BIG[: 3 * sftp.PIECE + 1]], ids=len)
def test_files_come_and_go(near: Any, tmp_path: Path, quick: Limits, data: bytes) -> None:
    there = tmp_path / "there" / "a b#ü"
    there.parent.mkdir()
    there.write_bytes(data)
    moved = fetch(f"sftp://h{there.as_uri().removeprefix('file://')}", tmp_path / "x", quick)
    assert (tmp_path / "x").read_bytes() == data
    assert (moved.size, moved.tries) == (len(data), 1)
    for path in (tmp_path / "there" / "new", tmp_path / "deep" / "er" / "new", there):
        assert send(tmp_path / "x", f"sftp://h{path.as_uri().removeprefix('file://')}", quick).size == len(data)
        assert path.read_bytes() == data
        assert [name for name in os.listdir(path.parent) if name.endswith(".part")] == []


def test_what_is_not_there_or_may_not_be_is_said_once(near: Any, tmp_path: Path, quick: Limits) -> None:
    with pytest.raises(StagingError, match="the server refuses: No such file") as caught:
        fetch(f"sftp://h{tmp_path}/none", tmp_path / "x", quick)
    assert "tried" not in caught.value.reason
    (tmp_path / "file").touch()
    with pytest.raises(StagingError, match="the server refuses"):
        send(tmp_path / "file", f"sftp://h{tmp_path}/file/x", quick)
    assert os.listdir(tmp_path) == ["file"]


def test_what_broke_off_is_gone_on_with(near: Any, tmp_path: Path, quick: Limits) -> None:
    (tmp_path / "big").write_bytes(BIG)
    near(sys.executable, "-c", BROKEN, SERVER, "400000", str(tmp_path / "flag"))
    assert fetch(f"sftp://h{tmp_path}/big", tmp_path / "x", quick).tries == 2
    assert (tmp_path / "x").read_bytes() == BIG


def test_a_server_that_says_nothing_is_given_up(near: Any, tmp_path: Path) -> None:
    near("sleep", "60")
    with pytest.raises(StagingError, match="nothing came for too long"):
        fetch("sftp://h/x", tmp_path / "x", Limits(silence=0.3, tries=2, first_wait=0.01))
    assert os.listdir(tmp_path) == []


DRIPS = """
import os, struct, time
os.write(1, struct.pack(">IB", 1000, 2))
while True:
    os.write(1, b"x")
    time.sleep(0.2)
"""


def test_a_server_that_sends_next_to_nothing_is_given_up(near: Any, tmp_path: Path) -> None:
    near(sys.executable, "-c", DRIPS)
    with pytest.raises(StagingError, match="it has stalled"):
        fetch("sftp://h/x", tmp_path / "x", Limits(silence=0.5, tries=1))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("sh", "-c", "echo Permission denied >&2; exit 255"), "h broke off .Permission denied"),
        (("sh", "-c", "echo Welcome, dear user of this machine; sleep 9"), "not asked for|does not speak SFTP"),
        (("no-such-command",), "ssh cannot be started here"),
    ],
)
def test_what_ssh_says_is_told(near: Any, tmp_path: Path, quick: Limits, words: tuple[str, ...], reason: str) -> None:
    near(*words)
    with pytest.raises(StagingError, match=reason):
        fetch("sftp://h/x", tmp_path / "x", quick)


def test_the_command_has_no_way_for_options_of_others() -> None:
    words = sftp.command(address("sftp://me@host:2022/x"), Limits())
    assert words[-7:] == ["-p", "2022", "-s", "--", "host", "sftp"][-7:] or words[-6:] == [
        *("-p", "2022", "-s", "--", "host", "sftp")
    ]
    assert words[words.index("-l") : words.index("-l") + 2] == ["-l", "me"]
    assert "StrictHostKeyChecking=yes" in words
    assert "-p" not in sftp.command(address("sftp://host/x"), Limits())
    for url in ("sftp://-oProxyCommand=x/x", "sftp://-me@host/x", "sftp://me:word@host/x"):
        with pytest.raises(Trouble):
            sftp.command(address(url), Limits())
