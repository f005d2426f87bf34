"""HTCondor's commands, as of 8.6 to 23 (https://htcondor.readthedocs.io/en/latest/man-pages/)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, parse
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import Fate, Job, Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.cluster.model import Cluster

SUBMIT_FLAGS = ("terse", "verbose", "unused", "spool", "disable", "single-cluster")
SUBMIT_VALUED = ("batch-name", "append a", "dry-run", "name", "pool", "file", "maxjobs")
SCHEDD = "<127.0.0.1:9618?addrs=127.0.0.1-9618&alias=fake&noUDP&sock=schedd_1>"
POLICY = "The job attribute PeriodicRemove expression '( JobStatus == 2 ...' evaluated to TRUE"


# --- condor_submit


def condor_submit(call: Call) -> Answer:
    try:
        options = parse(call.words, SUBMIT_FLAGS, SUBMIT_VALUED, single=True)
        name = (options.operands or ["-"])[0]
        commands, queue = description(call.stdin if name == "-" else call.read(call.path(name)), options)
    except WrongUse as error:
        return Answer(stderr=f"\nERROR: unknown option -{error}\n", code=1)
    except OSError:
        return Answer(stderr=f'\nERROR: Failed to open command file "{name}" (No such file or directory)\n', code=1)
    if queue is None:
        return Answer(stderr=f'\nERROR: "{name}" doesn\'t contain any "queue" commands -- no jobs queued\n', code=1)
    try:
        script = call.read(call.path(commands.get("executable", "")))
    except OSError:
        return Answer(stderr=f"\nERROR: Executable file {commands.get('executable')} does not exist\n", code=1)
    if not _can_be_read(commands.get("requirements", "")):
        words = f"Parse error in expression: \n\tRequirements = {commands['requirements']}\n\t"
        return Answer(stderr=f"\nERROR: {words}\n", code=1)
    if "dry-run" in options:
        return Answer(f'Dry-Run job(s)\nClusterId=1\nCmd="{commands["executable"]}"\n')
    job = call.cluster.submit(_wanted(call, options, commands, script), call.now)
    if "terse" in options:
        return Answer(f"{job.number}.0 - {job.number}.0\n", job=job.number)
    return Answer(f"Submitting job(s).\n1 job(s) submitted to cluster {job.number}.\n", job=job.number)


def description(text: str, options: Options) -> tuple[dict[str, str], str | None]:
    """The commands of a submit description, in lower case, and what it queues; None for nothing."""
    lines = [*re.sub(r"\\\n", " ", text).splitlines()]
    queue = next((place for place, line in enumerate(lines) if re.match(r"\s*queue\b", line, re.IGNORECASE)), None)
    kept = [*lines[: len(lines) if queue is None else queue], *options.all.get("append", [])]
    commands = {}
    for line in kept:
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            commands[name.strip().lower()] = value.strip().replace("$(DOLLAR)", "$")
    return commands, None if queue is None else lines[queue].strip()


def _can_be_read(expression: str) -> bool:
    """Whether an expression may be one: parentheses are closed, and no two names follow each other."""
    plain = re.sub(r'"[^"]*"', "0", expression)
    return plain.count("(") == plain.count(")") and re.search(r"\w\s+\w", plain) is None


def _wanted(call: Call, options: Options, commands: dict[str, str], script: str) -> Wanted:
    settings = call.cluster.settings
    folder = call.path(commands.get("initialdir") or call.folder)
    limit = re.search(r"JobCurrentStartDate > (\d+)", commands.get("periodic_remove", ""))

    def place(name: str) -> str:
        given = commands.get(name) or "/dev/null"
        return given if given.startswith("/") else f"{folder}/{given}"

    return Wanted(
        name=options.get("batch-name") or commands.get("batch_name", ""),
        owner=call.owner,
        queue=settings.default_queue,
        nodes=1,
        slots=int(commands.get("request_cpus") or 1),
        walltime=float(limit[1]) if limit else float("inf"),
        script=script,
        stdout=place("output"),
        stderr=place("error"),
        folder=folder,
        submitted_from=call.folder,
        held=commands.get("hold", "").lower() == "true",
        requeue="NumJobStarts" not in commands.get("periodic_remove", ""),
        words=call.words,
        comment={"log": place("log"), "executable": commands["executable"], "held": commands.get("hold", "")},
    )


# --- what is said of jobs


def status(job: Job) -> int:
    return {
        Phase.PENDING: 1,
        Phase.RUNNING: 2,
        Phase.ENDING: 3,
        Phase.HELD: 5,
        Phase.BROKEN: 5,
        Phase.DONE: 4 if job.fate is Fate.EXIT else 3,
    }[job.phase]


def ad(job: Job) -> dict[str, Any]:
    """The job's attributes."""
    facts: dict[str, Any] = {
        "ClusterId": job.number,
        "ProcId": 0,
        "JobStatus": status(job),
        "JobBatchName": job.wanted.name,
        "Owner": job.wanted.owner,
        "Cmd": job.wanted.comment["executable"],
        "QDate": int(job.submitted),
        "NumJobStarts": job.starts,
        "EnteredCurrentStatus": int(job.ended or job.told or job.began or job.submitted),
    }
    if job.starts:
        facts["JobCurrentStartDate"] = int(job.began)
    if job.phase is Phase.HELD:
        at_once = job.wanted.comment["held"].lower() == "true"
        facts["HoldReason"] = (
            "submitted on hold at user's request" if at_once else f"via condor_hold (by user {job.wanted.owner})"
        )
        facts["HoldReasonCode"] = 15 if at_once else 1
    if job.phase is Phase.BROKEN:
        facts |= {"HoldReason": f"Error from slot1@n1: {job.trouble}", "HoldReasonCode": 7}
    if status(job) == 3:
        policy = job.fate in (Fate.TIMEOUT, Fate.NODE_LOST)
        facts["RemoveReason"] = POLICY if policy else f"via condor_rm (by user {job.wanted.owner})"
    if job.over and job.fate is Fate.EXIT:
        signalled = job.exit_code is None
        facts |= {
            "ExitBySignal": signalled,
            **({"ExitSignal": job.signal} if signalled else {"ExitCode": job.exit_code}),
        }
    return facts


def condor_q(call: Call) -> Answer:
    flags = ("json", "nobatch", "batch", "allusers", "long l", "hold", "better-analyze", "analyze")
    try:
        options = parse(call.words, flags, ("attributes", "constraint", "autoformat af", "name"), single=True)
    except WrongUse as error:
        return Answer(stderr=f"Error: unrecognized argument -{error}\n", code=1)
    jobs = [job for job in call.jobs() if not job.over and _asked_for(job, options)]
    if "better-analyze" in options or "analyze" in options:
        return Answer("".join(_analysis(job, call) for job in jobs))
    return Answer(
        _listing(jobs, options) or ("" if {"json", "autoformat"} & options.values.keys() else _table(jobs, call))
    )


def condor_history(call: Call) -> Answer:
    if not call.cluster.settings.accounting:
        return Answer(stderr="Error: No history file is defined\n", code=1)
    options = parse(
        call.words, ("json", "long l"), ("attributes", "constraint", "autoformat af", "limit match"), single=True
    )
    known = [*call.cluster.archive.values(), *call.cluster.jobs.values()]
    jobs = [job for job in reversed(known) if job.over and job.number not in call.hidden and _asked_for(job, options)]
    return Answer(_listing(jobs[: int(options.get("limit", "1000000"))], options))


def _asked_for(job: Job, options: Options) -> bool:
    numbers = [word.partition(".")[0] for word in options.operands]
    name = re.fullmatch(r'JobBatchName == "(.*)"', options.get("constraint"))
    return (not numbers or str(job.number) in numbers) and (name is None or job.wanted.name == name[1])


def _listing(jobs: Sequence[Job], options: Options) -> str:
    if "autoformat" in options:
        return "".join(f"{ad(job).get(options.get('autoformat'), 'undefined')}\n" for job in jobs)
    if "json" not in options or not jobs:
        return ""
    names = options.get("attributes").split(",") if "attributes" in options else None
    listed = [{name: value for name, value in ad(job).items() if names is None or name in names} for job in jobs]
    return json.dumps(listed, indent=2) + "\n"


def _table(jobs: Sequence[Job], call: Call) -> str:
    lines = [f"\n\n-- Schedd: {call.cluster.settings.server} : {SCHEDD}", " ID      OWNER            ST CMD"]
    letters = {1: "I", 2: "R", 3: "X", 4: "C", 5: "H"}
    lines += [f"{job.number:4d}.0   {job.wanted.owner:<14} {letters[status(job)]:>4} {job.wanted.name}" for job in jobs]
    return "".join(f"{line}\n" for line in (*lines, f"\n{len(jobs)} jobs"))


def _analysis(job: Job, call: Call) -> str:
    nodes = call.cluster.nodes
    why = call.cluster.why_waiting(job) if job.phase is Phase.PENDING else None
    few = 0 if why == "size" else len(nodes)
    lines = [
        f"{job.number:03d}.000:  Run analysis summary ignoring user priority.  Of {len(nodes)} machines,",
        f"      {len(nodes) - few} are rejected by your job's requirements",
        "      0 reject your job because of their own requirements",
        f"      {few if why == 'room' else 0} match and are already running your jobs",
        f"      {0 if why else few} are able to run your job",
    ]
    if why == "size":
        lines += ["", "WARNING:  Be advised:", "   No machines matched the jobs's constraints"]
    return "".join(f"{line}\n" for line in lines)


# --- condor_rm and the others


def condor_rm(call: Call) -> Answer:
    options = parse(call.words, ("forcex", "all", "debug"), ("constraint", "name", "reason"), single=True)

    def end(job: Job) -> bool:
        if "forcex" in options:
            if job.phase is Phase.ENDING:
                call.cluster.kill(job, call.now)
                call.cluster.abandon(job, call.now)
            return job.over
        call.cluster.cancel(job, call.now)
        return True

    done = "have been removed locally (remote state unknown)" if "forcex" in options else "have been marked for removal"
    return _each(call, options.operands, end, done, "remove")


def condor_hold(call: Call) -> Answer:
    options = parse(call.words, ("debug",), ("constraint", "name", "reason"), single=True)
    hold = call.name == "condor_hold"
    act = call.cluster.hold if hold else call.cluster.release
    return _each(
        call, options.operands, act, f"have been {'held' if hold else 'released'}", "hold" if hold else "release"
    )


def _each(call: Call, words: Sequence[str], act: Callable[[Job], bool], done: str, verb: str) -> Answer:
    """As condor_rm.V6/rm.cpp has it: of several clusters it speaks as of one set of jobs."""
    numbers = [word.partition(".")[0] for word in words]
    jobs = [call.job(int(number)) for number in numbers if number.isdigit()]
    acted = [act(job) for job in jobs if job is not None and not job.over]
    several = " || ".join(f"ClusterId == {number}" for number in numbers)
    which = f"in cluster {numbers[0]}" if len(numbers) == 1 else f"matching constraint ({several})"
    if any(acted):
        return Answer(f"All jobs {which} {done}\n", "", 0)
    if all(job.over for job in call.jobs()):
        return Answer("", f"{call.name}:0:There are no jobs in the queue\n", 0)
    return Answer("", f"\nCouldn't find/{verb} all jobs {which}\n", 1)


# --- trouble


def away(name: str) -> Answer:
    why = "CEDAR:6001:Failed to connect to <127.0.0.1:9618>\n"
    first = {
        "condor_submit": "\nERROR: Failed to connect to local queue manager\n",
        "condor_q": f"\n-- Failed to fetch ads from: {SCHEDD} : fake\n",
    }
    return Answer(stderr=first.get(name, "Error: Can't connect to the schedd\n") + why, code=1)


def lost_answer(name: str) -> Answer:
    first = "\nERROR: Failed to commit job submission into the queue.\n" if name == "condor_submit" else ""
    return Answer(stderr=f"{first}SECMAN:2007:Failed to end classad message.\n", code=1)


# --- what a job sees


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    return {
        "_CONDOR_SCRATCH_DIR": places.tmp,
        "_CONDOR_SLOT": "slot1_1",
        "_CONDOR_JOB_IWD": job.wanted.folder,
        "_CONDOR_JOB_PIDS": "",
        "CONDOR_IS_SETUP": "1",
        "OMP_NUM_THREADS": str(cluster.slots_of(job)),
        "TMPDIR": places.tmp,
        "TMP": places.tmp,
        "TEMP": places.tmp,
    }


def hosts(job: Job, cluster: Cluster) -> str:
    """A job has one machine, and no file that names it."""
    del job, cluster
    return ""


FLAVOUR = Flavour(
    commands={
        "condor_submit": condor_submit,
        "condor_q": condor_q,
        "condor_rm": condor_rm,
        "condor_history": condor_history,
        "condor_hold": condor_hold,
        "condor_release": condor_hold,
    },
    away=away,
    lost_answer=lost_answer,
    environment=environment,
    hosts=hosts,
    settings={"history": 0.0},
)
