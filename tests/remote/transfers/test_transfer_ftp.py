"""Files from and to an FTP server, with the faults that those have."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import ftp
from parsl_like.remote.transfers.fetch import fetch, send
from parsl_like.remote.transfers.limits import Limits
from tests.remote.transfers.conftest import BIG
from tests.remote.transfers.ftp_server import PASSWORD, USER, FTPServer

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"/pub/big": BIG, "/pub/empty": b"", "/pub/a b#ü": b"odd name"}
LOGIN = f"{USER}:{PASSWORD.replace('@', '%40').replace(' ', '%20')}@"


def server(*faults: str, **options: object) -> FTPServer:
    return FTPServer(dict(FILES), *faults, **options)  # type: ignore[arg-type]


def refused(there: FTPServer, path: str, place: Path, limits: Limits) -> str:
    with pytest.raises(StagingError) as caught:
        fetch(there.url(path), place / "x", limits)
    assert os.listdir(place) == []
    return caught.value.reason


@pytest.mark.parametrize("name", ["big", "empty", "a%20b%23%C3%BC"])
@pytest.mark.parametrize("unknown", [(), ("SIZE", "MDTM", "REST")])
def test_a_file_arrives(tmp_path: Path, quick: Limits, name: str, unknown: tuple[str, ...]) -> None:
    with server(unknown=unknown) as there:
        moved = fetch(there.url(f"pub/{name}"), tmp_path / "x", quick)
    wanted = FILES["/pub/" + {"a%20b%23%C3%BC": "a b#ü"}.get(name, name)]
    assert (tmp_path / "x").read_bytes() == wanted
    assert (moved.size, moved.tries) == (len(wanted), 1)
    assert os.listdir(tmp_path) == ["x"]


def test_what_a_server_does_not_have_or_give_is_said(tmp_path: Path, quick: Limits) -> None:
    with server() as there:
        assert "the server refuses: 550 nothing there" in refused(there, "pub/none", tmp_path, quick)
        with pytest.raises(StagingError) as caught:
            fetch(there.url("pub/big", f"{USER}:wr%6Fng@"), tmp_path / "x", quick)
        assert "530 ... is not the password" in str(caught.value)
        assert "wrong" not in str(caught.value)
        assert USER not in str(caught.value)


def test_what_a_server_cannot_do_now_is_tried_again(tmp_path: Path, quick: Limits) -> None:
    with server("busy") as there:
        assert fetch(there.url("pub/big"), tmp_path / "x", quick).tries == 2
    assert (tmp_path / "x").read_bytes() == BIG


def test_what_broke_off_is_gone_on_with(tmp_path: Path, quick: Limits) -> None:
    with server("drop") as there:
        assert fetch(there.url("pub/big"), tmp_path / "x", quick).tries == 2
        assert "REST 300000" in there.commands
    assert (tmp_path / "x").read_bytes() == BIG


@pytest.mark.parametrize("unknown", ["REST", "MDTM"])
def test_what_cannot_be_gone_on_with_is_begun_again(tmp_path: Path, quick: Limits, unknown: str) -> None:
    with server("drop", unknown=(unknown,)) as there:
        moved = fetch(there.url("pub/big"), tmp_path / "x", quick)
    assert (tmp_path / "x").read_bytes() == BIG
    assert moved.tries == (3 if unknown == "REST" else 2)


def test_a_server_that_always_breaks_off_is_given_up(tmp_path: Path, quick: Limits) -> None:
    with server("drop", drops=99, unknown=("REST",)) as there:
        assert "broke off" in (reason := refused(there, "pub/big", tmp_path, quick)) or "go on" in reason
        assert "tried 4 times" in reason


@pytest.mark.parametrize("fault", ["stall", "silent"])
def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, quick: Limits, fault: str) -> None:
    with server(fault) as there:
        assert "nothing came for too long" in refused(there, "pub/big", tmp_path, quick)


def test_nobody_there(tmp_path: Path, quick: Limits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StagingError, match=f"talking to 127.0.0.1:{port}: Connection refused"):
        fetch(f"ftp://127.0.0.1:{port}/x", tmp_path / "x", quick)


# --- TLS


@pytest.mark.parametrize("implicit", [False, True])
def test_tls_is_verified_and_used_for_the_data(
    certificate: Path, tmp_path: Path, quick: Limits, monkeypatch: pytest.MonkeyPatch, implicit: bool
) -> None:
    known = Limits(silence=2.0, tries=2, first_wait=0.01, ca_file=str(certificate))
    with server(certificate=certificate, implicit=implicit) as there:
        if implicit:
            monkeypatch.setattr(ftp, "IMPLICIT", there.port)
        assert "certificate cannot be verified" in refused(there, "pub/big", tmp_path, quick)
        assert not any(line.startswith(("USER", "PASS")) for line in there.commands)
        fetch(there.url("pub/big", LOGIN), tmp_path / "x", known)
        assert (tmp_path / "x").read_bytes() == BIG
        send(tmp_path / "x", there.url("pub/copy", LOGIN), known)
        assert there.files["/pub/copy"] == BIG
        assert there.commands.count("PROT P") == 2


# --- sending


@pytest.mark.parametrize("path", ["pub/new", "pub/deep/er/new", "pub/big"])
@pytest.mark.parametrize("fault", ["", "keep", "lost"])
def test_a_file_is_sent_under_another_name_until_all_of_it_is_there(
    tmp_path: Path, quick: Limits, path: str, fault: str
) -> None:
    (tmp_path / "x").write_bytes(BIG[::-1])
    with server(fault) as there:
        sent = send(tmp_path / "x", there.url(path, LOGIN), quick)
        assert there.files["/" + path] == BIG[::-1]
        assert sent.size == len(BIG)
        left = [name for name in there.files if name.endswith(".part")]
        assert len(left) == (1 if fault == "lost" else 0)  # that connection could not take it away any more
        assert "STOR /" + path not in there.commands


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("short", "the server has 699999 bytes of 700000"), ("full", "552 the disk is full|broke off|talking")],
)
def test_a_file_that_is_not_there_as_a_whole_is_an_error_and_leaves_nothing(
    tmp_path: Path, quick: Limits, fault: str, reason: str
) -> None:
    (tmp_path / "x").write_bytes(BIG)
    with server(fault) as there:
        with pytest.raises(StagingError, match=reason):
            send(tmp_path / "x", there.url("pub/new", LOGIN), quick)
        assert set(there.files) == set(FILES)
