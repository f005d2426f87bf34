"""Both ends of a connection that is measured, each a process of its own, with nothing but the standard library.

`serve` prints its port and answers until its standard input ends. `measure ROUTE MEGABYTES TRIPS` prints figures of a
connection to `host:port`; `again ROUTE` prints after how many seconds there is one that works.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import threading
import time

PIECE = bytes(1 << 18)
MESSAGE = bytes(64)
TIMEOUT_S = 60.0
NUMBER = 8


def serve() -> None:
    """Take connections: each says what it wants by its first byte."""
    door = socket.create_server(("127.0.0.1", 0))
    print(door.getsockname()[1], flush=True)
    threading.Thread(target=_accept, args=[door], daemon=True).start()
    sys.stdin.read()


def _accept(door: socket.socket) -> None:
    while True:
        end, _ = door.accept()
        threading.Thread(target=_answer, args=[end], daemon=True).start()


def _answer(end: socket.socket) -> None:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with end:
        wanted = end.recv(1)
        if wanted == b"u":
            count = int.from_bytes(_exactly(end, NUMBER), "little")
            _take(end, count)
            end.sendall(b"!")
        elif wanted == b"d":
            _give(end, int.from_bytes(_exactly(end, NUMBER), "little"))
        elif wanted == b"e":
            while message := end.recv(1 << 16):
                end.sendall(message)


def _exactly(end: socket.socket, count: int) -> bytes:
    text = b""
    while len(text) < count:
        piece = end.recv(count - len(text))
        if not piece:
            raise ConnectionError("it ended")
        text += piece
    return text


def _take(end: socket.socket, count: int) -> None:
    buffer = bytearray(len(PIECE))
    while count:
        took = end.recv_into(buffer, min(count, len(buffer)))
        if not took:
            raise ConnectionError("it ended")
        count -= took


def _give(end: socket.socket, count: int) -> None:
    while count:
        end.sendall(PIECE[:count])
        count -= min(count, len(PIECE))


def connected(route: str, wanted: bytes) -> socket.socket:
    """A connection that has said what it wants."""
    host, _, port = route.rpartition(":")
    end = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.sendall(wanted)
    return end


def measure(route: str, megabytes: int, trips: int) -> dict[str, float]:
    """MB/s in both directions, and the median of round trips in microseconds."""
    count = megabytes * 1_000_000
    number = count.to_bytes(NUMBER, "little")
    began = time.perf_counter()
    with connected(route, b"u" + number) as end:
        _give(end, count)
        _exactly(end, 1)
    up = time.perf_counter() - began
    began = time.perf_counter()
    with connected(route, b"d" + number) as end:
        _take(end, count)
    down = time.perf_counter() - began
    times = []
    with connected(route, b"e") as end:
        for _ in range(trips):
            began = time.perf_counter()
            end.sendall(MESSAGE)
            _exactly(end, len(MESSAGE))
            times.append(1e6 * (time.perf_counter() - began))
    return {"up": megabytes / up, "down": megabytes / down, "trip": statistics.median(times)}


def again(route: str) -> float:
    """Seconds until a message comes back over a new connection."""
    began = time.perf_counter()
    while time.perf_counter() - began < TIMEOUT_S:
        try:
            with connected(route, b"e") as end:
                end.settimeout(2.0)
                end.sendall(MESSAGE)
                _exactly(end, len(MESSAGE))
                return time.perf_counter() - began
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"nothing came back within {TIMEOUT_S:g} s")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    elif sys.argv[1] == "measure":
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        print(json.dumps({"again": again(sys.argv[2])}))
