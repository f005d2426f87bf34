"""Files from and to an FTP server that many people use, with and without TLS."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers.fetch import fetch, send
from parsl_like.remote.transfers.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


@contextmanager
def serving(root: Path, certificate: Path | None = None) -> Iterator[str]:
    """The beginning of the URLs of a server's files."""
    authorizers = pytest.importorskip("pyftpdlib.authorizers")
    handlers = pytest.importorskip("pyftpdlib.handlers")
    ioloop = pytest.importorskip("pyftpdlib.ioloop")
    servers = pytest.importorskip("pyftpdlib.servers")
    users = authorizers.DummyAuthorizer()
    users.add_user("me", "word", str(root), perm="elradfmwMT")
    users.add_anonymous(str(root))
    facts: dict[str, Any] = {"authorizer": users, "auth_failed_timeout": 0}
    base = handlers.FTPHandler
    if certificate is not None:
        pytest.importorskip("OpenSSL")
        base = handlers.TLS_FTPHandler
        facts |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
    loop = ioloop.IOLoop()
    server = servers.FTPServer(("127.0.0.1", 0), type("Handler", (base,), facts), ioloop=loop)
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            loop.loop(timeout=0.05, blocking=False)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        scheme = "ftp" if certificate is None else "ftps"
        yield f"{scheme}://me:word@127.0.0.1:{server.address[1]}"
    finally:
        ending.set()
        thread.join()
        server.close_all()


@pytest.mark.parametrize("tls", [False, True])
def test_files_come_and_go(tmp_path: Path, certificate: Path, tls: bool) -> None:
    limits = Limits(silence=5, tries=2, first_wait=0.01, ca_file=str(certificate))
    root = tmp_path / "root"
    (root / "pub").mkdir(parents=True)
    data = os.urandom(3_000_000)
    (root / "pub" / "a b#ü").write_bytes(data)
    with serving(root, certificate if tls else None) as there:
        assert fetch(f"{there}/pub/a%20b%23%C3%BC", tmp_path / "x", limits).size == len(data)
        assert (tmp_path / "x").read_bytes() == data
        for path in ("new", "pub/new", "deep/er/new", "pub/a b#ü"):
            send(tmp_path / "x", f"{there}/{path}".replace("#", "%23"), limits)
            assert (root / path).read_bytes() == data
        with pytest.raises(StagingError, match="550"):
            fetch(f"{there}/none", tmp_path / "y", limits)
        with pytest.raises(StagingError, match="530"):
            fetch(f"{there.replace('word', 'wrong')}/new", tmp_path / "y", limits)
    assert not [name for _, _, names in os.walk(root) for name in names if name.endswith(".part")]
    assert sorted(os.listdir(tmp_path)) == ["root", "x"]
