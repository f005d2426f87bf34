"""LSF's commands, as of 10.1 (https://www.ibm.com/docs/en/spectrum-lsf/10.1.0?topic=reference-commands)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, directives, parse
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import Fate, Job, Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.cluster.model import Cluster

USR2 = 12
BAD = 255
BSUB_FLAGS = ("+", "rn", "r", "H", "x", "N", "B", "K", "ptl")
BSUB_VALUED = (
    *("J", "o", "e", "oo", "eo", "q", "P", "W", "n", "nnodes", "R", "cwd", "L", "G", "M", "m", "alloc_flags", "app"),
    *("g", "u", "sp", "w", "env", "gpu", "We", "i"),
)
WAITS = {
    "queue": "The queue is inactivated by the administrator;",
    "size": "Not enough hosts to meet the job's spanning requirement;",
    "room": "Job slot limit reached: 4 hosts;",
    "walltime": "Job will not finish before queue's run window is closed;",
}
ENDS = {
    Fate.CANCELLED: "TERM_OWNER: job killed by owner",
    Fate.TIMEOUT: "TERM_RUNLIMIT: job killed after reaching LSF run time limit",
    Fate.NOT_STARTED: "TERM_CWD_NOTEXIST: current working directory does not exist on the execution host",
}


# --- bsub


def bsub(call: Call) -> Answer:
    try:
        given = parse(call.words, BSUB_FLAGS, BSUB_VALUED, single=True)
        # A script is read for options only where it is the standard input (lsf.conf, LSB_BSUB_PARSE_SCRIPT).
        script = call.read(call.path(given.operands[0])) if given.operands else call.stdin
        inside = (
            Options() if given.operands else parse(directives(script, "#BSUB"), BSUB_FLAGS, BSUB_VALUED, single=True)
        )
    except WrongUse as error:
        return Answer(stderr=f"bsub: illegal option -- {error}\nUsage: bsub [-h] [options] [command]\n", code=BAD)
    except OSError:
        return Answer(stderr=f"{given.operands[0]}: No such file or directory. Job not submitted.\n", code=BAD)
    if not script:
        return Answer(stderr="No command is specified. Job not submitted.\n", code=BAD)
    options = Options({**inside.values, **given.values}, given.operands)
    if refusal := _refusal(call, options):
        return Answer(stderr=f"{refusal} Job not submitted.\n", code=BAD)
    job = call.cluster.submit(_wanted(call, options, script), call.now)
    which = "" if "q" in options else "default "
    return Answer(f"Job <{job.number}> is submitted to {which}queue <{job.wanted.queue}>.\n", job=job.number)


def _refusal(call: Call, options: Options) -> str | None:
    settings = call.cluster.settings
    queue = options.get("q") or settings.default_queue
    if queue not in settings.queues:
        return f"{queue}: No such queue."
    limit = _minutes(options.get("W"), settings.minute)
    if limit is None:
        return f"{options.get('W')}: Illegal job run limit value."
    if limit > settings.queues[queue].longest:
        return "RUNLIMIT: Cannot exceed queue's hard limit(s)."
    return None


def _minutes(text: str, minute: float) -> float | None:
    """Seconds of ``[hours:]minutes``; infinity for no text."""
    if not text:
        return float("inf")
    match = re.fullmatch(r"(?:(\d+):)?(\d+)", text)
    return None if match is None else (int(match[1] or 0) * 60 + int(match[2])) * minute


def _wanted(call: Call, options: Options, script: str) -> Wanted:
    settings = call.cluster.settings
    nodes, slots = _size(options, settings.slots)
    limit = _minutes(options.get("W"), settings.minute)
    stdout = call.path(options.get("o") or "/dev/null")
    script_words = [line for line in script.splitlines() if line.strip() and not line.startswith("#")]
    return Wanted(
        name=options.get("J") or (script_words or ["script"])[0],
        owner=call.owner,
        queue=options.get("q") or settings.default_queue,
        nodes=nodes,
        slots=slots,
        walltime=float("inf") if limit is None else limit,
        script=script,
        stdout=stdout,
        stderr=call.path(options.get("e")) if options.get("e") else stdout,
        folder=call.folder,
        submitted_from=call.folder,
        environment=dict(call.environment),
        arguments=tuple(options.operands[1:]),
        held="H" in options,
        requeue="r" in options,
        words=call.words,
        comment={"project": options.get("P") or "default"},
    )


def _size(options: Options, whole: int) -> tuple[int, int]:
    """Nodes, and slots on each; nodes that are asked for as such are whole ones."""
    if options.get("nnodes"):
        return int(options.get("nnodes")), 0
    slots = int((options.get("n") or "1").partition(",")[0])
    tile = re.search(r"ptile=(\d+)", options.get("R"))
    each = min(slots, int(tile[1])) if tile else min(slots, whole)
    return -(-slots // each), each


# --- bjobs


def state(job: Job, cluster: Cluster) -> str:
    if job.active and not cluster.reachable(job):
        return "ZOMBI" if job.phase is Phase.ENDING else "UNKWN"
    done = "DONE" if job.fate is Fate.EXIT and job.exit_code == 0 else "EXIT"
    return {
        Phase.HELD: "PSUSP",
        Phase.BROKEN: "PSUSP",
        Phase.PENDING: "PEND",
        Phase.RUNNING: "RUN",
        Phase.ENDING: "RUN",
        Phase.DONE: done,
    }[job.phase]


def bjobs(call: Call) -> Answer:
    try:
        options = parse(call.words, ("a", "noheader", "w", "l", "p", "r", "d", "UF"), ("o", "J", "u", "q"), single=True)
    except WrongUse as error:
        return Answer(stderr=f"bjobs: illegal option -- {error}\nUsage: bjobs [-h] [options] [job_id ...]\n", code=BAD)
    everything = "a" in options or "d" in options
    jobs = [job for job in call.jobs() if everything or not job.over]
    complaints = []
    if options.operands:
        jobs = []
        for word in options.operands:
            job = call.job(int(word)) if word.isdigit() else None
            if job is None:
                complaints.append(f"Job <{word}> is not found\n")
            else:
                jobs.append(job)
    if "J" in options:
        jobs = [job for job in jobs if job.wanted.name == options.get("J")]
        if not jobs:
            complaints = [f"Job <{options.get('J')}> is not found\n"]
    if not jobs and not complaints:
        complaints = ["No job found\n" if everything else "No unfinished job found\n"]
        return Answer(stderr=complaints[0])
    title = "noheader" not in options
    text = _custom(jobs, call, options.get("o"), title=title) if "o" in options else _table(jobs, call, title=title)
    return Answer(text if jobs else "", "".join(complaints), BAD if complaints else 0)


def _custom(jobs: list[Job], call: Call, wanted: str, *, title: bool) -> str:
    match = re.fullmatch(r"(.*?)\s*(?:delimiter='(.)')?", wanted.strip())
    names = (match[1] if match else "").split()
    between = (match[2] if match else None) or " "
    lines = [between.join(name.upper() for name in names)] if title else []
    lines += [between.join(FIELDS[name](job, call) for name in names) for job in jobs]
    return "".join(f"{line}\n" for line in lines)


def _exit_code(job: Job, call: Call) -> str:
    del call
    if not job.over or not job.starts or (job.fate is Fate.EXIT and job.exit_code == 0):
        return "-"
    return str(128 + job.signal if job.exit_code is None else job.exit_code)


def _pend_reason(job: Job, call: Call) -> str:
    if job.phase in (Phase.HELD, Phase.BROKEN):
        return "Job was suspended by the user while pending;"
    why = call.cluster.why_waiting(job) if job.phase is Phase.PENDING else None
    return WAITS.get(why or "", "New job is waiting for scheduling;") if job.waiting else "-"


FIELDS: dict[str, Callable[[Job, Call], str]] = {
    "jobid": lambda job, call: str(job.number),
    "stat": lambda job, call: state(job, call.cluster),
    "user": lambda job, call: job.wanted.owner,
    "queue": lambda job, call: job.wanted.queue,
    "job_name": lambda job, call: job.wanted.name,
    "exit_code": _exit_code,
    "exit_reason": lambda job, call: ENDS.get(job.fate, "-") if job.over else "-",
    "pend_reason": _pend_reason,
}


def _table(jobs: list[Job], call: Call, *, title: bool) -> str:
    lines = ["JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME"] if title else []
    for job in jobs:
        when = time.strftime("%b %e %H:%M", time.localtime(job.submitted))
        where = job.nodes[0] if job.nodes else ""
        lines.append(
            f"{job.number:<7d} {job.wanted.owner[:7]:<7s} {state(job, call.cluster):<5s} {job.wanted.queue[:10]:<10s}"
            f" {call.cluster.settings.server:<11s} {where:<11s} {job.wanted.name[-10:]:<10s} {when}"
        )
    return "".join(f"{line}\n" for line in lines)


# --- bkill and the others


def bkill(call: Call) -> Answer:
    options = parse(call.words, ("r", "d", "b"), ("s", "J", "q", "u"), single=True)
    words = options.operands
    if "0" in words:  # all jobs of the user
        words = [str(job.number) for job in call.jobs() if not job.over]

    def end(job: Job) -> None:
        if "r" in options:
            call.cluster.kill(job, call.now)
            call.cluster.abandon(job, call.now)
        else:
            call.cluster.cancel(job, call.now)

    return _each(call, words, end, "is being terminated")


def bstop(call: Call) -> Answer:
    options = parse(call.words, (), ("J", "q", "u"), single=True)
    words = "is being stopped" if call.name == "bstop" else "is being resumed"

    def act(job: Job) -> None:
        (call.cluster.hold if call.name == "bstop" else call.cluster.release)(job)

    return _each(call, options.operands, act, words)


def _each(call: Call, words: list[str], act: Callable[[Job], None], done: str) -> Answer:
    lines, complaints = [], []
    for word in words:
        job = call.job(int(word)) if word.isdigit() else None
        if job is None:
            complaints.append(f"Job <{word}>: No matching job found\n")
        elif job.over:
            complaints.append(f"Job <{word}>: Job has already finished\n")
        else:
            act(job)
            lines.append(f"Job <{word}> {done}\n")
    return Answer("".join(lines), "".join(complaints), BAD if complaints else 0)


def bqueues(call: Call) -> Answer:
    lines = ["QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP "]
    for name, queue in call.cluster.settings.queues.items():
        jobs = [job for job in call.jobs() if job.wanted.queue == name and not job.over]
        status = "Open:Active" if queue.up else "Open:Inact"
        waiting = sum(job.waiting for job in jobs)
        running = len(jobs) - waiting
        lines.append(
            f"{name:<15} {30:4d} {status:<15} {'-':>3} {'-':>4} {'-':>4} {'-':>4}"
            f" {len(jobs):5d} {waiting:5d} {running:5d} {0:5d}"
        )
    return Answer("".join(f"{line}\n" for line in lines))


# --- trouble


def away(name: str) -> Answer:
    del name
    return Answer(stderr="LSF is down. Please wait ...\nCannot connect to LSF. Please wait ...\n", code=BAD)


def lost_answer(name: str) -> Answer:
    more = " Job not submitted." if name == "bsub" else ""
    return Answer(stderr=f"Failed in sending/receiving a message: Communication time out.{more}\n", code=BAD)


# --- what a job sees


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    return {
        "LSB_JOBID": str(job.number),
        "LSB_JOBINDEX": "0",
        "LSB_JOBNAME": job.wanted.name,
        "LSB_QUEUE": job.wanted.queue,
        "LSB_HOSTS": " ".join(node for node in job.nodes for _ in range(cluster.slots_of(job))),
        "LSB_MCPU_HOSTS": " ".join(f"{node} {cluster.slots_of(job)}" for node in job.nodes),
        "LSB_DJOB_HOSTFILE": places.hosts,
        "LSB_DJOB_NUMPROC": str(len(job.nodes) * cluster.slots_of(job)),
        "LSB_SUB_HOST": cluster.settings.server,
        "LS_SUBCWD": job.wanted.submitted_from,
        "LS_JOBPID": "1",
        "TMPDIR": places.tmp,
    }


def hosts(job: Job, cluster: Cluster) -> str:
    """One line for each slot."""
    return "".join(f"{node}\n" * cluster.slots_of(job) for node in job.nodes)


FLAVOUR = Flavour(
    commands={"bsub": bsub, "bjobs": bjobs, "bkill": bkill, "bstop": bstop, "bresume": bstop, "bqueues": bqueues},
    away=away,
    lost_answer=lost_answer,
    environment=environment,
    hosts=hosts,
    settings={"gives_up_nodes": False, "timeout_signal": USR2},
    inherits=True,
    spools=True,
    appends=True,
)
