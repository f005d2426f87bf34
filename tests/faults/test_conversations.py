"""A real manager's words, recorded, then said again with errors in them, to a real interchange."""

from __future__ import annotations

import glob
import os
import random
import shlex
import socket
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from parsl_like import python_app
from parsl_like.serialize.segments import anonymous_file
from tests.faults import processes, strangers

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 60
HERE = Path(__file__).parent
ROUNDS = 20_000 if os.environ.get("PARSL_LIKE_FULL") else 400
SEED = 4
LINKS = ("data", "control")


@python_app
def note(path: str) -> str:
    """Leaves a line in a file each time it runs."""
    with open(path, "a") as file:
        file.write("once\n")
    return path


def connected(path: str) -> socket.socket:
    """A connection to the only socket that a pattern fits."""
    found = glob.glob(path)
    if len(found) != 1:
        raise FileNotFoundError(path)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(found[0])
    except OSError:
        made.close()
        raise
    return made


def listening(path: str) -> socket.socket:
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    door.listen()
    return door


def with_errors(said: bytes, chance: random.Random) -> bytes:
    """What was said, with a few bytes changed, left out, doubled or added, or broken off."""
    data = bytearray(said)
    for _ in range(chance.choice((0, 1, 1, 2, 5, 20))):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                data[at : at + 1] = bytes([data[at] ^ 1 << chance.randrange(8)]) if data else b""
            case 2:
                del data[at : at + chance.randrange(1, 40)]
            case 3:
                data[at:at] = data[at : at + chance.randrange(1, 200)]
            case 4:
                data[at:at] = chance.choice((b"\xdd\xff\xff\xff\xff", b"\x91" * 5000, b"\xff" * 8, chance.randbytes(9)))
            case 5:
                del data[at:]
    return bytes(data)


@pytest.mark.fault(
    "security",
    "a manager's recorded words, repeated under other names with errors in them",
    "the interchange drops or hangs up, stays as large as it was, and loses nothing",
    bound=60,
)
def test_a_recorded_conversation_with_errors(
    make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch
) -> None:
    place = tempfile.gettempdir()
    chance = random.Random(SEED if ROUNDS < 1000 else None)
    with ExitStack() as stack:
        between = []
        for link in LINKS:
            door = listening(f"{place}/between-{link}")
            stack.callback(os.unlink, f"{place}/between-{link}")
            between.append(strangers.Proxy(lambda link=link: connected(f"{place}/pl-*/manager-{link}"), door))
            stack.callback(between[-1].close)
        urls = [f"ipc://{proxy.where}" for proxy in between]
        command = shlex.join([sys.executable, str(HERE / "scripts" / "detour.py"), *urls])
        run = make_run(launch_cmd=command, heartbeat_period=1, heartbeat_threshold=5)
        paths = [tmp_path / str(number) for number in range(60)]
        assert [note(str(path)).result(WAIT) for path in paths[:30]] == [str(path) for path in paths[:30]]
        (name,) = (manager["manager"].encode() for manager in run.status()["executors"]["htex"]["connected"])
        recorded = [max((bytes(said) for said, _ in proxy.said), key=len) for proxy in between]
        assert all(name in said for said in recorded)
        process = psutil.Process(processes.one("interchange"))
        size, files = process.memory_info().rss, process.num_fds()
        meanwhile = []
        with stopwatch:
            for number in range(ROUNDS):
                link = chance.randrange(2)
                another = b"x%0*d" % (len(name) - 1, number)
                speak(
                    f"{place}/pl-*/manager-{LINKS[link]}",
                    with_errors(recorded[link].replace(name, another), chance),
                    chance,
                )
                if number % (ROUNDS // 10) == 0:
                    meanwhile.append(note(str(paths[30 + number // (ROUNDS // 10)])))
            assert [future.result(WAIT) for future in meanwhile] == [str(path) for path in paths[30:40]]
            processes.until(lambda: run.status()["executors"]["htex"]["managers"] == 1, stopwatch.limit)
            processes.until(lambda: process.num_fds() <= files + 2, stopwatch.limit)
        assert [note(str(path)).result(WAIT) for path in paths[40:]] == [str(path) for path in paths[40:]]
        assert all(path.read_text() == "once\n" for path in paths)
        assert process.memory_info().rss - size < 60_000_000
        assert processes.one("interchange") == process.pid
        assert run.status()["executors"]["htex"]["restarts"] == 0
        assert run.status()["executors"]["htex"]["dropped"]


def speak(pattern: str, words: bytes, chance: random.Random) -> None:
    """Say something in one go or in bits, sometimes with files in the hand, and leave."""
    with connected(pattern) as caller, suppress(OSError):  # hung up
        caller.settimeout(5)
        bits = chance.choice((1, 1, 7, 4096))
        for start in range(0, len(words), len(words) // bits + 1):
            bit = words[start : start + len(words) // bits + 1]
            if chance.random() < 0.05:
                files = [anonymous_file("fuzz") for _ in range(chance.randrange(1, 5))]
                socket.send_fds(caller, [bit], files)
                for file in files:
                    os.close(file)
            else:
                caller.sendall(bit)
