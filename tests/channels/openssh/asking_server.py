"""An ssh server of a test's own that asks questions at the login, which the sshd of a test machine cannot be told to.

It speaks the protocol by paramiko and runs commands as the user of the test.
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from socket import create_server
from typing import TYPE_CHECKING, Any

import paramiko

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path


class AskingServer:
    """A context; everything it has started ends with it.

    Args:
        folder: Where its key and the file of known machines go.
        answers: The questions of a login, with the right answers.

    Attributes:
        port: Where it listens.
        known: The file of known machines, with this one.
        logins: How many logins were tried.
    """

    def __init__(self, folder: Path, answers: Mapping[str, str]) -> None:
        self.answers = dict(answers)
        self.logins = 0
        self._key = paramiko.ECDSAKey.generate()
        self._listener = create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.known = folder / "known_hosts"
        self.known.write_text(f"[127.0.0.1]:{self.port} {self._key.get_name()} {self._key.get_base64()}\n")
        self._transports: list[paramiko.Transport] = []
        self._threads = [threading.Thread(target=self._accept, name="asking-server")]

    def __enter__(self) -> AskingServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(2)
        self._listener.close()
        self.reset()
        for thread in self._threads:
            thread.join(30)

    def reset(self) -> None:
        """End every connection."""
        for transport in self._transports:
            transport.close()

    def begin(self, *work: Any) -> None:
        thread = threading.Thread(target=work[0], args=work[1:], name="asking-server")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        self._transports.append(transport)
        transport.add_server_key(self._key)
        with suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=Login(self))
            channels = []  # one that nobody holds is closed
            while transport.is_active():
                channels.append(transport.accept(0.2))


class Login(paramiko.ServerInterface):
    """One connection."""

    def __init__(self, server: AskingServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive"

    def check_auth_interactive(self, username: str, submethods: object) -> Any:
        self._server.logins += 1
        return paramiko.InteractiveQuery("", "", *((question, False) for question in self._server.answers))

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        good = responses == list(self._server.answers.values())
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.begin(self._run, channel, command.decode())
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(["sh", "-c", command], bufsize=0, **pipes) as process:  # type: ignore[call-overload]
            self._server.begin(self._feed, channel, process.stdin)
            outputs = [(process.stdout, channel.sendall), (process.stderr, channel.sendall_stderr)]
            readers = [threading.Thread(target=self._drain, args=pair, name="asking-server") for pair in outputs]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            code = process.wait()
        with suppress(OSError, EOFError):
            channel.send_exit_status(code)
        channel.close()

    @staticmethod
    def _feed(channel: paramiko.Channel, stdin: Any) -> None:
        with suppress(OSError), stdin:
            while data := channel.recv(65536):
                stdin.write(data)

    @staticmethod
    def _drain(pipe: Any, send: Any) -> None:
        with suppress(OSError):
            while data := pipe.read(65536):
                send(data)
