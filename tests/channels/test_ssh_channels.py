"""Channels over ssh as descriptions, and the names of their errors."""

from __future__ import annotations

import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import HighThroughputExecutor
from parsl_like.channels import (
    Channel,
    LocalChannel,
    OAuthSSHChannel,
    OpenSSHChannel,
    SSHChannel,
    SSHInteractiveLoginChannel,
    errors,
)
from parsl_like.channels.ssh import link, ssh
from parsl_like.core.unbuilt import is_unbuilt
from parsl_like.errors import ConfigurationError, OptionalModuleMissing
from parsl_like.providers.base import one_shot_context

if TYPE_CHECKING:
    from pathlib import Path

ALL = [SSHChannel, OAuthSSHChannel, SSHInteractiveLoginChannel]


@pytest.mark.parametrize("kind", ALL)
def test_each_can_be_opened(kind: Any) -> None:
    channel = kind("login.example.org", username="me")
    assert not is_unbuilt(channel)
    assert isinstance(channel, SSHChannel)
    assert channel.sealed() == channel == pickle.loads(pickle.dumps(channel))


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
        ({"hostname": "h", "envs": {"A-B": "1"}}, "envs"),
        ({"hostname": "h", "skip_auth": "no"}, "skip_auth"),
        ({"hostname": "h", "key_filename": ""}, "key_filename"),
        ({"hostname": "h", "tunnel": 1}, "tunnel"),
        ({"hostname": "h", "python": ""}, "python"),
        ({"hostname": "h", "proxy_jump": " "}, "proxy_jump"),
    ],
)
def test_wrong_values_are_refused_by_name(option: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"SSHChannel\.{name} is .*; expected"):
        SSHChannel(**option).sealed()


@pytest.mark.parametrize("jump", ["me@", "@host", "host:port", "host:70000", ":22", "a,,b"])
def test_a_way_that_cannot_be_meant_is_refused_when_the_run_begins(jump: str) -> None:
    with pytest.raises(ConfigurationError, match=r"machine on the way is .*; expected \[user@\]host\[:port\]"):
        SSHChannel("h", proxy_jump=jump).sealed()


@pytest.mark.parametrize("kind", [*ALL, LocalChannel])
def test_an_unknown_argument_is_refused_with_the_nearest(kind: Any) -> None:
    with pytest.raises(TypeError, match="did you mean 'script_dir'"):
        kind(**({} if kind is LocalChannel else {"hostname": "h"}), scriptdir="/x")


def test_what_the_program_changes_later_is_no_change_of_the_channel() -> None:
    envs = {"A": "1"}
    channels: list[Any] = [SSHChannel("h", envs=envs), LocalChannel(envs=envs)]
    envs["A"] = "2"
    assert [channel.envs for channel in channels] == [{"A": "1"}] * 2


def test_without_paramiko_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(OptionalModuleMissing, match=r"pip install 'parsl_like\[ssh\]'; OpenSSHChannel"):
        SSHChannel("h").open()


def test_ssh_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    pytest.importorskip("paramiko")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SSHChannel("h", config_filename=tmp_path / "nothing").open()
    (tmp_path / "config").write_text("Host\n  HostName\n")
    with pytest.raises(ConfigurationError, match="config"):
        SSHChannel("h", config_filename=tmp_path / "config").open()


def test_what_ssh_configuration_says_counts_where_the_channel_says_nothing(tmp_path: Path) -> None:
    pytest.importorskip("paramiko")
    config = tmp_path / "config"
    config.write_text(
        "Host cluster\n  HostName login.example.org\n  Port 2222\n  User me\n  IdentityFile /key\n  ProxyJump way\n"
        "Host way\n  User somebody\n"
    )
    found = SSHChannel("cluster", config_filename=config)._destination()
    assert (found.hostname, found.port, found.username, found.keys) == ("login.example.org", 2222, "me", ("/key",))
    assert found.through is not None
    assert (found.through.hostname, found.through.username) == ("way", "somebody")
    said = SSHChannel("cluster", "you", port=23, key_filename="/mine", proxy_jump="none", config_filename=config)
    found = said._destination()
    assert (found.port, found.username, found.keys, found.through) == (23, "you", ("/mine",), None)
    assert SSHChannel("cluster", config_filename=os.devnull)._destination().hostname == "cluster"


def test_the_door_of_plugins(tmp_path: Path) -> None:
    assert ssh.parsl_like_channel_types() == {"SSHChannel": SSHChannel}
    assert ssh.parsl_like_open_channel(LocalChannel(), one_shot_context(str(tmp_path))) is None


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
    assert not error.transient
    assert "login" in str(error)
    assert "no route" in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.hostname) == (type(error), str(error), "login")


def test_errors_say_what_to_try_and_whether_it_makes_sense_to_try_again() -> None:
    error = errors.SSHException("reset", "login", transient=True, hint="wait a little.")
    assert error.transient
    assert str(error).endswith("the connection failed: reset Try: wait a little.")
    assert issubclass(errors.UnknownHostKeyException, errors.BadHostKeyException)


def test_a_file_that_exists_is_named() -> None:
    assert errors.FileExists("there", "login", "script.sh").filename == "script.sh"


def test_a_frozen_connection_is_noticed_in_half_the_time_after_which_managers_are_missed() -> None:
    """So there is as long again to make it anew."""
    half = HighThroughputExecutor().silence_allowed / 2
    assert half >= link.PULSE_S + link.ANSWER_S
    assert half >= 3 * OpenSSHChannel("h").keepalive
