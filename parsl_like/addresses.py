"""Addresses of this machine as other machines may reach it. None of the functions sends anything, but for one."""

from __future__ import annotations

import ipaddress
import socket

_PUBLIC_ADDRESS_SERVICE = "https://api.ipify.org"
_SOMEWHERE = (("8.8.8.8", socket.AF_INET), ("2001:4860:4860::8888", socket.AF_INET6))
"""Addresses far away, to see by which interface one would leave; nothing is sent to them."""


def address_by_hostname() -> str:
    """The IPv4 address that this machine's host name has.

    Raises:
        OSError: the name has none.
    """
    name = socket.gethostname()
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        raise OSError(
            error.errno, f"the host name {name!r} has no address ({error}); address_by_interface('eth0') may help"
        ) from error


def address_by_interface(ifname: str) -> str:
    """The first address of a network interface, an IPv4 one if there is any.

    Args:
        ifname: The interface's name, like "eth0".

    Raises:
        OSError: there is no such interface, or it has no address; names those that are there.
    """
    interfaces = _interfaces()
    if not interfaces.get(ifname):
        known = ", ".join(sorted(name for name, addresses in interfaces.items() if addresses))
        raise OSError(f"no interface {ifname!r} with an address; there are: {known}")
    return interfaces[ifname][0]


def address_by_route() -> str:
    """The address by which this machine would reach the outside.

    Raises:
        OSError: no route leads there.
    """
    address = _outward_address(ipv6=True)
    if address is None:
        raise OSError("no route leads out of this machine; address_by_interface('eth0') may help")
    return address


def address_by_query(timeout: float = 30) -> str:
    """The address that a public service on the internet sees; asks it. Nothing in this package calls this by itself.

    Args:
        timeout: Seconds to wait for the answer.

    Raises:
        OSError: the service cannot be reached, or what it says is no address.
    """
    from urllib.request import urlopen  # costs 30 ms to import

    with urlopen(_PUBLIC_ADDRESS_SERVICE, timeout=timeout) as answer:
        text = answer.read(100).decode("ascii", errors="replace").strip()
    if not _is_address(text):
        raise OSError(f"{_PUBLIC_ADDRESS_SERVICE} answered {text!r}, which is no address")
    return str(text)


def own_addresses(*, ipv6: bool = True) -> list[str]:
    """The addresses of this machine's interfaces, in the order in which others should try to reach it by them.

    The one by which this machine would reach the outside comes first, those of the loopback last, IPv4 before IPv6
    otherwise. No name is looked up, so this never waits.

    Args:
        ipv6: Whether IPv6 addresses are wanted, too.
    """
    outward = _outward_address(ipv6=ipv6)
    found = dict.fromkeys(address for addresses in _interfaces().values() for address in addresses)

    def rank(address: str) -> tuple[bool, bool, bool]:
        return ipaddress.ip_address(address).is_loopback, address != outward, ":" in address

    return sorted((address for address in found if ipv6 or ":" not in address), key=rank)


def get_all_addresses() -> set[str]:
    """All addresses this machine has, those of the loopback included; empty if it has none."""
    found = set(own_addresses())
    for ask in (address_by_hostname, address_by_route):
        try:
            found.add(ask())
        except OSError:
            continue  # the interfaces' own addresses are enough
    return found


def get_any_address() -> str:
    """An address by which other machines may reach this one, the likeliest first; the loopback's if there is no other.

    Raises:
        OSError: this machine has no address at all.
    """
    try:
        return address_by_route()
    except OSError:
        pass  # a machine without a way out may still be reached by its neighbours
    addresses = sorted(get_all_addresses(), key=lambda address: (ipaddress.ip_address(address).is_loopback, address))
    if not addresses:
        raise OSError("this machine has no address; is its network up?")
    return addresses[0]


def tcp_url(address: str, port: int | str | None = None) -> str:
    """The URL of a TCP endpoint; an IPv6 address is put into brackets.

    Args:
        address: A host name, an address, or "*".
        port: The port, or None to leave it out.
    """
    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    return f"tcp://{host}" if port is None else f"tcp://{host}:{port}"


def _outward_address(*, ipv6: bool) -> str | None:
    for target, family in _SOMEWHERE if ipv6 else _SOMEWHERE[:1]:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 80))  # a datagram socket only notes the peer and picks its own address
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return None


def _interfaces() -> dict[str, list[str]]:
    """The usable addresses of each interface, IPv4 first."""
    import psutil  # costs 15 ms to import

    kinds = (socket.AF_INET, socket.AF_INET6)
    return {
        name: [
            entry.address
            for kind in kinds
            for entry in entries
            # An address with a zone (fe80::1%eth0) means something on one link only.
            if entry.family == kind and "%" not in entry.address and _is_address(entry.address)
        ]
        for name, entries in psutil.net_if_addrs().items()
    }


def _is_address(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_link_local
    except ValueError:
        return False
