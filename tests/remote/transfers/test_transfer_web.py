"""Files from and to a web server, with every fault that servers have."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers.fetch import fetch, send
from parsl_like.remote.transfers.limits import Limits
from tests.remote.transfers.conftest import BIG
from tests.remote.transfers.web_server import PASSWORD, USER, WebServer

if TYPE_CHECKING:
    from pathlib import Path

QUOTED = PASSWORD.replace(":", "%3A")


def refused(url: str, path: Path, limits: Limits) -> str:
    """The reason why a file cannot be had; nothing is left of the try."""
    before = sorted(os.listdir(path.parent))
    with pytest.raises(StagingError) as caught:
        fetch(url, path, limits)
    assert sorted(os.listdir(path.parent)) == before
    assert caught.value.url.startswith(url.partition("://")[0])
    return caught.value.reason


# --- what goes well


@pytest.mark.parametrize(
    "name", ["big", "small", "empty", "a%20b%23%C3%BC", "chunked/big", "endless/big", "redirect/3/big"]
)
def test_a_file_arrives(web: WebServer, tmp_path: Path, quick: Limits, name: str) -> None:
    moved = fetch(web.url(name), tmp_path / "new" / "x", quick)
    wanted = web.files[{"a%20b%23%C3%BC": "a b#ü"}.get(name, name.rpartition("/")[2])]
    assert (tmp_path / "new" / "x").read_bytes() == wanted
    assert (moved.size, moved.tries, moved.path) == (len(wanted), 1, str(tmp_path / "new" / "x"))
    assert os.listdir(tmp_path / "new") == ["x"]


def test_it_has_the_rights_of_any_new_file_and_takes_the_place_of_an_older_one(
    web: WebServer, tmp_path: Path, quick: Limits
) -> None:
    (tmp_path / "made").touch()
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "x").symlink_to("elsewhere")
    fetch(web.url("small"), tmp_path / "x", quick)
    assert not (tmp_path / "x").is_symlink()
    assert (tmp_path / "x").read_bytes() == b"contents"
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "made").stat().st_mode


def test_a_file_system_that_knows_no_files_without_names_gets_one_with_a_hidden_name(
    web: WebServer, tmp_path: Path, quick: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", 0)
    fetch(web.url("big"), tmp_path / ("x" * 250), quick)
    assert (tmp_path / ("x" * 250)).read_bytes() == BIG
    assert "404" in refused(web.url("nothing"), tmp_path / "y", quick)
    assert os.listdir(tmp_path) == ["x" * 250]


def test_a_file_system_that_cannot_name_them_either_gets_a_copy(
    web: WebServer, tmp_path: Path, quick: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    fetch(web.url("big"), tmp_path / "x", quick)
    assert (tmp_path / "x").read_bytes() == BIG
    assert os.listdir(tmp_path) == ["x"]


# --- what a server does not have, or does not give


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (410, 1), (500, 3), (503, 3), (429, 3)])
def test_what_a_server_refuses_is_said_and_tried_again_if_it_may_change(
    web: WebServer, tmp_path: Path, quick: Limits, status: int, tries: int
) -> None:
    assert f"the server answers {status}" in refused(web.url(f"status/{status}/x"), tmp_path / "x", quick)
    assert len(web.requests) == tries


def test_an_error_that_passes_costs_only_time(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    assert fetch(web.url("flaky/2/503/big"), tmp_path / "x", quick).tries == 3
    assert (tmp_path / "x").read_bytes() == BIG


def test_redirects_end(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    assert "redirects go round in a circle" in refused(web.url("circle"), tmp_path / "x", quick)
    assert "more than 10 redirects" in refused(web.url("redirect/12/big"), tmp_path / "x", quick)
    assert "which is not HTTP" in refused(web.url("down"), tmp_path / "x", quick)
    assert "redirects to what cannot be fetched" in refused(web.url("local"), tmp_path / "x", quick)


def test_what_a_server_says_is_not_repeated_at_length(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    reason = refused(web.url("wordy"), tmp_path / "x", quick)
    assert reason.startswith("the server answers 404 [31mno no")
    assert len(reason) < 300


# --- connections that break


@pytest.mark.parametrize("fault", ["once-cut", "reset"])
def test_what_broke_off_is_gone_on_with(web: WebServer, tmp_path: Path, quick: Limits, fault: str) -> None:
    moved = fetch(web.url(f"{fault}/500000/big"), tmp_path / "x", quick)
    assert (tmp_path / "x").read_bytes() == BIG
    assert moved.tries == 2
    second = web.requests[1][2]
    begin = int(second["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begin <= 500_000
    assert second["If-Range"] == f'"{hashlib.sha256(BIG).hexdigest()}"'


def test_a_time_may_stand_for_a_tag(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    fetch(web.url("dated/400000/big"), tmp_path / "x", quick)
    assert (tmp_path / "x").read_bytes() == BIG
    assert web.marks[0] is None
    assert web.marks[1] is not None


@pytest.mark.parametrize("fault", ["no-ranges", "changing"])
def test_a_file_that_cannot_be_gone_on_with_is_begun_again(
    web: WebServer, tmp_path: Path, quick: Limits, fault: str
) -> None:
    assert fetch(web.url(f"{fault}/500000/big"), tmp_path / "x", quick).tries == 2
    assert (tmp_path / "x").read_bytes() == (BIG if fault == "no-ranges" else BIG[::-1])


def test_a_file_that_comes_in_portions_arrives_in_more_tries_than_may_be_vain(
    web: WebServer, tmp_path: Path, quick: Limits
) -> None:
    assert fetch(web.url("portions/100000/big"), tmp_path / "x", quick).tries == 7
    assert (tmp_path / "x").read_bytes() == BIG
    assert "(tried 3 times" in refused(web.url("cut/1000/big"), tmp_path / "y", quick)


def test_chunks_that_are_torn_are_noticed(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    assert "broke off" in refused(web.url("torn/big"), tmp_path / "x", quick)


def test_a_server_that_says_nothing_is_given_up(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    assert "nothing came for too long" in refused(web.url("silent"), tmp_path / "x", quick)


def test_a_server_that_sends_next_to_nothing_is_given_up(web: WebServer, tmp_path: Path) -> None:
    slow = Limits(silence=20.0, total=1.0, tries=2, first_wait=0.01)
    assert "the 1 s that it may take are over" in refused(web.url("drip/big"), tmp_path / "x", slow)
    slow = Limits(silence=0.5, tries=1)
    assert "it has stalled" in refused(web.url("drop/x"), tmp_path / "x", slow)


def test_what_is_no_web_server_is_said(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    assert "does not answer as a web server does" in refused(web.url("garbage"), tmp_path / "x", quick)


def test_nobody_there(tmp_path: Path, quick: Limits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert f"connecting to 127.0.0.1:{port}: Connection refused" in refused(
        f"http://127.0.0.1:{port}/x", tmp_path / "x", quick
    )


# --- checks


@pytest.mark.parametrize("kind", ["md5", "sha", "repr"])
def test_checksums_of_the_server_are_compared(web: WebServer, tmp_path: Path, quick: Limits, kind: str) -> None:
    assert fetch(web.url(f"digest/{kind}/big"), tmp_path / "x", quick).digests
    reason = refused(web.url(f"digest/wrong-{kind}/big"), tmp_path / "y", quick)
    assert "and should be" in reason


def test_checksum_and_size_may_stand_in_the_url(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    right, wrong = hashlib.sha256(BIG).hexdigest(), "0" * 64
    moved = fetch(web.url(f"once-cut/500000/big#sha256={right}&size={len(BIG)}"), tmp_path / "x", quick)
    assert moved.digests == {"sha256": right}
    assert f"its sha256 is {right}, and should be {wrong}" in refused(
        web.url(f"big#sha256={wrong}"), tmp_path / "y", quick
    )
    assert "and 5 were expected" in refused(web.url("big#size=5"), tmp_path / "y", quick)
    assert "only 700000 of 800000 bytes came" in refused(web.url("chunked/big#size=800000"), tmp_path / "y", quick)


# --- secrets


def test_user_and_password_are_sent_and_never_told(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    user = f"{USER}:{QUOTED}@"
    moved = fetch(web.url("auth/big", user=user), tmp_path / "x", quick)
    assert (tmp_path / "x").read_bytes() == BIG
    assert USER not in moved.url
    for path in ("status/500/x", "auth/nothing", "circle", "garbage", "cut/10/big?token=hidden&part=1"):
        with pytest.raises(StagingError) as caught:
            fetch(web.url(path, user=user), tmp_path / "y", quick)
        told = "".join(map(str, (caught.value, caught.value.__cause__, caught.value.url, caught.value.args)))
        for secret in (USER, PASSWORD, QUOTED, "s3cret", "hidden"):
            assert secret not in told


def test_another_server_is_not_told_the_password(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    with WebServer(dict(web.files)) as other:
        fetch(web.url(f"away/{other.port}/big", user=f"{USER}:{QUOTED}@"), tmp_path / "x", quick)
        assert "Authorization" in web.requests[0][2]
        assert "Authorization" not in other.requests[0][2]


# --- TLS


def test_tls_is_verified(certificate: Path, tmp_path: Path, quick: Limits) -> None:
    with WebServer({"x": BIG}, certificate) as server:
        assert "certificate cannot be verified" in refused(server.url("x"), tmp_path / "x", quick)
        assert server.requests == []
        known = Limits(silence=quick.silence, tries=2, first_wait=0.01, ca_file=str(certificate))
        fetch(server.url("x"), tmp_path / "x", known)
        assert (tmp_path / "x").read_bytes() == BIG
        assert "Hostname mismatch" in refused(server.url("x").replace("127.0.0.1", "localhost"), tmp_path / "y", known)
        assert "cannot be used" in refused(
            server.url("x"), tmp_path / "y", Limits(tries=1, ca_file=str(tmp_path / "none"))
        )


def test_tls_is_not_left_by_a_redirect(web: WebServer, certificate: Path, tmp_path: Path) -> None:
    known = Limits(silence=2.0, tries=1, ca_file=str(certificate))
    with WebServer({}, certificate) as server:
        assert "where TLS does not protect it" in refused(server.url(f"away/{web.port}/big"), tmp_path / "x", known)
    assert web.requests == []


# --- this machine


def test_a_proxy_of_the_environment_is_asked(
    web: WebServer, tmp_path: Path, quick: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://u:pw@127.0.0.1:{web.port}")
    assert "404" in refused("http://files.invalid/data/x", tmp_path / "x", quick)
    method, path, headers = web.requests[0]
    assert (method, path, headers["Host"]) == ("GET", "http://files.invalid/data/x", "files.invalid")
    assert headers["Proxy-Authorization"] == "Basic dTpwdw=="
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fetch(web.url("small"), tmp_path / "x", quick)


class _Tunnels(socketserver.StreamRequestHandler):
    """A proxy that connects to where it is told, for those who know the password."""

    seen: list[str]

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        fields = dict(part.decode().strip().split(": ", 1) for part in iter(self.rfile.readline, b"\r\n"))
        type(self).seen.append(line.strip())
        if fields.get("Proxy-Authorization") != "Basic dTpwdw==":
            self.wfile.write(b"HTTP/1.1 407 Who are you\r\n\r\n")
            return
        host, port = line.split()[1].rsplit(":", 1)
        with socket.create_connection((host, int(port)), 10) as there:
            self.wfile.write(b"HTTP/1.1 200 there you are\r\n\r\n")
            back = threading.Thread(target=self._copy, args=(there, self.connection))
            back.start()
            self._copy(self.connection, there)
            back.join()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)


def test_tls_goes_through_a_proxy_as_a_whole(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Limits(silence=5.0, tries=1, ca_file=str(certificate))
    handler = type("Tunnels", (_Tunnels,), {"seen": []})
    with (
        WebServer({"x": BIG}, certificate) as server,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as proxy,
    ):
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,))
        thread.start()
        try:
            monkeypatch.setenv("https_proxy", f"http://u:pw@127.0.0.1:{proxy.server_address[1]}")
            fetch(server.url("x"), tmp_path / "x", known)
            monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.server_address[1]}")
            assert "407" in refused(server.url("x"), tmp_path / "y", known)
        finally:
            proxy.shutdown()
            thread.join()
    assert (tmp_path / "x").read_bytes() == BIG
    assert [line.split()[:2] for line in handler.seen] == [["CONNECT", f"127.0.0.1:{server.port}"]] * 2


def test_a_disk_without_room_is_told_before_anything_comes(
    web: WebServer, tmp_path: Path, quick: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("parsl_like.remote.transfers.landing.shutil.disk_usage", lambda _: Usage)
    assert "has 1000 bytes free, and 700000 more are needed" in refused(web.url("big"), tmp_path / "x", quick)
    assert len(web.requests) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_disk_that_is_full_is_told(
    web: WebServer, tmp_path: Path, quick: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    from parsl_like.remote.transfers.landing import Landing

    monkeypatch.setattr(Landing, "_opened", lambda *_: os.open("/dev/full", os.O_RDWR))
    for name in ("big", "chunked/big", "small"):
        assert "No space left on device" in refused(web.url(name), tmp_path / "x", quick)


def test_a_place_that_is_a_directory_or_cannot_be_made_is_told(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert "Is a directory" in refused(web.url("small"), tmp_path / "folder", quick)
    with pytest.raises(StagingError, match=r"File exists|Not a directory"):
        fetch(web.url("small"), tmp_path / "file" / "x", quick)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("gopher://h/x", "gopher: is none of http:, https:, ftp:, ftps:, sftp:"),
        ("http:///x", "the URL names no host"),
        ("http://h:99999/x", "it is no URL"),
        ("http://h/a\r\nX: y", "control character"),
        ("ftp://h/a%0d%0aDELE x", "control character"),
    ],
)
def test_what_is_no_url_of_a_file_is_refused(url: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(StagingError, match=reason):
        fetch(url, tmp_path / "x")
    assert os.listdir(tmp_path) == []


# --- sending


@pytest.mark.parametrize("name", ["new", "a/b c#1", "redirect/new", "flaky/new"])
def test_a_file_is_sent(web: WebServer, tmp_path: Path, quick: Limits, name: str) -> None:
    (tmp_path / "x").write_bytes(BIG)
    sent = send(tmp_path / "x", web.url(name.replace("#", "%23")), quick)
    assert web.files[name.removeprefix("redirect/")] == BIG
    assert sent.size == len(BIG)


def test_a_file_that_a_server_does_not_take_is_an_error(web: WebServer, tmp_path: Path, quick: Limits) -> None:
    (tmp_path / "x").write_bytes(BIG * 10)
    with pytest.raises(StagingError, match="the server answers 507"):
        send(tmp_path / "x", web.url("full/x"), quick)
    (tmp_path / "x").write_bytes(BIG)
    with pytest.raises(StagingError, match="the server has 699999 bytes of 700000"):
        send(tmp_path / "x", web.url("short/x"), quick)
    with pytest.raises(StagingError, match="is no file that could be sent"):
        send(tmp_path / "y", web.url("x"), quick)
