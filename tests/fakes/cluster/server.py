"""The simulated cluster's server: the only one who changes the cluster, asked by commands through a unix socket.

It ends when its standard input does, that is with whoever started it, and takes all jobs with it.
"""

from __future__ import annotations

import json
import marshal
import os
import pwd
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.cluster import cobalt, condor, faults, grid_engine, lsf, pbspro, slurm, torque
from tests.fakes.cluster.call import Answer, Call
from tests.fakes.cluster.faults import Fault
from tests.fakes.cluster.model import Cluster, Queue, Settings, Start
from tests.fakes.cluster.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.cluster.flavour import Flavour
    from tests.fakes.cluster.model import Job

FLAVOURS: Mapping[str, Flavour] = {
    "slurm": slurm.FLAVOUR,
    "pbspro": pbspro.FLAVOUR,
    "torque": torque.FLAVOUR,
    "grid_engine": grid_engine.FLAVOUR,
    "lsf": lsf.FLAVOUR,
    "cobalt": cobalt.FLAVOUR,
    "condor": condor.FLAVOUR,
}
SOCKET, FAULTS, LOG, CONFIGURATION = "socket", "faults.json", "log.jsonl", "cluster.json"
PATIENCE_S = 10.0


def settings_of(flavour: str, given: Mapping[str, Any]) -> Settings:
    queues = {name: Queue(**facts) for name, facts in given.get("queues", {"main": {}}).items()}
    return Settings(**{"flavour": flavour, **FLAVOURS[flavour].settings, **given, "queues": queues})


class Server:
    """Serves one cluster.

    Args:
        folder: The cluster's; ``cluster.json`` in it says what it is like.
    """

    def __init__(self, folder: Path) -> None:
        configuration = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        settings = settings_of(configuration["flavour"], configuration)
        self._folder = folder
        self._flavour = FLAVOURS[settings.flavour]
        self._cluster = Cluster(settings)
        self._runner = Runner(folder, self._flavour, os.environ)
        self._uses: dict[str, int] = {}
        self._unreported: list[tuple[int, int, int, int]] = []
        self._ends = False

    def serve(self) -> None:
        """Until told to end, or left alone."""
        news, tell = socket.socketpair()
        news.setblocking(False)
        tell.setblocking(False)
        signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with socket.socket(socket.AF_UNIX) as door, news, tell:
            door.bind(str(self._folder / SOCKET))
            door.listen(64)
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            while not self._ends:
                self._advance()
                wait = max(0.0, self._cluster.next_due(time.time()) - time.time())
                ready, _, _ = select.select([door, news, sys.stdin], [], [], wait)
                if sys.stdin in ready:
                    break
                if news in ready:
                    news.recv(4096)
                if door in ready:
                    self._take(door.accept()[0])
        signal.set_wakeup_fd(-1)
        self._runner.kill_all()

    # --- jobs

    def _advance(self) -> None:
        """Take note of what has ended, and do what is due."""
        self._unreported += self._runner.ended()
        waiting, self._unreported = self._unreported, []
        for number, starts, code, stragglers in waiting:
            job = self._cluster.jobs.get(number)
            if job is None:
                continue
            self._cluster.script_ended(job, starts, code, time.time(), stragglers)
            if job.over:
                self._runner.deliver(job)
                self._log(ended=number, fate=job.fate.value, code=code, stragglers=stragglers)
            elif job.starts == starts and job.active:
                self._unreported.append((number, starts, code, stragglers))  # its node cannot be reached
        self._cluster.tick(time.time())
        for effect in self._cluster.take_effects():
            if isinstance(effect, Start):
                self._start(effect.job)
            else:
                self._runner.signal(effect.number, effect.starts, effect.signal)

    def _start(self, job: Job) -> None:
        trouble = self._runner.start(job, self._cluster)
        self._log(started=job.number, nodes=list(job.nodes), trouble=trouble)
        if trouble is not None:
            self._cluster.not_started(job, trouble, time.time())

    # --- commands

    def _take(self, visitor: socket.socket) -> None:
        with visitor:
            visitor.settimeout(PATIENCE_S)
            with suppress(OSError, EOFError, ValueError, TypeError):  # a command may be killed while it speaks
                asked = b""
                while part := visitor.recv(1 << 16):
                    asked += part
                request = marshal.loads(asked)
                given = self._control(request) if "control" in request else self._command(request)
                visitor.sendall(marshal.dumps(given))

    def _command(self, request: dict[str, Any]) -> dict[str, Any]:
        now = time.time()
        call = Call(
            name=request["name"],
            words=tuple(request["words"]),
            folder=request["folder"],
            environment=request["environment"],
            owner=_user_name(request["uid"]),
            uid=request["uid"],
            now=now,
            cluster=self._cluster,
            read=_read,
            stdin=request.get("stdin", b"").decode("utf-8", "surrogateescape"),
        )
        fault = faults.befalls(self._faults(), self._uses, call.name, call.words, now)
        if fault is not None:
            self._uses[fault.id] = self._uses.get(fault.id, 0) + 1
        answer = faults.answer(fault, call, self._flavour, self._run)
        self._log(
            command=call.name,
            words=call.words,
            code=answer.code,
            fault=None if fault is None else fault.kind,
            job=answer.job,
            uid=call.uid,
        )
        return {
            "stdout": _bytes(answer.stdout),
            "stderr": _bytes(answer.stderr),
            "code": answer.code,
            "delay": answer.delay,
            "hangs": answer.hangs,
        }

    def _run(self, call: Call) -> Answer:
        command = self._flavour.commands.get(call.name)
        if command is None:
            return Answer(stderr=f"{call.name}: the simulated cluster has no such command\n", code=127)
        return command(call)

    def _faults(self) -> list[Fault]:
        try:
            return [Fault.read(fields) for fields in json.loads((self._folder / FAULTS).read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []

    def _log(self, **facts: object) -> None:
        with open(self._folder / LOG, "a", encoding="utf-8", errors="surrogateescape") as log:
            log.write(json.dumps({"time": time.time(), **facts}) + "\n")

    # --- what only tests do

    def _control(self, request: dict[str, Any]) -> dict[str, Any]:
        cluster, now = self._cluster, time.time()
        given = request.get("arguments", {})
        job = cluster.jobs.get(given.get("job"))
        actions: dict[str, Callable[[], Any]] = {
            "jobs": lambda: [_plain(job) for job in [*cluster.archive.values(), *cluster.jobs.values()]],
            "cancel": lambda: job and cluster.cancel(job, now),
            "kill": lambda: job and cluster.kill(job, now),
            "hold": lambda: job and cluster.hold(job),
            "release": lambda: job and cluster.release(job),
            "requeue": lambda: job and cluster.requeue(job, now),
            "lose_node": lambda: self._lose_node(given["node"], orphans=given["orphans"]),
            "restore_node": lambda: cluster.restore_node(given["node"]),
            "queue": lambda: cluster.settings.queues.__setitem__(given["name"], Queue(given["up"], given["longest"])),
            "next_number": lambda: setattr(cluster, "next_number", given["number"]),
            "end": lambda: setattr(self, "_ends", True),
        }
        return {"answer": actions[request["control"]]()}

    def _lose_node(self, name: str, *, orphans: bool) -> None:
        self._cluster.lose_node(name, time.time())
        for job in self._cluster.jobs.values():
            if job.active and name in job.nodes and not orphans:
                self._runner.signal(job.number, job.starts, signal.SIGKILL)


def _plain(job: Job) -> dict[str, Any]:
    """A job as data that needs no class."""
    facts = asdict(job)
    wanted = facts.pop("wanted")
    facts |= {
        f"wanted_{name}": wanted[name] for name in ("name", "queue", "nodes", "slots", "walltime", "stdout", "stderr")
    }
    return {name: getattr(value, "value", value) for name, value in facts.items()}


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="surrogateescape")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
