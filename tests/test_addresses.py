from __future__ import annotations

import io
import ipaddress
import socket
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from parsl_like import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator


def entry(address: str) -> SimpleNamespace:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return SimpleNamespace(family=family, address=address)


INTERFACES = {
    "lo": [entry("127.0.0.1"), entry("::1")],
    "eth0": [
        SimpleNamespace(family=psutil.AF_LINK, address="02:42:ac:11:00:02"),
        entry("fe80::1%eth0"),
        entry("fd00::2"),
        entry("10.1.2.3"),
        entry("169.254.7.7"),
    ],
    "down0": [],
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with known interfaces, a host name without an address and no route out."""

    def nothing(*_: Any) -> Any:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(psutil, "net_if_addrs", lambda: INTERFACES)
    monkeypatch.setattr(socket, "gethostbyname", nothing)
    monkeypatch.setattr(socket.socket, "connect", nothing)


# --- this machine


def test_all_addresses_are_addresses_and_one_of_them_is_this_machines_own() -> None:
    found = addresses.get_all_addresses()
    assert "127.0.0.1" in found
    for address in found:
        ipaddress.ip_address(address)
    ipaddress.ip_address(addresses.get_any_address())


def test_own_addresses_come_in_the_order_in_which_they_should_be_tried(
    machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert addresses.own_addresses() == ["10.1.2.3", "fd00::2", "127.0.0.1", "::1"]
    assert addresses.own_addresses(ipv6=False) == ["10.1.2.3", "127.0.0.1"]
    asked: list[bool] = []

    def outward(*, ipv6: bool) -> str:
        asked.append(ipv6)
        return "fd00::2" if ipv6 else "10.9.9.9"

    monkeypatch.setattr(addresses, "_outward_address", outward)
    monkeypatch.setitem(INTERFACES, "wlan0", [entry("10.9.9.9"), entry("10.1.2.3")])
    assert addresses.own_addresses() == ["fd00::2", "10.1.2.3", "10.9.9.9", "127.0.0.1", "::1"]
    assert addresses.own_addresses(ipv6=False) == ["10.9.9.9", "10.1.2.3", "127.0.0.1"]
    assert asked == [True, False]


def test_the_loopback_interface_has_its_address() -> None:
    name = next(name for name, found in psutil.net_if_addrs().items() if any(a.address == "127.0.0.1" for a in found))
    assert addresses.address_by_interface(name) == "127.0.0.1"


# --- a known machine


@pytest.mark.usefixtures("machine")
def test_an_interface_is_known_by_its_ipv4_address_first() -> None:
    assert addresses.address_by_interface("eth0") == "10.1.2.3"


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", ["wlan0", "down0"])
def test_an_interface_without_an_address_is_answered_with_those_that_have_one(name: str) -> None:
    with pytest.raises(OSError, match=f"no interface '{name}' with an address; there are: eth0, lo"):
        addresses.address_by_interface(name)


@pytest.mark.usefixtures("machine")
def test_without_a_network_all_addresses_are_the_interfaces_own() -> None:
    assert addresses.get_all_addresses() == {"127.0.0.1", "::1", "10.1.2.3", "fd00::2"}


@pytest.mark.usefixtures("machine")
def test_without_a_network_any_address_is_one_that_neighbours_can_use() -> None:
    assert addresses.get_any_address() == "10.1.2.3"


@pytest.mark.usefixtures("machine")
def test_what_cannot_be_found_out_is_said_with_what_to_try() -> None:
    with pytest.raises(OSError, match=r"no route leads out.*address_by_interface"):
        addresses.address_by_route()
    with pytest.raises(OSError, match=r"host name .* has no address.*address_by_interface"):
        addresses.address_by_hostname()


def test_a_machine_without_addresses_says_so(machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_if_addrs", dict)
    assert addresses.get_all_addresses() == set()
    with pytest.raises(OSError, match="no address; is its network up"):
        addresses.get_any_address()


def test_nothing_is_printed(machine: None, capfd: pytest.CaptureFixture[str]) -> None:
    addresses.get_all_addresses()
    assert capfd.readouterr() == ("", "")


def test_the_route_tells_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def connect(_self: socket.socket, target: Any) -> None:
        asked.append(target)
        if len(asked) == 1:
            raise OSError("no IPv4 here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "getsockname", lambda _self: ("fd00::9", 1, 0, 0))
    if not socket.has_ipv6:
        pytest.skip("this interpreter has no IPv6")
    assert addresses.address_by_route() == "fd00::9"
    assert len(asked) == 2


def test_the_host_name_tells_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    monkeypatch.setattr(socket, "gethostbyname", {"here": "10.9.8.7"}.__getitem__)
    assert addresses.address_by_hostname() == "10.9.8.7"


# --- the query, never made by itself


@pytest.mark.parametrize(("answer", "good"), [(b"203.0.113.5\n", True), (b"<html>sign in</html>", False)])
def test_a_query_believes_nothing_but_an_address(monkeypatch: pytest.MonkeyPatch, answer: bytes, good: bool) -> None:
    @contextmanager
    def urlopen(url: str, timeout: float) -> Iterator[io.BytesIO]:
        assert url.startswith("https://")
        assert timeout == 7
        yield io.BytesIO(answer)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    if good:
        assert addresses.address_by_query(timeout=7) == "203.0.113.5"
    else:
        with pytest.raises(OSError, match=r"sign in.*no address"):
            addresses.address_by_query(timeout=7)


def test_nothing_else_makes_it(machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the internet was asked")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    addresses.get_all_addresses()
    addresses.get_any_address()


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [
        ("10.0.0.1", 5, "tcp://10.0.0.1:5"),
        ("node-1", "*", "tcp://node-1:*"),
        ("*", 5, "tcp://*:5"),
        ("::1", 5, "tcp://[::1]:5"),
        ("[::1]", 5, "tcp://[::1]:5"),
        ("fd00::2", None, "tcp://[fd00::2]"),
        ("10.0.0.1", None, "tcp://10.0.0.1"),
        ("10.0.0.1", 0, "tcp://10.0.0.1:0"),
    ],
)
def test_urls(address: str, port: int | str | None, url: str) -> None:
    assert addresses.tcp_url(address, port) == url
