"""Logins that ask: at the terminal, by a password that is known, with a token; and what they leave."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels import OAuthSSHChannel, OpenSSHChannel
from parsl_like.channels.errors import AuthException, SSHException, UnknownHostKeyException
from parsl_like.channels.openssh import questions
from parsl_like.errors import ChannelError

pytest.importorskip("paramiko")
if sys.platform == "win32" or shutil.which("ssh") is None:
    pytest.skip("there is no ssh that can share a login", allow_module_level=True)

from tests.channels.openssh.asking_server import AskingServer
from tests.channels.openssh.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.channels.openssh.command_lines import Login

TWO_FACTORS = {"Password: ": "open sesame", "Verification code: ": "123456"}

PROGRAM = """
import dataclasses, sys
from contextlib import closing
from parsl_like.channels import OpenSSHChannel, SSHInteractiveLoginChannel

class Here(SSHInteractiveLoginChannel):
    def login(self):
        return dataclasses.replace(super().login(), port=@PORT@, host_keys_filename="@KNOWN@")

if "@PASSWORD@":
    channel = Here("127.0.0.1", username="me", password="@PASSWORD@", config_filename="/dev/null")
else:
    channel = OpenSSHChannel(
        "127.0.0.1", username="me", port=@PORT@, host_keys_filename="@KNOWN@", config_filename="/dev/null"
    )
with closing(channel.open()) as first, closing(channel.open()) as second:
    for session in (first, second):
        print("says", session.run(["echo", "hello"], timeout=60).stdout.strip(), flush=True)
print("the end", flush=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AskingServer]:
    with AskingServer(tmp_path, TWO_FACTORS) as server:
        yield server


def _program(server: AskingServer, password: str = "") -> str:
    text = PROGRAM.replace("@PORT@", str(server.port)).replace("@KNOWN@", str(server.known))
    return text.replace("@PASSWORD@", password)


def _channel(server: AskingServer, **options: object) -> OpenSSHChannel:
    given = {"port": server.port, "host_keys_filename": server.known, "config_filename": "/dev/null", **options}
    return OpenSSHChannel("127.0.0.1", username="me", **given)


def test_the_terminal_is_asked_once_for_all_sessions(server: AskingServer, tmp_path: Path) -> None:
    with Terminal(_program(server), tmp_path) as terminal:
        terminal.until("Password: ")
        terminal.type("open sesame")
        terminal.until("Verification code: ")
        terminal.type("123456")
        terminal.until("says hello")
        terminal.until("says hello")
        terminal.until("the end")
        assert terminal.wait() == 0
    assert server.logins == 1


def test_a_password_that_is_known_is_not_asked_for(server: AskingServer, tmp_path: Path) -> None:
    with Terminal(_program(server, "open sesame"), tmp_path) as terminal:
        assert "Password" not in terminal.until("Verification code: ")
        terminal.type("123456")
        terminal.until("the end")
        assert terminal.wait() == 0
    assert server.logins == 1


def test_what_is_typed_is_not_shown(server: AskingServer, tmp_path: Path) -> None:
    with Terminal(_program(server, "open sesame"), tmp_path) as terminal:
        terminal.until("Verification code: ")
        terminal.type("123456")
        assert "123456" not in terminal.until("the end")


def test_without_a_terminal_the_error_says_how_to_log_in_by_hand(
    server: AskingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "TERMINAL", "/nonexistent/tty")
    with pytest.raises(AuthException, match=r"the login was not accepted: .*Permission denied") as caught:
        _channel(server).open()
    assert caught.value.transient
    assert caught.value.hint is not None
    assert "log in by hand" in caught.value.hint
    assert f"-p {server.port}" in caught.value.hint
    assert caught.value.by_hand is not None  # for whoever has ended by then
    assert f"-p {server.port}" in caught.value.by_hand
    assert "-S" not in caught.value.by_hand.split()


def test_one_that_may_not_ask_is_refused_for_good(server: AskingServer) -> None:
    with pytest.raises(AuthException) as caught:
        _channel(server, interactive=False).open()
    assert not caught.value.transient
    assert "control_path=" in str(caught.value)


def test_an_unknown_machine_is_refused_before_anything_is_asked(server: AskingServer, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    with pytest.raises(UnknownHostKeyException, match=rf"\[127\.0\.0\.1\]:{server.port}") as caught:
        _channel(server, host_keys_filename=tmp_path / "nobody").open()
    assert f"ssh-keyscan -p {server.port} 127.0.0.1" in str(caught.value)
    assert not caught.value.transient
    assert server.logins == 0


def test_no_option_makes_an_unknown_machine_known(server: AskingServer, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody"
    nobody.write_text("")
    config = tmp_path / "config"
    config.write_text("Host *\n    StrictHostKeyChecking no\n")
    options = {"host_keys_filename": nobody, "config_filename": config, "options": ["StrictHostKeyChecking=no"]}
    with pytest.raises(UnknownHostKeyException):
        _channel(server, **options).open()
    assert nobody.read_text() == ""


def test_nobody_there(tmp_path: Path) -> None:
    with AskingServer(tmp_path, {}) as server:
        pass
    with pytest.raises(SSHException, match="Connection refused") as caught:
        _channel(server).open()
    assert caught.value.transient


class TestOAuth:
    """The program oauth-ssh-token asks a service that is not here; one that prints a token stands in for it."""

    @pytest.fixture(autouse=True)
    def _program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = tmp_path / "bin" / "oauth-ssh-token"
        self.path.parent.mkdir()
        monkeypatch.setenv("PATH", f"{self.path.parent}:{os.environ['PATH']}")

    def _says(self, text: str) -> None:
        self.path.write_text(f"#!/bin/sh\n[ \"$*\" = 'show token 127.0.0.1' ] && echo '{text}'\nexit 1\n")
        self.path.chmod(0o755)

    @staticmethod
    def _channel(server: AskingServer) -> OAuthSSHChannel:
        import dataclasses

        class Here(OAuthSSHChannel):
            def login(self) -> Login:
                login = super().login()
                return dataclasses.replace(login, host_keys_filename=str(server.known))

        return Here("127.0.0.1", username="me", port=server.port, config_filename="/dev/null")

    def test_the_token_is_the_answer(self, tmp_path: Path) -> None:
        self._says("Adf-token-45")
        with AskingServer(tmp_path, {"Enter your OAuth Token: ": "Adf-token-45"}) as server:
            session = self._channel(server).open()
            assert session.run(["echo", "in"], timeout=60).stdout == "in\n"
            session.close()

    def test_a_token_that_is_not_accepted(self, tmp_path: Path) -> None:
        self._says("old")
        with (
            AskingServer(tmp_path, {"Enter your OAuth Token: ": "new"}) as server,
            pytest.raises(AuthException) as caught,
        ):
            self._channel(server).open()
        assert "old" not in str(caught.value)

    def test_no_token(self, tmp_path: Path) -> None:
        self._says("No token found. Use `oauth-ssh-token authorize 127.0.0.1`.")
        with (
            AskingServer(tmp_path, {}) as server,
            pytest.raises(AuthException, match=r"No token found.* Try: oauth-ssh-token authorize 127\.0\.0\.1"),
        ):
            self._channel(server).open()
        assert server.logins == 0

    def test_no_program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        with (
            AskingServer(tmp_path, {}) as server,
            pytest.raises(ChannelError, match=r"oauth-ssh-token is not on the PATH.* Try: pip install oauth-ssh"),
        ):
            self._channel(server).open()


def test_a_secret_is_on_disk_only_during_a_login(tmp_path: Path) -> None:
    asked = questions.Questions(secret=questions.Secret("open sesame"))
    assert "sesame" not in repr(asked)
    with asked.answering(tmp_path, False) as variables:
        answerer = Path(variables["SSH_ASKPASS"])
        assert variables["SSH_ASKPASS_REQUIRE"] == "force"
        assert {path.stat().st_mode & 0o077 for path in answerer.parent.iterdir()} == {0}
        assert _asked(answerer, "Password: ") == "open sesame\n"
        assert _asked(answerer, "Password: ") == ""
        assert _asked(answerer, "Code: ") == ""
    assert list(tmp_path.iterdir()) == []


def _asked(answerer: Path, question: str) -> str:
    return subprocess.run([answerer, question], capture_output=True, text=True, timeout=30, check=False).stdout
