"""Files on servers, for the examples that fetch some."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.documents.servers import FTPServer, HTTPServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {"/README.txt": b"read me\n", "/pub/format.txt": b"The format has changed\n"}
FILES["/pub/FORMAT.txt"] = FILES["/pub/format.txt"]


@pytest.fixture
def servers() -> Iterator[dict[str, str]]:
    """Environment variables that say where a web server and an FTP server are that have the same files."""
    with ExitStack() as ending:
        places = {}
        for name, scheme, kind in (("DOCUMENTS_HTTP", "http", HTTPServer), ("DOCUMENTS_FTP", "ftp", FTPServer)):
            server = ending.enter_context(kind(FILES))
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), name=scheme)
            thread.start()
            ending.callback(thread.join)
            ending.callback(server.shutdown)
            places[name] = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        yield places
