"""The processes of jobs: started, told, killed, and looked for by a mark in their environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.fakes.cluster.flavour import Flavour, Places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.cluster.model import Cluster, Job

JOB_MARK = "PARSL_LIKE_FAKE_JOB"
"""Names, in the environment of a job's processes, the cluster's folder, the job and its start."""
LOOKS = 20
"""How often what a job has left is looked for, as long as something is found."""


class Runner:
    """The jobs of one cluster that run.

    Args:
        folder: The cluster's.
        flavour: How its jobs find themselves.
        login: The environment of a login on its nodes.
    """

    def __init__(self, folder: Path, flavour: Flavour, login: Mapping[str, str]) -> None:
        self._folder = folder
        self._flavour = flavour
        self._login = dict(login)
        self._running: dict[tuple[int, int], subprocess.Popen[bytes]] = {}
        self._places: dict[tuple[int, int], Places] = {}

    def start(self, job: Job, cluster: Cluster) -> str | None:
        """Run a job's script in a session of its own.

        Returns:
            Why it could not be started, None if it was.
        """
        key = (job.number, job.starts)
        places = self._places[key] = self._make_places(job, cluster)
        wanted = job.wanted
        base = (
            {**(wanted.environment or self._login)} if self._flavour.inherits else {**self._login, **wanted.environment}
        )
        environment = base | self._flavour.environment(job, cluster, places) | {JOB_MARK: self.mark(*key)}
        try:
            with self._output(key, wanted.stdout, "out") as stdout, self._output(key, wanted.stderr, "err") as stderr:
                self._running[key] = subprocess.Popen(
                    ["bash", places.script, *wanted.arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stdout if wanted.stderr == wanted.stdout else stderr,
                    cwd=wanted.folder,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            return f'can\'t open output file "{error.filename}": {error.strerror}'
        return None

    def _make_places(self, job: Job, cluster: Cluster) -> Places:
        spool = self._folder / "spool" / f"{job.number}.{job.starts}"
        shutil.rmtree(spool, ignore_errors=True)  # of an earlier job with this number
        (spool / "tmp").mkdir(parents=True)
        script, hosts = spool / "job_script", spool / "hosts"
        script.write_text(job.wanted.script, encoding="utf-8", errors="surrogateescape")
        hosts.write_text(self._flavour.hosts(job, cluster), encoding="utf-8")
        return Places(str(script), str(hosts), str(spool / "tmp"))

    def _output(self, key: tuple[int, int], wanted: str, name: str) -> IO[bytes]:
        if self._flavour.spools and wanted != "/dev/null":
            return open(self._folder / "spool" / f"{key[0]}.{key[1]}" / name, "wb")
        return open(wanted, "ab" if self._flavour.appends or key[1] > 1 else "wb")

    def ended(self) -> list[tuple[int, int, int, int]]:
        """Number, start, exit code and stragglers of jobs whose script has ended since the last call."""
        found = []
        for key, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[key]
                found.append((*key, code, self.end_rest(key)))
        return found

    def end_rest(self, key: tuple[int, int]) -> int:
        """Kill what is left of a job whose script is over; gives how many processes that were."""
        stragglers: set[int] = set()
        for _ in range(LOOKS):
            left = marked(JOB_MARK, self.mark(*key))
            if not left:
                break
            stragglers |= {pid for pid in left if not killed(pid)}
            kill(left, signal.SIGKILL)
            time.sleep(0.005)
        return len(stragglers)

    def deliver(self, job: Job) -> None:
        """Bring a job's output to its place, and remove what only it needed."""
        key = (job.number, job.starts)
        spool = self._folder / "spool" / f"{key[0]}.{key[1]}"
        for name, wanted in (("out", job.wanted.stdout), ("err", job.wanted.stderr)):
            if (spool / name).exists() and not (name == "err" and job.wanted.stderr == job.wanted.stdout):
                with suppress(OSError):  # an undeliverable output stays in the spool
                    shutil.copyfile(spool / name, wanted)
        shutil.rmtree(spool / "tmp", ignore_errors=True)

    def signal(self, number: int, starts: int, what: int) -> None:
        """Send a signal to all processes of a start of a job."""
        kill(marked(JOB_MARK, self.mark(number, starts)), what)

    def mark(self, number: int, starts: int) -> str:
        return f"{self._folder}#{number}.{starts}"

    def kill_all(self) -> None:
        """Kill all jobs."""
        for key, process in self._running.items():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            self.end_rest(key)
            process.wait()
        self._running.clear()


def marked(name: str, value: str, *, prefix: bool = False) -> list[int]:
    """Processes with a variable of this value, or of one that begins so; those that have ended are none."""
    mark = os.fsencode(f"{name}={value}")
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        with suppress(OSError):
            variables = Path("/proc", entry, "environ").read_bytes().split(b"\0")
            if mark in variables or (prefix and any(variable.startswith(mark) for variable in variables)):
                found.append(int(entry))
    return found


def killed(pid: int) -> bool:
    """Whether a process is about to end because of a SIGKILL that it has been sent, or has ended."""
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return True
    entries = dict(line.split(":", 1) for line in lines)
    if entries["State"].split()[0] in "ZX":
        return True
    return any(int(entries[name], 16) & 1 << signal.SIGKILL - 1 for name in ("SigPnd", "ShdPnd"))


def kill(pids: list[int], what: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, what)
