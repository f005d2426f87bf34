"""Cobalt's commands (https://github.com/ido/cobalt/tree/master/man/POSIX)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.fakes.cluster.call import (
    Answer,
    Call,
    Options,
    WrongUse,
    clock_seconds,
    clock_text,
    directives,
    parse,
    unpack,
)
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import Job, Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.cluster.model import Cluster

QSUB_FLAGS = ("+", "debug d", "held h", "disable_preboot", "run_project")
QSUB_VALUED = (
    *("project A", "queue q", "nodecount n", "time t", "output o", "error e", "outputprefix O", "inputfile i", "mode"),
    *("notify M", "umask u", "kerneloptions K", "kernel", "cwd", "env", "proccount", "jobname", "debuglog", "attrs"),
    *("dependencies", "geometry", "user_list run_users"),
)


# --- qsub


def qsub(call: Call) -> Answer:
    try:
        given = parse(call.words, QSUB_FLAGS, QSUB_VALUED)
        if not given.operands:
            return Answer(stderr="Usage: qsub.py [options] <executable> [<executable options>]\n", code=1)
        script = call.read(call.path(given.operands[0]))
        inside = parse(directives(_head(script), "#COBALT"), QSUB_FLAGS, QSUB_VALUED)
    except WrongUse as error:
        return Answer(
            stderr=f"Usage: qsub.py [options] <executable>\nqsub.py: error: no such option: {error}\n", code=2
        )
    except OSError:
        return Answer(stderr=f"command {given.operands[0]} not found, or is not a file\n", code=1)
    options = Options({**inside.values, **given.values}, given.operands)
    if refusal := _refusal(call, options):
        return Answer(stderr=f"{refusal}\n", code=1)
    job = call.cluster.submit(_wanted(call, options, script), call.now)
    return Answer(f"{job.number}\n", f'Job routed to queue "{job.wanted.queue}"\n', job=job.number)


def _head(script: str) -> str:
    """The lines at the top that may hold directives: an empty one ends them."""
    lines = []
    for line in script.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line)
    return "\n".join(lines)


def _refusal(call: Call, options: Options) -> str | None:
    settings = call.cluster.settings
    queue = options.get("queue") or settings.default_queue
    if "time" not in options or "nodecount" not in options:
        return "Usage: qsub.py [options] <executable>\nNo required options provided"
    if _seconds(options.get("time")) is None:
        return f"invalid time specification: {options.get('time')}"
    if not options.get("nodecount").isdigit():
        return "Error: non-integer node count specified with -n option"
    if not 0 < int(options.get("nodecount")) <= settings.nodes:
        return "node count out of realistic range"
    if queue not in settings.queues:
        return f"Queue '{queue}' does not exist"
    longest = settings.queues[queue].longest
    if (_seconds(options.get("time")) or 0) > longest:
        return f"Walltime greater than the '{queue}' queue max walltime of {clock_text(longest)}"
    return None


def _seconds(text: str) -> float | None:
    """Of minutes, or of hours, minutes and seconds."""
    return int(text) * 60.0 if text.isdigit() else clock_seconds(text)


def _wanted(call: Call, options: Options, script: str) -> Wanted:
    settings = call.cluster.settings
    number = call.cluster.next_number
    prefix = options.get("outputprefix") or str(number)

    def place(option: str, ending: str) -> str:
        given = (options.get(option) or f"{prefix}.{ending}").replace("$jobid", str(number))
        return call.path(given)

    return Wanted(
        name=options.get("jobname") or "N/A",
        owner=call.owner,
        queue=options.get("queue") or settings.default_queue,
        nodes=int(options.get("nodecount")),
        slots=0,
        walltime=_seconds(options.get("time")) or float("inf"),
        script=script,
        stdout=place("output", "output"),
        stderr=place("error", "error"),
        folder=options.get("cwd") or call.folder,
        submitted_from=call.folder,
        environment={"PATH": call.environment.get("PATH", ""), **unpack(options.get("env").replace(":", ","))},
        arguments=tuple(options.operands[1:]),
        held="held" in options,
        requeue=False,
        words=call.words,
        comment={"project": options.get("project"), "mode": options.get("mode")},
    )


# --- qstat


def state(job: Job) -> str:
    return {
        Phase.HELD: "user_hold",
        Phase.BROKEN: "admin_hold",
        Phase.PENDING: "queued",
        Phase.RUNNING: "running",
        Phase.ENDING: "killing",
        Phase.DONE: "exiting",
    }[job.phase]


def qstat(call: Call) -> Answer:
    try:
        flags = ("debug d", "full f", "long l", "Q", "reverse", "help h", "version")
        options = parse(call.words, flags, ("header", "sort", "user u"))
    except WrongUse as error:
        return Answer(stderr=f"Usage: qstat.py [options]\nqstat.py: error: no such option: {error}\n", code=2)
    if "Q" in options:
        return _queues(call, options)
    jobs, asked = [job for job in call.jobs() if not job.over], options.operands
    if bad := [word for word in asked if not word.isdigit() and word not in call.cluster.settings.queues]:
        return Answer(stderr=f"{bad[0]} is not a valid jobid or queue name\n", code=1)
    if asked:
        jobs = [job for job in jobs if str(job.number) in asked or job.wanted.queue in asked]
    if asked and not jobs:
        return Answer(code=1)
    names = (options.get("header") or "JobID:User:WallTime:Nodes:State:Location").split(":")
    rows = [[FIELDS[name](job) for name in names] for job in jobs]
    return Answer(_vertical(names, rows) if "long" in options else _tabular(names, rows))


def _queues(call: Call, options: Options) -> Answer:
    names = ["Name", "Users", "Groups", "MinTime", "MaxTime", "MaxRunning", "MaxQueued", "TotalNodes", "State"]
    rows = []
    for name, queue in call.cluster.settings.queues.items():
        if options.operands and name not in options.operands:
            continue
        longest = "None" if queue.longest == float("inf") else clock_text(queue.longest)
        status = "running" if queue.up else "stopped"
        rows.append([name, "*", "None", "None", longest, "None", "None", "None", status])
    if options.operands and not rows:
        return Answer(code=1)
    return Answer(_vertical(names, rows) if "long" in options else _tabular(names, rows))


FIELDS: dict[str, Callable[[Job], str]] = {
    "JobID": lambda job: str(job.number),
    "JobName": lambda job: job.wanted.name,
    "User": lambda job: job.wanted.owner,
    "WallTime": lambda job: clock_text(min(job.wanted.walltime, 359999)),
    "Nodes": lambda job: str(job.wanted.nodes),
    "State": state,
    "Queue": lambda job: job.wanted.queue,
    "Location": lambda job: ",".join(job.nodes) or "None",
}


def _vertical(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Each row as a line at the margin and indented ones, with an empty line behind."""
    width = max(map(len, names)) + 1
    text = ""
    for row in rows:
        text += f"{names[0]}: {row[0]}\n"
        text += (
            "".join(f"    {name:<{width}}: {value}\n" for name, value in zip(names[1:], row[1:], strict=True)) + "\n"
        )
    return text


def _tabular(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[place]) for row in (names, *rows)) for place in range(len(names))]
    lines = ["".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=True)) for row in (names, *rows)]
    return "".join(f"{line}\n" for line in (lines[0], "=" * (sum(widths) + 2 * len(widths)), *lines[1:]))


# --- the others


def qdel(call: Call) -> Answer:
    options = parse(call.words, ("debug d", "force f"), ())
    if any(not word.isdigit() for word in options.operands):
        return Answer(stderr="jobid must be an integer\n", code=1)
    jobs = [
        job for job in call.cluster.find(map(int, options.operands)) if job.number not in call.hidden and not job.over
    ]
    for job in jobs:
        call.cluster.cancel(job, call.now)
    if not jobs:
        return Answer(f"qdel: Job {options.operands[-1]} not found\n")
    return Answer(
        "      Deleted Jobs\n" + _tabular(["JobID", "User"], [[str(job.number), job.wanted.owner] for job in jobs])
    )


def qhold(call: Call) -> Answer:
    options = parse(call.words, ("debug d", "dependencies"), ())
    lines = []
    for word in options.operands:
        job = call.job(int(word)) if word.isdigit() else None
        if job is None or job.over:
            lines.append(f"   Failed to find job: {word}")
        else:
            (call.cluster.hold if call.name == "qhold" else call.cluster.release)(job)
            lines.append(f"   {'Placed user hold on' if call.name == 'qhold' else 'Removed user hold on'} jobs: {word}")
    return Answer("".join(f"{line}\n" for line in lines))


# --- trouble


def away(name: str) -> Answer:
    del name
    return Answer(stderr="component error: Failed to connect to queue-manager\n\n", code=1)


def lost_answer(name: str) -> Answer:
    what = {"qsub": "add_jobs", "qdel": "del_jobs"}.get(name, "get_jobs")
    words = f"trying to execute queue-manager.{what}: timed out"
    return Answer(stderr=f"component error: {words}\n\n", code=1)


# --- what a job sees


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    return {
        "COBALT_JOBID": str(job.number),
        "COBALT_JOBSIZE": str(len(job.nodes)),
        "COBALT_PARTSIZE": str(len(job.nodes)),
        "COBALT_PARTNAME": ",".join(job.nodes),
        "COBALT_NODEFILE": places.hosts,
        "COBALT_QUEUE": job.wanted.queue,
        "COBALT_PROJECT": job.wanted.comment["project"],
        "COBALT_STARTTIME": str(int(job.began)),
        "COBALT_ENDTIME": str(int(job.began + min(job.wanted.walltime, 359999))),
        "COBALT_RESID": time.strftime("%j", time.gmtime(job.began)),
    }


def hosts(job: Job, cluster: Cluster) -> str:
    """One line for each node."""
    del cluster
    return "".join(f"{node}\n" for node in job.nodes)


FLAVOUR = Flavour(
    commands={"qsub": qsub, "qstat": qstat, "qdel": qdel, "qhold": qhold, "qrls": qhold},
    away=away,
    lost_answer=lost_answer,
    environment=environment,
    hosts=hosts,
    settings={"history": 0.0},
    appends=True,
)
