"""The description of a channel by the system's ssh, and the door of plugins."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from parsl_like.channels import OAuthSSHChannel, OpenSSHChannel, SSHInteractiveLoginChannel
from parsl_like.channels.openssh import parsl_like_channel_types, parsl_like_open_channel
from parsl_like.channels.openssh.command_lines import Login
from parsl_like.errors import ChannelError, ConfigurationError


def test_it_is_a_value_that_evaluates_back() -> None:
    channel = OpenSSHChannel("login", username="me", options=["Ciphers=aes128-ctr"], tunnel=True)
    assert eval(repr(channel)) == channel == pickle.loads(pickle.dumps(channel))
    assert channel.sealed().login() == Login("login", username="me", options=("Ciphers=aes128-ctr",))


def test_what_the_user_says_of_paths_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    login = OpenSSHChannel("h", key_filename="~/.ssh/id", control_path="~/c").login()
    assert (login.key_filename, login.control_path) == ("/home/user/.ssh/id", "/home/user/c")


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"hostname": "-oProxyCommand=x"}, "hostname"),
        ({"hostname": " "}, "hostname"),
        ({"hostname": "h", "port": 0}, "port"),
        ({"hostname": "h", "options": ["Ciphers"]}, "options"),
        ({"hostname": "h", "options": "Ciphers=x"}, "options"),
        ({"hostname": "h", "login_timeout": 0}, "login_timeout"),
        ({"hostname": "h", "keepalive": -1}, "keepalive"),
        ({"hostname": "h", "control_path": ""}, "control_path"),
        ({"hostname": "h", "username": ""}, "username"),
        ({"hostname": "h", "python": ""}, "python"),
    ],
)
def test_wrong_values_are_refused_by_name(option: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"OpenSSHChannel\.{name} is .*; expected"):
        OpenSSHChannel(**option).sealed()


def test_logins_of_the_other_channels() -> None:
    assert SSHInteractiveLoginChannel("h", username="u").login() == Login("h", username="u")
    login = OAuthSSHChannel("h", username="u", port=2222).login()
    assert (login.hostname, login.username, login.port) == ("h", "u", 2222)


def test_windows_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ChannelError, match="use SSHChannel"):
        OpenSSHChannel("h").open()


@pytest.mark.skipif(sys.platform == "win32", reason="ssh cannot share a login there")
def test_no_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChannelError, match=r"ssh cannot be run: .*install the OpenSSH client"):
        OpenSSHChannel("h").open()


def test_the_door_of_plugins(tmp_path: Any) -> None:
    from parsl_like.channels import LocalChannel, oauth_ssh, ssh_il
    from parsl_like.providers.base import one_shot_context

    context = one_shot_context(str(tmp_path))
    assert parsl_like_channel_types() == {"OpenSSHChannel": OpenSSHChannel}
    assert ssh_il.parsl_like_channel_types() == {"SSHInteractiveLoginChannel": SSHInteractiveLoginChannel}
    assert oauth_ssh.parsl_like_channel_types() == {"OAuthSSHChannel": OAuthSSHChannel}
    for module in (ssh_il, oauth_ssh):
        assert module.parsl_like_open_channel(LocalChannel(), context) is None
    assert parsl_like_open_channel(LocalChannel(), context) is None
