"""Channels over ssh, which are described so far, and the names of their errors."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from parsl_like.channels import Channel, LocalChannel, OAuthSSHChannel, SSHChannel, SSHInteractiveLoginChannel, errors
from parsl_like.core.unbuilt import is_unbuilt
from parsl_like.errors import ConfigurationError

ALL = [SSHChannel, OAuthSSHChannel, SSHInteractiveLoginChannel]


@pytest.mark.parametrize("kind", ALL)
def test_one_is_described_and_not_opened(kind: Any) -> None:
    channel = kind("login.example.org", username="me")
    assert is_unbuilt(channel)
    assert isinstance(channel, SSHChannel)
    for call in (channel.open, lambda: channel.execute_wait("true"), lambda: channel.isdir("/")):
        with pytest.raises(ConfigurationError, match=rf"{kind.__name__} is described only: .* over ssh"):
            call()


def test_arguments_come_in_the_order_of_parsl_1_2() -> None:
    assert SSHChannel("h", "u", "p", "/s", {"A": "1"}, True, False, 2222, "/k", "/hosts") == SSHChannel(
        hostname="h",
        username="u",
        password="p",
        script_dir="/s",
        envs={"A": "1"},
        gssapi_auth=True,
        skip_auth=False,
        port=2222,
        key_filename="/k",
        host_keys_filename="/hosts",
    )
    assert OAuthSSHChannel("h", "u", "/s", {}, 23) == OAuthSSHChannel(
        hostname="h", username="u", script_dir="/s", envs={}, port=23
    )
    with pytest.raises(TypeError, match=r"'password'"):
        OAuthSSHChannel("h", password="p")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"'port'"):
        SSHInteractiveLoginChannel("h", port=23)  # type: ignore[call-arg]


def test_the_password_is_shown_nowhere() -> None:
    channel = SSHChannel("h", password="secret")
    assert "secret" not in repr(channel)
    assert pickle.loads(pickle.dumps(channel)).password == "secret"
    with pytest.raises(ConfigurationError, match="password is of type bytes") as caught:
        SSHChannel("h", password=b"secret").sealed()  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"hostname": " "}, "hostname"),
        ({"hostname": "h", "port": 0}, "port"),
        ({"hostname": "h", "port": "22"}, "port"),
        ({"hostname": "h", "envs": ["A"]}, "envs"),
        ({"hostname": "h", "skip_auth": "no"}, "skip_auth"),
        ({"hostname": "h", "key_filename": ""}, "key_filename"),
    ],
)
def test_wrong_values_are_refused_by_name(option: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"SSHChannel\.{name} is .*; expected"):
        SSHChannel(**option).sealed()


@pytest.mark.parametrize("kind", [*ALL, LocalChannel])
def test_an_unknown_argument_is_refused_with_the_nearest(kind: Any) -> None:
    with pytest.raises(TypeError, match="did you mean 'script_dir'"):
        kind(**({} if kind is LocalChannel else {"hostname": "h"}), scriptdir="/x")


def test_what_the_program_changes_later_is_no_change_of_the_channel() -> None:
    envs = {"A": "1"}
    channels: list[Any] = [SSHChannel("h", envs=envs), LocalChannel(envs=envs)]
    envs["A"] = "2"
    assert [channel.envs for channel in channels] == [{"A": "1"}] * 2


def test_a_channel_of_a_users_own_has_a_folder_for_scripts() -> None:
    class Mine(Channel):
        pass

    mine = Mine()
    assert mine.script_dir is None
    mine.script_dir = "/scripts"
    assert mine.script_dir == "/scripts"
    assert Mine().script_dir is None


def test_old_paths() -> None:
    from parsl_like.channels.base import Channel as Base
    from parsl_like.channels.local.local import LocalChannel as Local
    from parsl_like.channels.oauth_ssh.oauth_ssh import OAuthSSHChannel as OAuth
    from parsl_like.channels.ssh.ssh import SSHChannel as Ssh
    from parsl_like.channels.ssh_il.ssh_il import SSHInteractiveLoginChannel as Interactive

    assert (Base, Local, OAuth, Ssh, Interactive) == (
        Channel,
        LocalChannel,
        OAuthSSHChannel,
        SSHChannel,
        SSHInteractiveLoginChannel,
    )


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"ChannelError"}))
def test_errors_tell_the_step_the_cause_and_the_machine(name: str) -> None:
    error = getattr(errors, name)(OSError("no route"), "login")
    assert isinstance(error, errors.ChannelError)
    assert "login" in str(error)
    assert "no route" in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.hostname) == (type(error), str(error), "login")


def test_a_file_that_exists_is_named() -> None:
    assert errors.FileExists("there", "login", "script.sh").filename == "script.sh"
