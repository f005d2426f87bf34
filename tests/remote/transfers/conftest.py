"""Servers and bounds for the tests of transfers."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from parsl_like.remote.transfers.limits import Limits
from tests.remote.transfers.web_server import WebServer, forget_proxies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIG = random.Random(8).randbytes(700_000)
FILES = {"big": BIG, "small": b"contents", "empty": b"", "a b#ü": b"odd name"}


@pytest.fixture
def quick() -> Limits:
    """Bounds that are reached soon."""
    return Limits(silence=1.0, tries=3, first_wait=0.01, longest_wait=0.05)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer(dict(FILES)) as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and its certificate for 127.0.0.1, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("certificates are made by openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=tests",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            str(folder / "key.pem"),
            "-out",
            str(folder / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )
    path = folder / "server.pem"
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return path
