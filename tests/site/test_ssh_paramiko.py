"""The channel through paramiko, on real servers, and over ways to them that break."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels import SSHChannel
from parsl_like.channels.errors import (
    AuthException,
    BadHostKeyException,
    FileCopyException,
    SSHException,
    UnknownHostKeyException,
)
from parsl_like.channels.ssh import link
from parsl_like.errors import ChannelError, ConfigurationError
from parsl_like.testing.contracts import RemoteChannelContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.channels.ssh.session import SSHSession
    from tests.site.conftest import Measure
    from tests.site.ssh_servers import SSHServers

if not os.environ.get("CI"):  # there its lack fails each test
    pytest.importorskip("paramiko")
pytest_plugins = ["tests.site.ssh_servers"]
PATIENCE_S = 60.0


class TestSSHChannel(RemoteChannelContract):
    @pytest.fixture(autouse=True)
    def _servers(self, ssh_servers: SSHServers) -> None:
        self.servers = ssh_servers

    def make_channel(self) -> SSHChannel:
        return SSHChannel(**self.servers.options())

    def remote_folder(self, tmp_path: Path) -> PurePosixPath:
        folder = tmp_path / "there"
        folder.mkdir(exist_ok=True)
        return PurePosixPath(folder)


@pytest.fixture
def broken(ssh_servers: SSHServers) -> Iterator[SSHSession]:
    """A session over the way that can be broken."""
    session = SSHChannel(**ssh_servers.options(port=ssh_servers.proxy_port)).open()
    yield session
    session.close()


def _when(condition: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Do something, from another thread, as soon as something is so."""

    def watch() -> None:
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while not condition() and time.monotonic() < deadline:
            pause.wait(0.05)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


# --- logins


def test_an_unknown_key(ssh_servers: SSHServers, measure: Measure) -> None:
    began = time.time()
    known = ssh_servers.folder / "known_none"
    with pytest.raises(UnknownHostKeyException, match=r"shows ssh-ed25519 SHA256:.* is not in .*known_none") as caught:
        SSHChannel(**ssh_servers.options(host_keys_filename=str(known))).open()
    measure.since("an unknown key to its error", began, 5)
    assert f"ssh-keyscan -p {ssh_servers.port} 127.0.0.1 >> {known}" in str(caught.value)
    assert not caught.value.transient
    assert known.read_text() == ""


def test_a_changed_key(ssh_servers: SSHServers, measure: Measure) -> None:
    began = time.time()
    with pytest.raises(
        BadHostKeyException, match=r"shows ssh-ed25519 SHA256:\S+; known is ssh-ed25519 SHA256:"
    ) as caught:
        SSHChannel(**ssh_servers.options(port=ssh_servers.other_port)).open()
    measure.since("a changed key to its error", began, 5)
    assert not isinstance(caught.value, UnknownHostKeyException)
    assert f"ssh-keygen -R '[127.0.0.1]:{ssh_servers.other_port}'" in str(caught.value)


def test_a_wrong_key_of_the_user(ssh_servers: SSHServers, measure: Measure) -> None:
    began = time.time()
    with pytest.raises(AuthException, match=r"(?s)root at 127\.0\.0\.1:\d+: .* Tried: .*wrong_key .*ssh-add") as caught:
        SSHChannel(**ssh_servers.options(key_filename=str(ssh_servers.folder / "wrong_key"))).open()
    measure.since("a wrong key of the user to its error", began, 5)
    assert not caught.value.transient


def test_a_key_that_is_not_there(ssh_servers: SSHServers) -> None:
    with pytest.raises(AuthException, match="there is no key /nothing that can be read"):
        SSHChannel(**ssh_servers.options(key_filename="/nothing")).open()


def test_a_key_with_a_passphrase(ssh_servers: SSHServers) -> None:
    locked = ssh_servers.options(key_filename=str(ssh_servers.folder / "locked_key"))
    with pytest.raises(AuthException, match="a key needs its passphrase"):
        SSHChannel(**locked).open()
    SSHChannel(**locked, password="pass phrase").open().close()


def test_a_login_without_a_login_is_refused_where_one_is_wanted(ssh_servers: SSHServers) -> None:
    with pytest.raises(AuthException):
        SSHChannel(**ssh_servers.options(skip_auth=True)).open()


def test_kerberos_is_refused_where_paramiko_has_none(ssh_servers: SSHServers) -> None:
    import inspect

    import paramiko

    if "gss_auth" in inspect.signature(paramiko.SSHClient.connect).parameters:
        pytest.skip("this paramiko has GSSAPI")
    with pytest.raises(ConfigurationError, match=r"has no GSSAPI any more.*OpenSSHChannel"):
        SSHChannel(**ssh_servers.options(gssapi_auth=True)).open()


def test_no_server(ssh_servers: SSHServers) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(SSHException, match=r"Connection refused") as caught:
            SSHChannel(**ssh_servers.options(port=nobody.getsockname()[1])).open()
    assert caught.value.transient
    with pytest.raises(SSHException, match=r"the name no-such-host\.invalid is not known"):
        SSHChannel(**ssh_servers.options(hostname="no-such-host.invalid")).open()


def test_a_server_that_says_nothing(ssh_servers: SSHServers, monkeypatch: pytest.MonkeyPatch, measure: Measure) -> None:
    monkeypatch.setattr("parsl_like.channels.ssh.ssh.LOGIN_S", 2.0)
    ssh_servers.freeze()
    began = time.time()
    with pytest.raises(SSHException, match="in time") as caught:
        SSHChannel(**ssh_servers.options(port=ssh_servers.proxy_port)).open()
    measure.since("a login of at most 2 s at a server that says nothing, to its error", began, 5)
    assert caught.value.transient


def test_a_way_over_another_machine(ssh_servers: SSHServers) -> None:
    """Both keys are looked at, and both logins are used."""
    options = ssh_servers.options(proxy_jump=f"root@127.0.0.1:{ssh_servers.port}", port=ssh_servers.proxy_port)
    config = ssh_servers.folder / "config"
    config.write_text(f"Host *\n  IdentityFile {ssh_servers.folder / 'key'}\n")
    options["config_filename"] = str(config)
    with closing(SSHChannel(**options).open()) as session:
        assert session.run(["echo", "there"], timeout=PATIENCE_S).stdout == "there\n"
    with pytest.raises(BadHostKeyException):
        SSHChannel(**options | {"proxy_jump": f"root@127.0.0.1:{ssh_servers.other_port}"}).open()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(SSHException, match=r"Connect failed|refused"):
            SSHChannel(**options | {"port": nobody.getsockname()[1]}).open()


def test_ssh_configuration_names_everything(ssh_servers: SSHServers, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host cluster\n  HostName 127.0.0.1\n  Port {ssh_servers.port}\n  User root\n"
        f"  IdentityFile {ssh_servers.folder / 'key'}\n  UserKnownHostsFile {ssh_servers.folder / 'known'}\n"
    )
    with closing(SSHChannel("cluster", config_filename=config).open()) as session:
        assert session.host == "cluster"
        assert session.run(["true"], timeout=PATIENCE_S).exit_code == 0


def test_variables(ssh_servers: SSHServers) -> None:
    with closing(SSHChannel(**ssh_servers.options(envs={"GREETING": "he llo"})).open()) as session:
        assert session.run(["bash", "-c", 'echo "$GREETING"'], timeout=PATIENCE_S).stdout == "he llo\n"


def test_calls_of_parsl_1_2(ssh_servers: SSHServers, tmp_path: Path) -> None:
    channel = SSHChannel(**ssh_servers.options())
    assert channel.execute_wait('echo "$A"; exit 2', 30, {"A": "x y"}) == (2, "x y\n", "")
    (tmp_path / "source").write_text("content")
    there = channel.push_file(str(tmp_path / "source"), str(tmp_path / "there"))
    back = channel.pull_file(there, str(tmp_path / "back"))
    assert (tmp_path / "back" / "source").read_text() == "content"
    assert back == str(tmp_path / "back" / "source")
    channel.makedirs(str(tmp_path / "a" / "b"))
    assert channel.isdir(str(tmp_path / "a" / "b"))
    assert channel.close() is False


def test_nothing_is_left_here_when_a_session_is_closed(ssh_servers: SSHServers) -> None:
    before = set(threading.enumerate())
    session = SSHChannel(**ssh_servers.options()).open()
    session.run(["true"], timeout=PATIENCE_S)
    session.close()
    session.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), thread
    with pytest.raises(ChannelError, match="the channel was closed"):
        session.run(["true"], timeout=PATIENCE_S)


# --- connections that break


def test_a_reset_while_a_command_runs(
    broken: SSHSession, ssh_servers: SSHServers, tmp_path: Path, measure: Measure
) -> None:
    """It is noticed at once, the command is killed there, and not run again; the next one has a new connection."""
    sign, moments = tmp_path / "sign", []
    program = 'echo "$$" >> "$1"; sleep 600 & sleep 600'
    watcher = _when(sign.exists, lambda: (moments.append(time.time()), ssh_servers.drop()))
    with pytest.raises(SSHException, match="lost while bash ran") as caught:
        broken.run(["bash", "-c", program, "x", str(sign)], timeout=PATIENCE_S)
    watcher.join()
    measure.since("a reset to the error of the command", moments[0], 10)
    assert caught.value.transient
    ssh_servers.nothing_is_left(10)
    measure.since("a reset to the end of the command there", moments[0], 10)
    assert len(sign.read_text().splitlines()) == 1
    assert broken.run(["echo", "again"], timeout=PATIENCE_S).stdout == "again\n"


def test_a_reset_between_commands_is_noticed_by_nobody(broken: SSHSession, ssh_servers: SSHServers) -> None:
    ssh_servers.drop()
    assert broken.run(["echo", "here"], timeout=PATIENCE_S).stdout == "here\n"


def test_a_server_that_is_gone_and_comes_back(broken: SSHSession, ssh_servers: SSHServers) -> None:
    ssh_servers.system("kill")
    with pytest.raises(SSHException) as caught:
        broken.run(["true"], timeout=5)
    assert caught.value.transient
    ssh_servers.system("start")
    assert broken.run(["echo", "back"], timeout=PATIENCE_S).stdout == "back\n"


def test_a_connection_that_freezes_while_a_command_runs(
    broken: SSHSession, ssh_servers: SSHServers, tmp_path: Path, measure: Measure
) -> None:
    """The error comes at the limit, and the command ends there although nobody can tell it."""
    sign = tmp_path / "sign"
    program = 'echo "$$" >> "$1"; sleep 600 & sleep 600'
    watcher = _when(sign.exists, ssh_servers.freeze)
    began = time.time()
    with pytest.raises(SSHException, match="nothing answers any more: the connection is frozen") as caught:
        broken.run(["bash", "-c", program, "x", str(sign)], timeout=4)
    measure.since("a command of at most 4 s on a connection that freezes, to its error", began, 10)
    watcher.join()
    assert caught.value.transient
    ssh_servers.nothing_is_left(15)
    measure.since("the same to the end of the command there", began, 20)
    assert len(sign.read_text().splitlines()) == 1


def test_a_frozen_connection_before_a_command(broken: SSHSession, ssh_servers: SSHServers, measure: Measure) -> None:
    """Nothing was run, and it says so."""
    ssh_servers.freeze()
    began = time.time()
    with pytest.raises(SSHException, match=r"it does not answer: the connection is frozen.* Nothing was run"):
        broken.run(["true"], timeout=3)
    measure.since("a command of at most 3 s on a frozen connection, to its error", began, 6)
    ssh_servers.thaw()
    assert broken.run(["echo", "on"], timeout=PATIENCE_S).stdout == "on\n"


def test_a_short_cut_is_noticed_by_nobody(broken: SSHSession, ssh_servers: SSHServers, tmp_path: Path) -> None:
    sign = tmp_path / "sign"

    def cut() -> None:
        ssh_servers.freeze()
        threading.Event().wait(2)
        ssh_servers.thaw()

    watcher = _when(sign.exists, cut)
    result = broken.run(["bash", "-c", 'echo >> "$1"; sleep 3; echo done', "x", str(sign)], timeout=PATIENCE_S)
    watcher.join()
    assert (result.exit_code, result.stdout) == (0, "done\n")


def test_a_frozen_connection_is_given_up_and_made_again(
    broken: SSHSession, ssh_servers: SSHServers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measure: Measure
) -> None:
    """A command with a long limit does not wait for it."""
    monkeypatch.setattr(link, "PULSE_S", 1.0)
    monkeypatch.setattr(link, "ANSWER_S", 3.0)
    broken._link.close()  # type: ignore[union-attr]  # the new one asks sooner
    sign, moments = tmp_path / "sign", []
    watcher = _when(sign.exists, lambda: (moments.append(time.time()), ssh_servers.freeze()))
    with pytest.raises(SSHException, match=r"lost while bash ran: 127\.0\.0\.1 has not answered for 3 s"):
        broken.run(["bash", "-c", 'echo > "$1"; sleep 600', "x", str(sign)], timeout=300)
    measure.since("a connection freezes, asked each second, at most 3 s for an answer, to the error", moments[0], 10)
    watcher.join()
    ssh_servers.thaw()
    assert broken.run(["echo", "again"], timeout=PATIENCE_S).stdout == "again\n"
    ssh_servers.nothing_is_left()


def test_a_reset_while_a_file_is_sent(broken: SSHSession, ssh_servers: SSHServers, tmp_path: Path) -> None:
    """Nothing half done is left there."""
    source, folder = tmp_path / "source", tmp_path / "there"
    with open(source, "wb") as file:
        file.truncate(400_000_000)
    watcher = _when(lambda: list(folder.glob("*.part")), ssh_servers.drop)
    with pytest.raises(FileCopyException, match="connection was lost") as caught:
        broken.push(source, folder / "target")
    watcher.join()
    assert caught.value.transient
    ssh_servers.nothing_is_left()
    assert not list(folder.iterdir())


def test_a_process_ends_there_when_its_connection_is_reset(broken: SSHSession, ssh_servers: SSHServers) -> None:
    process = broken.start(["bash", "-c", "echo up; sleep 600 & sleep 600"])
    assert process.read_line(PATIENCE_S) == "up"
    ssh_servers.drop()
    with pytest.raises(SSHException, match="lost while bash ran"):
        process.read_line(PATIENCE_S)
    assert not process.alive
    ssh_servers.nothing_is_left(10)


def test_a_process_ends_there_when_its_connection_is_frozen(
    broken: SSHSession, ssh_servers: SSHServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parsl_like.channels.remote_session.SILENCE_S", 6)
    process = broken.start(["bash", "-c", "echo up; sleep 600 & sleep 600"])
    assert process.read_line(PATIENCE_S) == "up"
    ssh_servers.freeze()
    ssh_servers.nothing_is_left(20)
    ssh_servers.thaw()
    process.close()


# --- forwarded ports


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of somebody who says everything again."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve(end: socket.socket) -> None:
            with end:
                while data := end.recv(1 << 16):
                    end.sendall(data)

        def accept() -> None:
            while True:
                try:
                    end, _ = door.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(end,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def _said_again(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as end:
        threading.Thread(target=lambda: (end.sendall(data), end.shutdown(socket.SHUT_WR)), daemon=True).start()
        pieces = []
        while piece := end.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


def test_much_goes_through_a_port_whole(broken: SSHSession, echo: int) -> None:
    data = os.urandom(1 << 20) * 8
    assert _said_again(broken.forward(echo), data) == data


def test_a_port_keeps_its_number_over_a_reset(broken: SSHSession, ssh_servers: SSHServers, echo: int) -> None:
    there = broken.forward(echo)
    assert _said_again(there, b"before") == b"before"
    ssh_servers.drop()
    broken.run(["true"], timeout=PATIENCE_S)
    assert _said_again(there, b"after") == b"after"
    assert broken.forward(echo) == there


def test_a_port_keeps_its_number_when_the_old_server_still_has_it(
    broken: SSHSession, ssh_servers: SSHServers, echo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen connection is given up here, and stands there; what holds the port is ended over the new one."""
    there = broken.forward(echo)
    old = broken._link
    assert old is not None
    old._over.set()  # given up, without a word to the other side
    assert not old.active
    monkeypatch.setattr(link.Link, "close", lambda self: None)
    broken.run(["true"], timeout=PATIENCE_S)
    monkeypatch.undo()
    assert broken._link is not old
    assert _said_again(there, b"after") == b"after"
    old.close()


def test_a_port_at_which_nobody_listens_here(broken: SSHSession) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        there = broken.forward(nobody.getsockname()[1])
        assert _said_again(there, b"") == b""
