"""Sockets of the links: what they promise about connections, sizes and copies."""

from __future__ import annotations

import os
import shutil
import socket as sockets
import tracemalloc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import zmq
from zmq.utils.garbage import gc as lender

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput import links
from parsl_like.executors.high_throughput.protocol import MAX_FRAME

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20_000
Context = zmq.Context[zmq.Socket[bytes]]


@pytest.fixture
def context() -> Iterator[Context]:
    kept = []

    class Keeper(Context):
        """Keeps sockets alive beyond the test function, so that it need not close each."""

        def socket(self, *args: Any, **options: Any) -> Any:
            kept.append(super().socket(*args, **options))
            return kept[-1]

    made = Keeper()
    yield made
    made.destroy(linger=0)
    lender.stop()  # pyzmq's thread, which lives as long as its process once a large part was sent


@pytest.fixture
def directory() -> Iterator[str]:
    made = links.socket_directory()
    yield made
    shutil.rmtree(made)


def pair(context: Context) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
    router = links.listen(context, zmq.ROUTER)
    dealer = links.connect(context, zmq.DEALER, links.bind_tcp(router, "127.0.0.1"), identity=b"m")
    assert next_message(router, dealer) == [b"m", b""]
    return router, dealer


def next_message(socket: zmq.Socket[bytes], *others: zmq.Socket[bytes]) -> list[Any]:
    """The next message of a socket, while the others are polled as their owners would."""
    poller = zmq.Poller()
    for one in (socket, *others):
        poller.register(one, zmq.POLLIN)
    while dict(poller.poll(PATIENCE)):
        if parts := links.receive(socket):
            return parts
    raise AssertionError("nothing came")


def test_a_message_goes_both_ways(context: Context) -> None:
    router, dealer = pair(context)
    assert links.receive(router) is None
    assert links.send(dealer, b"frame", [b"one", memoryview(b"two")])
    who, frame, *buffers = next_message(router)
    assert (who, frame, [bytes(part) for part in buffers]) == (b"m", b"frame", [b"one", b"two"])
    assert links.send(router, b"answer", to=b"m")
    assert next_message(dealer) == [b"answer"]


def test_large_buffers_are_not_copied_by_whoever_passes_them_on(context: Context) -> None:
    router, dealer = pair(context)
    size = 32 * 1024 * 1024
    payload = bytearray(size)
    tracemalloc.start()
    try:
        assert links.send(dealer, b"frame", [memoryview(payload)])
        _, _, part = next_message(router)
        assert links.send(router, b"frame", [part], to=b"m")
        _, back = next_message(dealer)
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()
    assert len(back) == size


def test_a_peer_that_is_not_there_is_said_at_once(context: Context) -> None:
    router, dealer = pair(context)
    assert links.send(router, b"x", [b"buffer"], to=b"nobody") is False
    assert links.send(router, b"x", to=b"m") is True
    dealer.close(linger=0)
    while links.send(router, b"x", to=b"m"):
        router.poll(10)


def test_a_named_peer_that_is_not_connected_takes_nothing(context: Context) -> None:
    with sockets.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dealer = links.connect(context, zmq.DEALER, f"tcp://127.0.0.1:{unused.getsockname()[1]}", identity=b"m")
        assert links.send(dealer, b"x", [b"y"]) is False


def test_an_error_that_is_nobodys_absence_is_raised(context: Context) -> None:
    router, _ = pair(context)
    router.close()
    with pytest.raises(zmq.ZMQError, match=r"not supported|not a socket|non-socket"):
        links.send(router, b"x", to=b"m")


def test_a_connection_that_comes_back_announces_itself_again(context: Context) -> None:
    router, dealer = pair(context)
    url = router.getsockopt_string(zmq.LAST_ENDPOINT)
    router.close(linger=0)
    while links.send(dealer, b"lost"):
        dealer.poll(10)
    router = links.listen(context, zmq.ROUTER, url=url)
    assert next_message(router, dealer) == [b"m", b""]
    assert links.send(dealer, b"heard")
    assert next_message(router) == [b"m", b"heard"]


def test_a_newcomer_of_the_same_name_takes_over(context: Context) -> None:
    router, old = pair(context)
    url = router.getsockopt_string(zmq.LAST_ENDPOINT)
    new = links.connect(context, zmq.DEALER, url, identity=b"m")
    assert next_message(router, new) == [b"m", b""]
    assert links.send(router, b"for you", to=b"m")
    assert next_message(new) == [b"for you"]
    assert links.receive(old) is None


def test_without_a_name_messages_wait_for_the_connection(context: Context, directory: str) -> None:
    url = f"ipc://{directory}/late"
    dealer = links.connect(context, zmq.DEALER, url)
    assert links.send(dealer, b"early") is True
    listener = links.listen(context, zmq.DEALER, url=url)
    assert next_message(listener) == [b"early"]


def test_a_control_link_refuses_large_frames_and_goes_on(context: Context) -> None:
    router = links.listen(context, zmq.ROUTER, link="control")
    url = links.bind_tcp(router, "127.0.0.1")
    dealer = links.connect(context, zmq.DEALER, url, link="control", identity=b"m")
    assert next_message(router, dealer) == [b"m", b""]
    assert links.send(dealer, bytes(MAX_FRAME + 1))
    assert next_message(router, dealer) == [b"m", b""]  # the connection was ended, and made again
    assert links.send(dealer, b"small")
    assert next_message(router) == [b"m", b"small"]


def test_keys_are_not_used_on_unix_sockets(context: Context, directory: str, tmp_path: Path) -> None:
    links.create_keys(tmp_path / "keys")
    keys = links.load_keys(tmp_path / "keys", "manager")
    url = f"ipc://{directory}/plain"
    router = links.listen(context, zmq.ROUTER, url=url)
    dealer = links.connect(context, zmq.DEALER, url, keys=keys, peer="interchange", identity=b"m")
    assert next_message(router, dealer) == [b"m", b""]


def test_a_url_that_cannot_be_bound_is_named(context: Context) -> None:
    with pytest.raises(ExecutorError, match="ipc:///nonexistent/place"):
        links.listen(context, zmq.ROUTER, url="ipc:///nonexistent/place")


# --- ports


def test_a_port_of_the_range_is_found_and_the_taken_ones_passed_over(context: Context) -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = taken.getsockname()[1]
        router = links.listen(context, zmq.ROUTER)
        url = links.bind_tcp(router, "127.0.0.1", None, (first, first + 20))
        assert first < int(url.rpartition(":")[2]) <= first + 20


@pytest.mark.parametrize("ranged", [True, False])
def test_a_taken_port_is_named(context: Context, ranged: bool) -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        choice = (None, (port, port)) if ranged else (port, (1, 2))
        with pytest.raises(ExecutorError, match=rf"127\.0\.0\.1, port {port}.*in use"):
            links.bind_tcp(links.listen(context, zmq.ROUTER), "127.0.0.1", *choice)


def test_an_address_of_another_machine_is_named_without_trying_each_port(context: Context) -> None:
    with pytest.raises(ExecutorError, match=r"198\.51\.100\.7.*assign"):
        links.bind_tcp(links.listen(context, zmq.ROUTER), "198.51.100.7", None, (50000, 60000))


def test_an_empty_range_is_said(context: Context) -> None:
    with pytest.raises(ExecutorError, match="5 to 4: the range is empty"):
        links.bind_tcp(links.listen(context, zmq.ROUTER), "127.0.0.1", None, (5, 4))


def test_an_unknown_name_is_said(context: Context) -> None:
    with pytest.raises(ExecutorError, match=r"no\.such\.host\.invalid"):
        links.bind_tcp(links.listen(context, zmq.ROUTER), "no.such.host.invalid")


def test_a_wildcard_listens_everywhere(context: Context) -> None:
    router = links.listen(context, zmq.ROUTER)
    assert links.bind_tcp(router, "*").startswith("tcp://0.0.0.0:")


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="this machine has no IPv6")
def test_ipv6_addresses_work(context: Context) -> None:
    router = links.listen(context, zmq.ROUTER)
    url = links.bind_tcp(router, "[::1]")
    assert url.startswith("tcp://[::1]:")
    dealer = links.connect(context, zmq.DEALER, url, identity=b"m")
    assert next_message(router, dealer) == [b"m", b""]
