"""The floor: what Python and ZeroMQ allow between a program and its workers if there is no feature at all.

A thread of the program turns batches of calls into messages and results into futures; a broker process hands each
batch, unread, to the worker that has least to do; a worker calls, and answers a batch at a time. Nothing is encrypted,
logged, recorded, tried again or noticed when it is lost. The one rule that costs: no more than ``CREDIT`` calls are
under way for each worker, as in an engine that must not drown the processes behind it.

    python floor.py broker <the program's port> <workers>
    python floor.py worker <the broker's port>
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import zmq

CREDIT = 512
BATCH = 256
NO_COPY = 64 * 1024
LOOPBACK = "tcp://127.0.0.1"
PORTS = {"min_port": 20_000, "max_port": 30_000}
"""Away from where the engines listen, whose stray processes would take a place here."""


class Floor:
    """Calls functions in worker processes behind a broker.

    Args:
        workers: How many worker processes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._context = zmq.Context()
        self._link = self._context.socket(zmq.PAIR)
        self._link.set_hwm(0)
        port = self._link.bind_to_random_port(LOOPBACK, **PORTS)
        broker = _start("broker", str(port), str(workers))
        assert broker.stdout is not None
        inner = broker.stdout.readline().decode().strip()
        self._processes = [broker, *(_start("worker", inner) for _ in range(workers))]
        self._link.recv()  # all workers are there
        self._functions: dict[Callable[..., Any], int] = {}
        self._unsent: list[tuple[int, bytes]] = []
        self._calls: deque[tuple[int, int, tuple[Any, ...]]] = deque()
        self._futures: dict[int, Future[Any]] = {}
        self._count = 0
        self._credit = CREDIT * workers
        self._asleep = self._stopping = False
        self._wakes, self._waker = socket.socketpair()
        self._wakes.setblocking(False)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """The future of a call; one thread of the program may submit."""
        known = self._functions.get(function)
        if known is None:
            known = self._introduce(function)
        future: Future[Any] = Future()
        self._count = number = self._count + 1
        self._futures[number] = future
        self._calls.append((number, known, args))
        if self._asleep:
            self._wake()
        return future

    def close(self) -> None:
        """End everything."""
        self._stopping = True
        self._wake()
        self._thread.join()
        self._context.destroy(linger=0)
        for process in self._processes:
            process.kill()
            process.wait()

    def _introduce(self, function: Callable[..., Any]) -> int:
        import cloudpickle

        number = self._functions[function] = len(self._functions)
        self._unsent.append((number, cloudpickle.dumps(function)))
        return number

    def _wake(self) -> None:
        self._asleep = False
        self._waker.send(b"x")

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._link, zmq.POLLIN)
        poller.register(self._wakes.fileno(), zmq.POLLIN)
        while not self._stopping:
            sent, received = self._send(), self._receive()
            if not sent and not received:
                self._sleep(poller)

    def _sleep(self, poller: zmq.Poller) -> None:
        self._asleep = True
        if not (self._calls and self._credit) and not self._stopping:
            poller.poll()
        self._asleep = False
        with contextlib.suppress(BlockingIOError):
            self._wakes.recv(4096)

    def _send(self) -> bool:
        calls = self._calls
        if not calls or not self._credit:
            return False
        while calls and self._credit:
            share = max(1, -(-len(calls) // self._workers))
            batch = [calls.popleft() for _ in range(min(share, BATCH, self._credit, len(calls)))]
            while self._unsent:
                number, blob = self._unsent.pop()
                self._link.send_multipart([b"F", b"%d" % number, blob])
            self._credit -= len(batch)
            body = pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
            self._link.send_multipart([b"T", b"%d" % len(batch), body], copy=len(body) < NO_COPY)
        return True

    def _receive(self) -> bool:
        link, futures, some = self._link, self._futures, False
        while True:
            try:
                count = link.recv(zmq.NOBLOCK)
            except zmq.Again:
                return some
            for number, value in pickle.loads(link.recv(copy=False).buffer):
                futures.pop(number).set_result(value)
            self._credit += int(count)
            some = True


def _start(*words: str) -> subprocess.Popen[bytes]:
    """A process of this file. It ends when its standard input does, and so with whoever started it."""
    command = [sys.executable, os.path.abspath(__file__), *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _end_with_parent() -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def broker(port: str, workers: str) -> None:
    """Pass batches on, each to the worker that has the fewest calls, and answers back."""
    context = zmq.Context()
    up, down = context.socket(zmq.PAIR), context.socket(zmq.ROUTER)
    up.set_hwm(0)
    down.set_hwm(0)
    up.connect(f"{LOOPBACK}:{port}")
    print(down.bind_to_random_port(LOOPBACK, **PORTS), flush=True)
    load = {down.recv_multipart()[0]: 0 for _ in range(int(workers))}
    up.send(b"all here")
    poller = zmq.Poller()
    poller.register(up, zmq.POLLIN)
    poller.register(down, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        if up in ready:
            _pass_down(up, down, load)
        if down in ready:
            _pass_up(up, down, load)


def _pass_down(up: zmq.Socket[bytes], down: zmq.Socket[bytes], load: dict[bytes, int]) -> None:
    with contextlib.suppress(zmq.Again):
        while True:
            kind = up.recv(zmq.NOBLOCK)
            count, body = up.recv(), up.recv(copy=False)
            chosen = list(load) if kind == b"F" else [min(load, key=load.__getitem__)]
            if kind == b"T":
                load[chosen[0]] += int(count)
            for worker in chosen:
                down.send_multipart([worker, kind, count, body], copy=False)


def _pass_up(up: zmq.Socket[bytes], down: zmq.Socket[bytes], load: dict[bytes, int]) -> None:
    with contextlib.suppress(zmq.Again):
        while True:
            worker = down.recv(zmq.NOBLOCK)
            count, body = down.recv(), down.recv(copy=False)
            load[worker] -= int(count)
            up.send_multipart([count, body], copy=False)


def worker(port: str) -> None:
    """Call what comes, and answer each batch at once when its last call has ended."""
    link = zmq.Context().socket(zmq.DEALER)
    link.set_hwm(0)
    link.connect(f"{LOOPBACK}:{port}")
    link.send(b"here")
    functions: dict[int, Callable[..., Any]] = {}
    while True:
        kind, count, body = link.recv(), link.recv(), link.recv(copy=False)
        if kind == b"F":
            functions[int(count)] = pickle.loads(body.buffer)
            continue
        results = [(number, functions[function](*args)) for number, function, args in pickle.loads(body.buffer)]
        answer = pickle.dumps(results, pickle.HIGHEST_PROTOCOL)
        link.send_multipart([count, answer], copy=len(answer) < NO_COPY)


if __name__ == "__main__":
    _end_with_parent()
    role, *arguments = sys.argv[1:]
    (broker if role == "broker" else worker)(*arguments)
