"""Whether managers on other machines could reach their executor, as far as that can be told from this one."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from parsl_like.doctor.findings import Finding, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.doctor.sightings import SeenNetwork

WAYS = 'address="..." (address_by_interface("eth0") of parsl_like.addresses finds one)'


def check_network(where: str, executor: Any, seen: SeenNetwork, *, apart: bool) -> Iterator[Finding]:
    """Addresses and ports of an executor.

    Args:
        where: The executor.
        executor: Its description.
        seen: What of it can be had here.
        apart: Whether its blocks run on other machines, which reach this one over the network.
    """
    yield from _check_ports(where, executor, seen)
    if apart:
        yield from _check_reach(where, executor, seen)
    elif seen.misplaced is not None:
        yield _misplaced(where, executor, seen)


def _check_ports(where: str, executor: Any, seen: SeenNetwork) -> Iterator[Finding]:
    for port, reason in seen.taken.items():
        what = f"Port {port}, which you have chosen, cannot be had."
        fix = "Choose another one, or leave it out; ss -ltnp shows who has it. Another run of yours may."
        yield Finding("port-taken", where, what, fix, evidence=reason)
    if seen.free < seen.wanted:
        low, high = executor.worker_port_range
        what = f"Of the ports {low} to {high}, {seen.free} are free, and {seen.wanted} are needed."
        yield Finding("ports-taken", where, what, "Set worker_port_range=(low, high) to a range with free ports.")


def _check_reach(where: str, executor: Any, seen: SeenNetwork) -> Iterator[Finding]:
    if executor.transport == "ipc":
        what = 'transport="ipc" stays within this machine, and blocks run on others.'
        yield Finding("address-local", where, what, "Leave transport= out.")
    elif seen.misplaced is not None:
        yield _misplaced(where, executor, seen)
    elif executor.address is not None and _is_loopback(executor.address):
        what = f'Blocks on other machines cannot reach "{executor.address}": there it means themselves.'
        yield Finding("address-local", where, what, f"Leave address= out, or give {WAYS}.")
    elif executor.address is None and not executor.encrypted:
        what = "Without encryption and without an address, only blocks of this machine are listened to."
        yield Finding("address-local", where, what, f"Leave encrypted= out, or give {WAYS}.")
    elif executor.address is None and all(map(_is_loopback, seen.addresses)):
        what = "This machine has no address by which others could reach it."
        yield Finding("address-local", where, what, "Connect it to the network of the nodes.")


def _misplaced(where: str, executor: Any, seen: SeenNetwork) -> Finding:
    what = f'"{executor.address}" is no address of this machine, so nothing can listen there.'
    told = f"This machine has: {listed(each for each in seen.addresses if not _is_loopback(each))}."
    fix = "Leave address= out, so that all of them are tried, or give one of them."
    return Finding("address-foreign", where, what, fix, evidence=f"{seen.misplaced}. {told}")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address.partition(".")[0] == "localhost"
