"""What probes see of this machine, and what a node tells."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels.local import LocalChannel
from parsl_like.core.ports import CommandResult
from parsl_like.doctor.probes.folders import file_system, seen_folder
from parsl_like.doctor.probes.listener import Listener, bound
from parsl_like.doctor.probes.network import ports_of, reached_at, seen_network
from parsl_like.doctor.probes.node_reports import lines_in, node_command, nodes_in
from parsl_like.doctor.probes.on_node import MARK
from parsl_like.doctor.probes.scripts import absent_sources, malformed
from parsl_like.doctor.probes.systems import needed_commands, seen_commands, seen_system
from parsl_like.doctor.systems import system_of
from parsl_like.errors import ChannelError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import PBSProProvider, SlurmProvider
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"


# --- folders


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    seen = seen_folder(str(tmp_path / "runs" / "mine"))
    assert seen.trouble is None
    assert seen.path == str(tmp_path / "runs" / "mine")
    assert seen.free is not None
    assert os.listdir(tmp_path) == []


def test_a_folder_with_a_file_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    assert "Not a directory" in str(seen_folder(str(tmp_path / "runs" / "mine")).trouble)


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX's")
def test_a_folder_that_anybody_can_change(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs").chmod(0o777)
    seen = seen_folder(str(tmp_path / "runs"))
    assert "anybody can change" in str(seen.trouble)
    assert "chmod" in seen.advice


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /dev/shm rw - tmpfs tmpfs rw
31 22 0:40 / /data rw,nosuid shared:9 master:2 - nfs4 server:/data rw
32 31 0:41 / /data/my\\040disk rw - xfs /dev/sdb rw
junk
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [("/", "ext4"), ("/database", "ext4"), ("/data/x", "nfs4"), ("/dev/shm/a", "tmpfs"), ("/data/my disk/a", "xfs")],
)
def test_the_file_system_of_a_place(place: str, kind: str) -> None:
    assert file_system(MOUNTS, place) == kind


def test_where_nothing_is_mounted_nothing_is_known() -> None:
    assert file_system("", "/") == ""


# --- ports


def test_ports_that_are_free() -> None:
    seen = seen_network(HighThroughputExecutor())
    assert (seen.misplaced, dict(seen.taken), seen.free, seen.wanted) == (None, {}, 2, 2)
    assert seen.addresses


def test_ports_that_somebody_has() -> None:
    with bound("*", [0]) as door:
        door.listen()
        port = door.getsockname()[1]
        seen = seen_network(HighThroughputExecutor(worker_port=port, worker_port_range=(port, port)))
    assert list(seen.taken) == [port]
    assert (seen.free, seen.wanted) == (0, 1)


def test_an_address_that_is_not_ours() -> None:
    assert seen_network(HighThroughputExecutor(address="192.0.2.1")).misplaced
    assert seen_network(HighThroughputExecutor(address="no-such-host.invalid")).misplaced


def test_where_an_executor_would_be_reached() -> None:
    assert reached_at(HighThroughputExecutor(address="10.1.2.3")) == ["10.1.2.3"]
    assert reached_at(HighThroughputExecutor(encrypted=False)) == ["127.0.0.1"]
    assert "127.0.0.1" in reached_at(HighThroughputExecutor())
    assert ports_of(HighThroughputExecutor(worker_port=5)) == [5]
    assert sorted(ports_of(HighThroughputExecutor(worker_port_range=(7, 9)))) == [7, 8, 9]


def test_within_the_host_no_port_is_needed() -> None:
    assert seen_network(HighThroughputExecutor(transport="ipc")).wanted == 0


# --- the listener


def call(listener: Listener, text: bytes = b"") -> str:
    """What it says to a caller, who says something, too."""
    answer: list[str] = []

    def speak() -> None:
        with socket.create_connection(("127.0.0.1", listener.port), 10) as door, door.makefile() as words:
            answer.append(words.readline().strip())
            door.sendall(text)

    caller = threading.Thread(target=speak)
    caller.start()
    while caller.is_alive():
        listener.pump(0.05)
    caller.join()
    listener.pump(0.05)
    return answer[0]


def test_a_listener_says_its_word_and_takes_down_what_it_hears() -> None:
    with Listener("*", [0], TOKEN) as listener:
        assert listener.urls(["10.0.0.1"]) == [f"tcp://10.0.0.1:{listener.port}"]
        assert call(listener) == TOKEN
        assert call(listener, b'{"a": 1}\n') == TOKEN
        assert listener.heard == ['{"a": 1}']


def test_one_who_talks_too_much_is_cut_off() -> None:
    with Listener("127.0.0.1", [0], TOKEN) as listener:
        call(listener, b"x" * 60000)
        assert sum(map(len, listener.heard)) == 60000
        with socket.create_connection(("127.0.0.1", listener.port), 10) as door:
            door.settimeout(0.05)
            with pytest.raises(ConnectionError):
                talk(door, listener)


def talk(door: socket.socket, listener: Listener) -> None:
    """Send without end, as long as somebody takes it."""
    for _ in range(1000):
        with suppress(TimeoutError):
            door.send(b"x" * (1 << 16))
        listener.pump(0.01)


def test_ports_are_tried_one_after_another() -> None:
    with Listener("*", [0], TOKEN) as first, Listener("*", [first.port, 0], TOKEN) as second:
        assert second.port != first.port
        with pytest.raises(OSError, match="in use"):
            Listener("*", [first.port], TOKEN)
    with pytest.raises(OSError, match="no port"):
        Listener("*", [], TOKEN)


# --- what a node tells


def asked(urls: list[str], folder: str | None = None) -> dict[str, Any]:
    packages = ["msgspec", "no-such-package"]
    return {"urls": urls, "token": TOKEN, "patience": 5, "packages": packages, "folder": folder}


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


@pytest.mark.integration
def test_a_node_tells_what_it_sees(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with Listener("*", [0], TOKEN) as listener, bound("*", [0]) as silent:
        other = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        command = node_command(None, asked([other, *listener.urls(["127.0.0.1"])], str(tmp_path)))
        done: list[subprocess.CompletedProcess[str]] = []
        node = threading.Thread(target=lambda: done.append(run(command)))
        node.start()
        while node.is_alive():
            listener.pump(0.1)
        node.join()
        listener.pump(0.1)
    assert done[0].stderr == ""
    (printed,) = nodes_in(lines_in(done[0].stdout), TOKEN)
    (called,) = nodes_in(listener.heard, TOKEN, now=json.loads(listener.heard[0])["time"])
    assert printed == called
    seen = printed[1]
    assert (seen.node, seen.package, seen.folder_trouble) == (socket.gethostname(), VERSION, None)
    assert seen.executable == sys.executable
    assert seen.packages["no-such-package"] is None
    assert seen.packages["msgspec"]
    assert seen.reached[listener.urls(["127.0.0.1"])[0]] == ""
    assert "refused" in seen.reached[other]
    assert [path.name.startswith("node-") for path in sorted(tmp_path.iterdir())] == [True, False]


@pytest.mark.integration
def test_a_node_without_this_package_and_the_folder(tmp_path: Path) -> None:
    shadow = tmp_path / "parsl_like"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("")
    (shadow / "version.py").write_text("raise RuntimeError('broken there')")
    done = run(node_command(None, asked([], "/no/such/folder")), PYTHONPATH=str(tmp_path))
    ((_, seen),) = nodes_in(lines_in(done.stdout), TOKEN)
    assert (seen.package, seen.package_trouble) == (None, "RuntimeError: broken there")
    assert "No such file" in str(seen.folder_trouble)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("launch_cmd", "status"),
    [
        ("process_worker_pool.py {options}", 0),
        ("env A=1 process_worker_pool.py {options}", 0),
        ("{folder}/process_worker_pool.py {options}", 0),
        ("start_the_pool {options}", 127),
        ("'start_the_pool'", 127),
        ("bash pool.sh", 0),
    ],
)
def test_the_python_that_a_command_of_the_users_own_would_run(launch_cmd: str, status: int, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (
        ("process_worker_pool.py", "#!/bin/sh\n"),
        ("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n'),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    command = node_command(launch_cmd.replace("{folder}", str(folder)), asked([]))
    done = run(command, PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == status, done.stderr
    assert len(nodes_in(lines_in(done.stdout), TOKEN)) == (status == 0)
    assert ("start_the_pool: command not found" in done.stderr) == (status == 127)


def test_what_does_not_bear_the_token_is_passed_over() -> None:
    lines = [
        "{",
        "[]",
        '"x"',
        '{"token": "other"}',
        json.dumps({"token": TOKEN, "reached": 3, "time": "late"}),
        "[" * 9999,
    ]
    ((key, seen),) = nodes_in(lines, TOKEN, now=5.0)
    assert (key, seen.python, seen.reached, seen.ahead) == (("?", 0), "?", {}, 0.0)


def test_lines_of_nodes_are_found_behind_what_a_launcher_puts_there() -> None:
    assert lines_in(f"hello\n0: {MARK}one\n{MARK}two\n") == ["one", "two"]


# --- batch systems


class Said:
    """A channel on which commands say what they are told to say."""

    def __init__(self, **answers: str | Exception) -> None:
        self.answers = answers

    def run(self, argv: Any, *, timeout: float, stdin: str | None = None) -> CommandResult:
        del timeout, stdin
        if argv[0] == "sh" and "command -v" in argv[2]:
            return CommandResult(0, "".join(f"{name}\t/bin/{name}\n" for name in argv[4:]), "")
        name = "sacctmgr" if argv[0] == "sh" else argv[0] + "_nodes" * ("--Node" in argv)
        answer = self.answers.get(name, ChannelError(f"{argv[0]} took too long"))
        if isinstance(answer, Exception):
            raise answer
        return CommandResult(0, answer, "") if not answer.startswith("error") else CommandResult(1, "", answer)


def test_a_slurm_that_answers() -> None:
    provider = SlurmProvider()
    channel: Any = Said(
        sinfo="short*|up|1:00|1-2|0/1/0/1|2|4000|(null)|(null)\n", sinfo_nodes="127.0.0.1\n", sacctmgr="a\nb\n"
    )
    seen = seen_system(channel, provider, system_of(provider), local=True)
    assert [queue.name for queue in seen.queues or ()] == ["short"]
    assert (seen.accounts, seen.here, seen.silence) == (frozenset("ab"), True, None)
    assert not seen_system(channel, provider, system_of(provider), local=False).here


def test_a_slurm_without_accounting_on_other_machines() -> None:
    provider = SlurmProvider()
    channel: Any = Said(
        sinfo="short|up|1:00|1-2|0/1/0/1|2|4|x|y\n", sinfo_nodes="192.0.2.7\n", sacctmgr="error: no accounting"
    )
    seen = seen_system(channel, provider, system_of(provider), local=True)
    assert (seen.accounts, seen.qualities, seen.here) == (None, None, False)


@pytest.mark.parametrize("answer", ["error: Unable to contact slurm controller", ChannelError("sinfo took too long")])
def test_a_slurm_that_does_not_answer(answer: str | Exception) -> None:
    provider = SlurmProvider()
    channel: Any = Said(sinfo=answer)
    seen = seen_system(channel, provider, system_of(provider), local=True)
    assert str(answer) in str(seen.silence)


def test_commands_that_are_needed() -> None:
    assert needed_commands(SlurmProvider().dialect()) == ["sbatch", "squeue", "scancel"]
    assert needed_commands(PBSProProvider().dialect()) == ["qsub", "qstat", "qdel"]


def test_where_commands_are() -> None:
    with closing(LocalChannel().open()) as channel:
        found = seen_commands(channel, ["sh", "no-such-command", "sh"], 10)
    assert list(found) == ["sh", "no-such-command"]
    assert str(found["sh"]).endswith("/sh")
    assert found["no-such-command"] is None


# --- scripts


def test_a_script_that_bash_cannot_read() -> None:
    assert "unexpected" in str(malformed("if true; then\n"))
    assert malformed("echo 'a b'\n") is None


def test_files_that_a_script_reads_and_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "bin" / "activate"
    there.parent.mkdir()
    there.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NO_SUCH", raising=False)
    assert absent_sources(f"source {there}\n. ~/bin/activate && source '$HOME/bin/activate'; echo source /no") == []
    text = "module load x; source ~/venv/activate # mine\n. /no/such arg\nsource ~/venv/activate"
    assert absent_sources(text) == [f"{tmp_path}/venv/activate", "/no/such"]


@pytest.mark.parametrize(
    "text",
    [
        "source relative/file",
        "source $NO_SUCH/file",
        "source /no/such || true",
        "if true; then\nsource /no/such\nfi",
        "[ -f /no/such ] && . /no/such",
        "cat <<E\nsource /no/such\nE",
        "source $(conda info --base)/no",
        "source 'no",
        "source",
    ],
)
def test_what_only_a_shell_can_tell_is_left_to_it(text: str) -> None:
    assert absent_sources(text) == []
