"""Command lines for the system's ssh, and errors from what it says; its words are those of OpenSSH 9.2."""

from __future__ import annotations

import shlex

import pytest

from parsl_like.channels.errors import (
    AuthException,
    BadHostKeyException,
    SSHException,
    UnknownHostKeyException,
)
from parsl_like.channels.openssh.command_lines import (
    Login,
    command_line,
    control_line,
    forward_text,
    hand_line,
    login_line,
    plain_line,
)
from parsl_like.channels.openssh.refusals import last_words, refusal, scan_line, was_not_sent

FULL = Login(
    hostname="login.example.org",
    username="me",
    port=2222,
    key_filename="/home/user/a key",
    host_keys_filename="/home/user/known 100%",
    proxy_jump="me@gate:22",
    config_filename="/etc/mine",
    options=("StrictHostKeyChecking=no", "ServerAliveInterval=60"),
)


def _value(line: list[str], name: str) -> str:
    """What ssh takes: the first value that is given."""
    found = [word.partition("=")[2] for word in line if word.startswith(f"{name}=")]
    return found[0]


def test_a_login_checks_the_machine_whatever_the_options_say() -> None:
    line = login_line(FULL, "/tmp/x/c", log="/tmp/x/log", batch=True, timeout=30)
    assert line[0] == "ssh"
    assert line[-2:] == ["--", "login.example.org"]
    assert _value(line, "StrictHostKeyChecking") == "yes"
    assert _value(line, "ForwardAgent") == "no"
    assert _value(line, "BatchMode") == "yes"
    assert _value(line, "ServerAliveInterval") == "60"
    assert _value(line, "ConnectTimeout") == "30"
    assert _value(line, "UserKnownHostsFile") == '"/home/user/known 100%%"'
    assert _value(line, "IdentitiesOnly") == "yes"
    for pair in (["-i", "/home/user/a key"], ["-J", "me@gate:22"], ["-p", "2222"], ["-l", "me"], ["-F", "/etc/mine"]):
        at = line.index(pair[0])
        assert line[at : at + 2] == pair


def test_what_is_not_said_is_left_to_the_configuration() -> None:
    line = login_line(Login("host"), "/tmp/x/c", log=None, batch=False, timeout=30)
    assert not {"-i", "-J", "-p", "-l", "-F", "-E"} & set(line)
    assert not any(word.startswith(("UserKnownHostsFile", "IdentitiesOnly")) for word in line)


def test_a_command_never_makes_a_connection_of_its_own() -> None:
    line = command_line(FULL, "/tmp/x/c", "exec sh")
    assert line[line.index("-F") + 1] == "/dev/null"
    assert _value(line, "ProxyCommand") == "false"
    assert line[-3:] == ["--", "login.example.org", "exec sh"]


def test_requests() -> None:
    line = control_line(FULL, "/tmp/x/c", "forward", forward_text(5000, 6000))
    at = line.index("-O")
    assert line[at:] == ["-O", "forward", "-R", "127.0.0.1:6000:127.0.0.1:5000", "--", "login.example.org"]
    assert forward_text(5000) == "127.0.0.1:0:127.0.0.1:5000"


def test_a_line_to_type_can_be_typed() -> None:
    words = shlex.split(hand_line(FULL, "/tmp/x/c"))
    assert words[:6] == ["ssh", "-f", "-N", "-M", "-S", "/tmp/x/c"]
    assert words[-1] == "login.example.org"
    assert "/home/user/a key" in words


UNKNOWN = """\
No ED25519 host key is known for [127.0.0.1]:17822 and you have requested strict checking.
Host key verification failed.
"""
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /home/user/.ssh/known_hosts:2
Host key for login.example.org has changed and you have requested strict checking.
Host key verification failed.
"""


def test_an_unknown_machine() -> None:
    error = refusal(UNKNOWN, "me@127.0.0.1")
    assert type(error) is UnknownHostKeyException
    assert "[127.0.0.1]:17822 is not among the known machines" in str(error)
    # Each command can be copied: it has a line of its own, and nothing behind it.
    lines = str(error).splitlines()
    assert "    ssh-keyscan -p 17822 127.0.0.1 | ssh-keygen -lf -" in lines
    assert lines[-1] == "    ssh-keyscan -p 17822 127.0.0.1 >> ~/.ssh/known_hosts"
    assert not error.transient


def test_a_machine_with_another_key() -> None:
    error = refusal(CHANGED, "login.example.org")
    assert type(error) is BadHostKeyException
    assert "shows another key than the one that is known (in /home/user/.ssh/known_hosts:2)" in str(error)
    assert "    ssh-keygen -R login.example.org -f ~/.ssh/known_hosts" in str(error).splitlines()
    assert ">> /etc/mine" in str(refusal(CHANGED, "h", "/etc/mine"))
    assert not error.transient


@pytest.mark.parametrize(
    ("said", "kind", "transient"),
    [
        ("me@h: Permission denied (publickey,keyboard-interactive).", AuthException, False),
        ("Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures", AuthException, False),
        ("ssh: connect to host h port 22: Connection refused", SSHException, True),
        ("ssh: connect to host h port 22: Connection timed out", SSHException, True),
        ("kex_exchange_identification: read: Connection reset by peer", SSHException, True),
        ("ssh: Could not resolve hostname h: Temporary failure in name resolution", SSHException, True),
        ("ssh: Could not resolve hostname h: Name or service not known", SSHException, False),
        ("command-line: line 0: Bad configuration option: foo", SSHException, False),
        ("Unable to negotiate with 1.2.3.4 port 22: no matching host key type found.", SSHException, False),
        ("", SSHException, True),
    ],
)
def test_other_refusals(said: str, kind: type, transient: bool) -> None:
    error = refusal(f"debug\n{said}\n", "h")
    assert type(error) is kind
    assert error.transient is transient
    assert (said or "debug") in str(error)
    assert error.hint


@pytest.mark.parametrize(
    "said", ["Permission denied (publickey)", "ssh: connect to host h port 22: Connection refused"]
)
def test_what_to_try_leads_where_the_channel_leads(said: str) -> None:
    line = plain_line(FULL)
    words = shlex.split(line)
    assert words[0] == "ssh"
    assert words[-1] == "login.example.org"
    assert {"-p", "-i", "-l", "-J"} < set(words)
    assert not {"-f", "-N", "-M", "-S", "--"} & set(words)
    assert f"    {line}" in str(refusal(said, "me@h", by_hand=line)).splitlines()
    assert "    ssh me@h" in str(refusal(said, "me@h")).splitlines()


def test_last_words() -> None:
    assert last_words("one\n\n@@@@\ntwo\r\nthree\nfour\n") == "two; three; four"
    assert last_words(" \n") == "ssh said nothing"


def test_which_commands_have_not_reached_the_other_side() -> None:
    assert was_not_sent("Control socket connect(/tmp/x/c): No such file or directory\n")
    assert was_not_sent("mux_client_request_session: session request failed: Session open refused by peer\n")
    assert was_not_sent(
        "mux_client_request_session: read from master failed: Broken pipe\nConnection closed by UNKNOWN port 65535"
    )
    assert not was_not_sent("client_loop: send disconnect: Broken pipe")


def test_scanning() -> None:
    assert scan_line("[h]:2222") == "ssh-keyscan -p 2222 h"
    assert scan_line("h") == "ssh-keyscan h"
