"""What a relay learns of its machine."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import psutil

from parsl_like.channels.tunnel import relay_place

if TYPE_CHECKING:
    import pytest


def test_addresses_are_those_by_which_others_find_this_machine() -> None:
    found = relay_place.own_addresses()
    assert found
    assert len(set(found)) == len(found)
    assert found == ["127.0.0.1"] or not any(address.startswith("127.") for address in found)
    known = {address.address for each in psutil.net_if_addrs().values() for address in each}
    assert set(found) <= known


def test_a_process_that_is_gone_has_no_words_and_no_parent() -> None:
    assert relay_place.words_of("0") == []
    assert relay_place.parent_of("0") == "0"
    assert relay_place.parent_of(str(os.getpid())) == str(os.getppid())


def test_descriptors_bound_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 4096))
    assert relay_place.most_connections() == (4096 - relay_place.SPARE_DESCRIPTORS) // 2
    assert asked == [(4096, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1 << 20, 1 << 20))
    assert relay_place.most_connections() == relay_place.MOST_CONNECTIONS

    def refuse(_which: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, resource.RLIM_INFINITY))
    assert relay_place.most_connections() == (256 - relay_place.SPARE_DESCRIPTORS) // 2
