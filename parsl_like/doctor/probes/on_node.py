"""What a test block runs on each of its nodes: it looks around, and tells what it has seen.

It is sent as text and runs alone, under whatever Python is found there. So it needs no more than Python 3.6, and
imports nothing of this package but to see whether it is there. What it has seen is one line of JSON: on its standard
output, and to the first address that answers with the right word.
"""

import base64
import json
import os
import platform
import socket
import sys
import threading
import time
from typing import Any

MARK = "PARSL_LIKE_DOCTOR "
"""Begins the line with what was seen."""


def main(word: str) -> None:
    """Look around and tell; the argument says what to look at."""
    asked = json.loads(base64.b64decode(word).decode())
    urls, token, patience = asked["urls"], asked["token"], asked["patience"]
    reached = reach(urls, token, patience)
    seen = {
        "token": token,
        "node": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "reached": reached,
        "folder": folder_trouble(asked["folder"], token),
        "packages": {name: version(name) for name in asked["packages"]},
        "time": time.time(),
    }
    seen.update(package())
    line = json.dumps(seen)
    print(MARK + line, flush=True)  # noqa: T201 - it is read there
    for url in urls:
        if not reached[url] and tell(url, line, patience):
            break


def reach(urls: Any, token: str, patience: float) -> Any:
    """For each address, why it cannot be reached; empty if it can. All are tried at once."""
    found: Any = {}

    def look(url: str) -> None:
        try:
            with call(url, patience) as door, door.makefile() as words:
                found[url] = "" if words.readline(200).strip() == token else "something else answers there"
        except (OSError, ValueError) as error:
            found[url] = str(error) or type(error).__name__

    threads = [threading.Thread(target=look, args=(url,), daemon=True, name=url) for url in urls]
    for thread in threads:
        thread.start()
    deadline = time.time() + 2 * patience
    for thread in threads:
        thread.join(max(0.0, deadline - time.time()))
    return {url: found.get(url, f"no answer within {2 * patience:g} s") for url in urls}


def call(url: str, patience: float) -> socket.socket:
    """A connection to ``tcp://host:port``, with a first word: a tunnel leads nobody anywhere who says nothing."""
    host, _, port = url[len("tcp://") :].rpartition(":")
    door = socket.create_connection((host.strip("[]"), int(port)), patience)
    door.settimeout(patience)
    door.sendall(b"\n")
    return door


def tell(url: str, line: str, patience: float) -> bool:
    """Whether a line could be sent."""
    try:
        with call(url, patience) as door, door.makefile() as words:
            words.readline(200)
            door.sendall(line.encode() + b"\n")
    except OSError:
        return False
    return True


def folder_trouble(folder: Any, token: str) -> Any:
    """Why a folder is not the one in which somebody has left the token; None if it is, or if none is asked for."""
    if folder is None:
        return None
    try:
        with open(os.path.join(folder, "token"), encoding="ascii") as file:
            if file.read().strip() != token:
                return f"{folder} is another folder there"
        with open(os.path.join(folder, f"node-{socket.gethostname()}-{os.getpid()}"), "w", encoding="ascii"):
            pass
    except (OSError, ValueError) as error:
        return str(error)
    return None


def package() -> Any:
    """The version of this package there, or what keeps it from being imported."""
    try:
        from parsl_like.version import VERSION
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what has to be told
        return {"package": None, "package_trouble": f"{type(error).__name__}: {error}"}
    return {"package": VERSION, "package_trouble": ""}


def version(name: str) -> Any:
    """The version of an installed package, None if it is not there."""
    try:
        from importlib import metadata

        return metadata.version(name)
    except Exception:  # noqa: BLE001 - it is not there, or this Python is too old to tell
        return None


if __name__ == "__main__":
    main(sys.argv[-1])
