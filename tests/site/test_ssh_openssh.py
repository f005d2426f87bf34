"""The channel by the system's ssh, against real servers and a way to them that breaks."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import OpenSSHChannel
from parsl_like.channels.errors import (
    AuthException,
    BadHostKeyException,
    FileCopyException,
    SSHException,
    UnknownHostKeyException,
)
from parsl_like.channels.openssh import lifeline as lifelines
from parsl_like.channels.openssh.lifeline import begin_lifeline
from parsl_like.errors import ChannelError
from parsl_like.testing.contracts import RemoteChannelContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsl_like.channels.openssh.session import OpenSSHSession
    from tests.site.conftest import Measure
    from tests.site.ssh_servers import SSHServers

pytest_plugins = ["tests.site.ssh_servers"]
PATIENCE_S = 60.0
LOST_S = 15.0
"""Within what a lost connection is noticed, and a command over it has failed."""


class TestOpenSSHChannel(RemoteChannelContract):
    @pytest.fixture(autouse=True)
    def _servers(self, ssh_servers: SSHServers) -> None:
        self.servers = ssh_servers

    def make_channel(self) -> OpenSSHChannel:
        return _channel(self.servers)

    def remote_folder(self, tmp_path: Path) -> PurePosixPath:
        folder = tmp_path / "there"
        folder.mkdir(exist_ok=True)
        return PurePosixPath(folder)


def _channel(servers: SSHServers, **options: Any) -> OpenSSHChannel:
    return OpenSSHChannel(**servers.options(**{"interactive": False, "keepalive": 1.0, **options}))


@pytest.fixture
def session(ssh_servers: SSHServers) -> Iterator[OpenSSHSession]:
    """Directly to the good server."""
    with closing(_channel(ssh_servers).open()) as session:
        yield session


@pytest.fixture
def broken(ssh_servers: SSHServers) -> Iterator[OpenSSHSession]:
    """To the good server, on the way that can be broken."""
    with closing(_channel(ssh_servers, port=ssh_servers.proxy_port).open()) as session:
        yield session


def _until(condition: Callable[[], object], what: str) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(0.05)


# --- commands


def test_the_environment_of_commands(ssh_servers: SSHServers) -> None:
    with closing(_channel(ssh_servers, envs={"GREETING": "he 'llo"}).open()) as session:
        assert session.run(["sh", "-c", 'echo "$GREETING"'], timeout=PATIENCE_S).stdout == "he 'llo\n"


def test_an_exit_code_of_255_is_the_commands_own(session: OpenSSHSession) -> None:
    assert session.run(["sh", "-c", "exit 255"], timeout=PATIENCE_S).exit_code == 255


def test_sessions_that_lead_to_the_same_place_share_a_login(ssh_servers: SSHServers, session: OpenSSHSession) -> None:
    with closing(_channel(ssh_servers).open()) as second:
        assert second.greeting.server == session.greeting.server
    assert session.run(["echo", "still there"], timeout=PATIENCE_S).stdout == "still there\n"
    with closing(_channel(ssh_servers, keepalive=2.0).open()) as other:
        assert other.greeting.server != session.greeting.server


def test_a_closed_session_says_so(ssh_servers: SSHServers) -> None:
    session = _channel(ssh_servers).open()
    session.close()
    session.close()
    with pytest.raises(ChannelError, match="was closed"):
        session.run(["true"], timeout=PATIENCE_S)


def test_a_machine_on_the_way(ssh_servers: SSHServers, tmp_path: Path) -> None:
    """Its login is what ssh's configuration says of it."""
    config = tmp_path / "config"
    config.write_text(
        f"Host gate\n    HostName 127.0.0.1\n    Port {ssh_servers.proxy_port}\n    User root\n    IdentitiesOnly yes\n"
        f"    IdentityFile {ssh_servers.folder}/key\n    UserKnownHostsFile {ssh_servers.folder}/known\n"
    )
    with closing(_channel(ssh_servers, proxy_jump="gate", config_filename=str(config)).open()) as session:
        assert session.run(["echo", "through"], timeout=PATIENCE_S).stdout == "through\n"
        ssh_servers.drop()
        _until(lambda: _works(session), "the connection was made again")


# --- logins that fail


def test_an_unknown_machine(ssh_servers: SSHServers, measure: Measure) -> None:
    begun = time.time()
    with pytest.raises(UnknownHostKeyException, match=rf"ssh-keyscan -p {ssh_servers.port} 127\.0\.0\.1"):
        _channel(ssh_servers, host_keys_filename=str(ssh_servers.folder / "known_none")).open()
    measure.since("refusing an unknown machine", begun, 10)
    ssh_servers.nothing_is_left()


def test_a_machine_with_another_key(ssh_servers: SSHServers, measure: Measure) -> None:
    begun = time.time()
    with pytest.raises(BadHostKeyException, match="shows another key than the one that is known") as caught:
        _channel(ssh_servers, port=ssh_servers.other_port).open()
    assert type(caught.value) is BadHostKeyException
    measure.since("refusing a machine with another key", begun, 10)
    ssh_servers.nothing_is_left()


def test_a_key_that_is_not_accepted(ssh_servers: SSHServers, measure: Measure) -> None:
    begun = time.time()
    with pytest.raises(AuthException, match="Permission denied") as caught:
        _channel(ssh_servers, key_filename=str(ssh_servers.folder / "wrong_key")).open()
    assert not caught.value.transient
    measure.since("refusing a key", begun, 10)
    ssh_servers.nothing_is_left()


def test_a_login_that_is_never_answered(ssh_servers: SSHServers, measure: Measure) -> None:
    ssh_servers.freeze()
    begun = time.time()
    with pytest.raises(SSHException) as caught:
        _channel(ssh_servers, port=ssh_servers.proxy_port, login_timeout=3.0).open()
    assert caught.value.transient
    measure.since("giving a login up that may take 3 s", begun, 8)


# --- connections that break


def test_a_reset_connection_ends_the_command_on_both_sides(
    ssh_servers: SSHServers, broken: OpenSSHSession, tmp_path: Path, measure: Measure
) -> None:
    sign = tmp_path / "sign"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(broken.run, ["sh", "-c", 'echo "$$" > "$0"; sleep 600', str(sign)], timeout=300)
        _until(lambda: sign.exists() and sign.read_text(), "the command began")
        begun = time.time()
        ssh_servers.drop()
        with pytest.raises(SSHException, match="was lost while sh ran") as caught:
            running.result(PATIENCE_S)
        measure.since("noticing a reset", begun, LOST_S)
    assert caught.value.transient
    _until(lambda: not _runs(int(sign.read_text())), "the command has ended")
    assert broken.run(["echo", "again"], timeout=PATIENCE_S).stdout == "again\n"


def test_a_reset_before_a_command_costs_nothing(ssh_servers: SSHServers, broken: OpenSSHSession) -> None:
    for number in range(3):
        _reset(ssh_servers, broken)
        assert broken.run(["echo", str(number)], timeout=PATIENCE_S).stdout == f"{number}\n"


def test_a_frozen_connection_ends_the_command_in_time(
    ssh_servers: SSHServers, broken: OpenSSHSession, tmp_path: Path, measure: Measure
) -> None:
    sign = tmp_path / "sign"
    with ThreadPoolExecutor(1) as pool:
        begun = time.time()
        running = pool.submit(broken.run, ["sh", "-c", 'echo "$$" > "$0"; sleep 600', str(sign)], timeout=5)
        _until(lambda: sign.exists() and sign.read_text(), "the command began")
        ssh_servers.freeze()
        with pytest.raises(SSHException) as caught:
            running.result(PATIENCE_S)
        measure.since("a command that may take 5 s, over a connection that freezes", begun, 5 + LOST_S)
    assert caught.value.transient
    _until(lambda: not _runs(int(sign.read_text())), "the command has ended, though nobody could tell it to")
    ssh_servers.thaw()
    _until(lambda: _works(broken), "the connection was made again")


def test_a_frozen_connection_is_given_up_and_made_again(
    ssh_servers: SSHServers, broken: OpenSSHSession, tmp_path: Path, measure: Measure
) -> None:
    """A command with a long limit does not wait for it."""
    sign = tmp_path / "sign"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(broken.run, ["sh", "-c", 'echo "$$" > "$0"; sleep 600', str(sign)], timeout=300)
        _until(lambda: sign.exists() and sign.read_text(), "the command began")
        begun = time.time()
        ssh_servers.freeze()
        with pytest.raises(SSHException, match="was lost while sh ran") as caught:
            running.result(PATIENCE_S)
        measure.since("a connection freezes, asked each second, to the error", begun, LOST_S)
    assert caught.value.transient
    ssh_servers.thaw()
    assert broken.run(["echo", "again"], timeout=PATIENCE_S).stdout == "again\n"
    _until(lambda: not _runs(int(sign.read_text())), "the command has ended")


def _reset(servers: SSHServers, session: OpenSSHSession) -> None:
    """Break the connection, and wait until ssh knows."""
    servers.drop()
    _until(lambda: not session._shared().stands, "the connection has ended")


def _works(session: OpenSSHSession) -> bool:
    try:
        return session.run(["true"], timeout=10).exit_code == 0
    except SSHException as error:
        assert error.transient  # noqa: PT017 - any other one fails the test
        return False


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_next_connection_ends_what_the_server_has_not_noticed(ssh_servers: SSHServers, tmp_path: Path) -> None:
    """As after a cut: the server keeps the old connection, and what is run and listened at for it."""
    with (
        closing(_channel(ssh_servers).open()) as old,
        closing(_channel(ssh_servers, keepalive=2.0).open()) as new,
    ):
        first, second = old._shared(), new._shared()
        assert first._far_end.pid != second._far_end.pid
        lifeline = begin_lifeline(second.login, second.socket, tmp_path / "log", first._far_end)
        assert lifeline.greets(PATIENCE_S)
        _until(lambda: not first.stands, "the old connection has ended")
        same = begin_lifeline(second.login, second.socket, tmp_path / "log", second._far_end)
        assert same.greets(PATIENCE_S)  # which has not ended itself
        assert second.stands
        lifeline.end()
        same.end()


def test_without_a_sign_of_life_the_command_there_ends_and_the_login_does_not(
    ssh_servers: SSHServers, session: OpenSSHSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a cut that the server has not noticed: nothing of ours waits there until it does."""
    impatient = lifelines._SCRIPT.replace(f"sleep {lifelines.STEP_S}", "sleep 0.1")
    monkeypatch.setattr(lifelines, "_SCRIPT", impatient)
    shared = session._shared()
    lifeline = begin_lifeline(shared.login, shared.socket, tmp_path / "log", shared._far_end)
    assert lifeline.greets(PATIENCE_S)
    _until(lambda: not lifeline.holds, "the command has ended by itself")
    lifeline.end()
    assert shared.stands
    talkative = begin_lifeline(shared.login, shared.socket, tmp_path / "log", shared._far_end)
    assert talkative.greets(PATIENCE_S)
    monkeypatch.setattr(lifelines, "BEAT_S", 0.05)
    talkative.keep(lambda: None)
    over = time.monotonic() + 2 * lifelines.STEPS_OF_SILENCE * 0.1
    _until(lambda: time.monotonic() > over or not talkative.holds, "twice the silence that is allowed")
    assert talkative.holds
    talkative.end()


def test_a_login_whose_lifeline_has_ended_is_held_again(ssh_servers: SSHServers) -> None:
    """This machine slept; nobody has to log in again when it wakes up."""
    with closing(_channel(ssh_servers, keepalive=3.0).open()) as session:
        shared = session._shared()
        first = shared._lifeline
        assert first is not None
        first._process.kill()
        _until(lambda: shared.stands and shared._lifeline is not first, "it is held again")
        assert shared._lifeline is not None
        assert shared._lifeline.far_end == first.far_end, "over the same connection"
        assert session.run(["echo", "here"], timeout=PATIENCE_S).stdout == "here\n"


# --- files


def test_an_empty_file(session: OpenSSHSession, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    session.push(tmp_path / "empty", PurePosixPath(tmp_path / "there"))
    session.pull(PurePosixPath(tmp_path / "there"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_a_copy_that_is_cut_off_leaves_no_half(ssh_servers: SSHServers, broken: OpenSSHSession, tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there" / "file"
    with open(source, "wb") as file:
        file.truncate(3_000_000_000)
    there.parent.mkdir()
    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(broken.push, source, PurePosixPath(there))
        _until(lambda: any(path.stat().st_size for path in there.parent.iterdir()), "a part has arrived")
        ssh_servers.drop()
        with pytest.raises(FileCopyException) as caught:
            pushing.result(PATIENCE_S)
    assert caught.value.transient
    _until(lambda: not list(there.parent.iterdir()), "the part was removed")


# --- what goes on


def test_a_reset_ends_one_that_goes_on(ssh_servers: SSHServers, broken: OpenSSHSession, measure: Measure) -> None:
    process = broken.start(["sh", "-c", "echo begun; exec sleep 600"])
    assert process.read_line(PATIENCE_S) == "begun"
    begun = time.time()
    ssh_servers.drop()
    with pytest.raises(SSHException):
        process.read_line(PATIENCE_S)
    measure.since("noticing a reset under a command that goes on", begun, LOST_S)
    process.close()


# --- ports


class Greeter:
    """A context: greets whoever connects to a port of this machine."""

    def __enter__(self) -> Greeter:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._greet)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _greet(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.sendall(b"welcome\n")
        except OSError:
            return


def _come_by(session: OpenSSHSession, port: int) -> str:
    program = f"exec 3<>/dev/tcp/127.0.0.1/{port} && cat <&3"
    return session.run(["bash", "-c", program], timeout=PATIENCE_S).stdout


def test_a_port_there_leads_here(ssh_servers: SSHServers, session: OpenSSHSession) -> None:
    with Greeter() as greeter:
        port = session.forward(greeter.port)
        assert _come_by(session, port) == "welcome\n"
        assert session.forward(greeter.port) == port
        with closing(_channel(ssh_servers).open()) as second:
            assert second.forward(greeter.port) == port
        assert _come_by(session, port) == "welcome\n"


def test_a_port_is_closed_with_the_session_that_wanted_it(ssh_servers: SSHServers, session: OpenSSHSession) -> None:
    with Greeter() as greeter:
        with closing(_channel(ssh_servers).open()) as second:
            port = second.forward(greeter.port)
        assert _come_by(session, port) == ""


def test_ports_stay_the_same_when_the_connection_is_made_again(ssh_servers: SSHServers, broken: OpenSSHSession) -> None:
    with Greeter() as first, Greeter() as second:
        ports = [broken.forward(greeter.port) for greeter in (first, second)]
        for _ in range(2):
            _reset(ssh_servers, broken)
            assert [_come_by(broken, port) for port in ports] == ["welcome\n", "welcome\n"]


def test_a_server_that_forwards_nothing_is_named(ssh_servers: SSHServers) -> None:
    """A port of another's is refused like any, by the same words."""
    with closing(_channel(ssh_servers).open()) as session, Greeter() as taken:
        shared = session._shared()
        with pytest.raises(SSHException, match=rf"port {taken.port} there cannot be led to port 9 here") as caught:
            shared._ask_forward(9, taken.port)
    assert "AllowTcpForwarding" in str(caught.value)


# --- logins by hand


def _by_hand(words: Sequence[str]) -> None:
    log = subprocess.DEVNULL
    subprocess.run(words, stdin=log, stdout=log, stderr=log, timeout=PATIENCE_S, check=True)


def test_a_login_by_hand_is_used_and_not_ended(ssh_servers: SSHServers, tmp_path: Path) -> None:
    channel = _channel(ssh_servers, control_path=str(tmp_path / "c"))
    with pytest.raises(SSHException, match=r"there is no connection at .* log in by hand") as caught:
        channel.open()
    assert caught.value.transient
    assert caught.value.hint is not None
    words = shlex.split(caught.value.hint.partition(":")[2])
    _by_hand([*words[:1], "-o", "BatchMode=yes", *words[1:]])
    stop = ["ssh", "-F", "/dev/null", "-S", str(tmp_path / "c"), "-O", "exit", "127.0.0.1"]
    try:
        session = channel.open()
        assert session.run(["echo", "in"], timeout=PATIENCE_S).stdout == "in\n"
        _by_hand(stop)
        _until(lambda: not session._shared().stands, "the connection has ended")
        with pytest.raises(SSHException, match="log in by hand"):
            session.run(["true"], timeout=PATIENCE_S)
        _by_hand([*words[:1], "-o", "BatchMode=yes", *words[1:]])
        assert session.run(["echo", "in again"], timeout=PATIENCE_S).stdout == "in again\n"
        session.close()
        assert (tmp_path / "c").exists()
    finally:
        subprocess.run(stop, stderr=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)


# --- programs that end

PROGRAM = """
import sys, time
from parsl_like.channels import OpenSSHChannel
session = OpenSSHChannel(**{options!r}).open()
process = session.start(["sh", "-c", "echo begun; exec sleep 600"])
print(process.read_line(60), flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


def _begin(servers: SSHServers, mode: str) -> subprocess.Popen[str]:
    program = PROGRAM.format(options=servers.options(interactive=False))
    process = subprocess.Popen([sys.executable, "-c", program, mode], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_program_that_forgets_to_close_leaves_nothing(ssh_servers: SSHServers) -> None:
    with _begin(ssh_servers, "end") as process:
        assert process.wait(PATIENCE_S) == 0
    ssh_servers.nothing_is_left()


def test_a_program_that_is_killed_leaves_nothing(ssh_servers: SSHServers, measure: Measure) -> None:
    with _begin(ssh_servers, "wait") as process:
        assert ssh_servers.left()
        begun = time.time()
        process.kill()
    ssh_servers.nothing_is_left(PATIENCE_S)
    measure.since("the end of everything after kill -9 of the program", begun, 30)
    _until(lambda: not _logins_of(ssh_servers), "the login has ended")
    (left,) = Path(tempfile.gettempdir()).glob("pl-ssh-*")  # what nobody could remove any more
    assert sorted(path.name for path in left.iterdir()) == ["log", "stderr"]
    shutil.rmtree(left)


def _logins_of(servers: SSHServers) -> list[str]:
    """The connections to the good server that still stand, by the processes that the server has for them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        words = command.split(b"\0")
        if words[0] == b"ssh" and str(servers.folder / "key").encode() in words:
            found.append(command.decode(errors="replace"))
    return found
