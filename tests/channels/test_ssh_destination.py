"""Where a channel leads to, from what it says and what ssh's configuration says."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.channels.ssh.destination import Destination, Wanted, parse_jump, resolved
from parsl_like.errors import ConfigurationError

CONFIGURATION: dict[str, dict[str, Any]] = {
    "cluster": {
        "hostname": "login1.example.org",
        "user": "astro",
        "port": "2222",
        "identityfile": ["/keys/a", "/keys/b"],
        "identitiesonly": "yes",
        "userknownhostsfile": "/known/one /known/two",
        "hostkeyalias": "the-cluster",
        "proxyjump": "bastion",
    },
    "bastion": {"hostname": "bastion.example.org", "user": "guest", "proxyjump": "outer"},
    "outer": {"proxyjump": "none"},
    "self": {"proxyjump": "self"},
    "one": {"proxyjump": "other"},
    "other": {"proxyjump": "one"},
    "command": {"proxycommand": "nc %h %p"},
    "no-command": {"proxycommand": "none"},
}


def found(wanted: Wanted) -> Destination:
    return resolved(wanted, lambda name: CONFIGURATION.get(name, {}), "me")


def way(destination: Destination) -> list[str]:
    """The machines to it, the first one first."""
    before = [] if destination.through is None else way(destination.through)
    return [*before, f"{destination.username}@{destination.hostname}:{destination.port}"]


def test_a_machine_of_which_nothing_is_said() -> None:
    assert found(Wanted("h")) == Destination(name="h", hostname="h", port=22, username="me")


def test_what_the_configuration_says() -> None:
    destination = found(Wanted("cluster"))
    assert destination.keys == ("/keys/a", "/keys/b")
    assert not destination.explicit
    assert not destination.agent
    assert destination.known_hosts == ("/known/one", "/known/two")
    assert destination.key_name == "the-cluster"
    assert way(destination) == ["me@outer:22", "guest@bastion.example.org:22", "astro@login1.example.org:2222"]


def test_what_the_channel_says_comes_first() -> None:
    destination = found(Wanted("cluster", port=23, username="you", key="/mine", jump="none"))
    assert (destination.keys, destination.explicit) == (("/mine",), True)
    assert way(destination) == ["you@login1.example.org:23"]


def test_machines_on_the_way_in_their_order() -> None:
    assert way(found(Wanted("h", jump="a,you@b:23,[::1]:24"))) == ["me@a:22", "you@b:23", "me@::1:24", "me@h:22"]
    assert way(found(Wanted("h", jump="bastion,a"))) == [
        "me@outer:22",
        "guest@bastion.example.org:22",
        "me@a:22",
        "me@h:22",
    ]


def test_a_circle() -> None:
    assert way(found(Wanted("self"))) == ["me@self:22"]
    with pytest.raises(ConfigurationError, match="more than 8 machines, perhaps in a circle"):
        found(Wanted("one"))


def test_a_command_on_the_way_is_not_passed_over() -> None:
    with pytest.raises(ConfigurationError, match=r"ProxyCommand, which SSHChannel does not run.*OpenSSHChannel"):
        found(Wanted("command"))
    assert way(found(Wanted("command", jump="a"))) == ["me@a:22", "me@command:22"]
    assert way(found(Wanted("no-command"))) == ["me@no-command:22"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("h", Wanted("h")),
        (" h ", Wanted("h")),
        ("me@h", Wanted("h", username="me")),
        ("me@site@h:22", Wanted("h", 22, "me@site")),
        ("ssh://me@h:23", Wanted("h", 23, "me")),
        ("::1", Wanted("::1")),
        ("[::1]", Wanted("::1")),
        ("me@[::1]:23", Wanted("::1", 23, "me")),
    ],
)
def test_how_a_machine_on_the_way_is_written(text: str, wanted: Wanted) -> None:
    assert parse_jump(text) == wanted


def test_names_for_people() -> None:
    plain = found(Wanted("h"))
    assert (plain.key_name, plain.scan, plain.login) == ("h", "ssh-keyscan h", "ssh me@h")
    other = found(Wanted("h", port=23, jump="a"))
    assert (other.key_name, other.scan) == ("[h]:23", "ssh-keyscan -p 23 h")
    assert other.login == "ssh -J me@a:22 -p 23 me@h"
    assert found(Wanted("h", key="/a key")).login == "ssh -i '/a key' me@h"
