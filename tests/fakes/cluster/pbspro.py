"""PBS Pro's commands, as OpenPBS 23.06 prints them (https://github.com/openpbs/openpbs/tree/master/doc/man1)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fakes.cluster import pbs
from tests.fakes.cluster.call import Answer, Call, WrongUse, clock_text, date, parse
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import Fate, Job, Phase

if TYPE_CHECKING:
    from tests.fakes.cluster.model import Cluster

VERSION = "23.06.06"
UNKNOWN = "Unknown Job Id"
KILLED_AT_WALLTIME, LOST_ITS_NODE = -29, -20
WORDS = pbs.Words(
    no_script="qsub: script file:: No such file or directory\n",
    unknown_queue="qsub: Unknown queue\n",
    unknown_resource="qsub: Unknown resource: {name}\n",
    bad_value="qsub: Illegal attribute or resource value Resource_List.{name}\n",
)


def qsub(call: Call) -> Answer:
    flags = ("V", "z", "h", "f", "X", "I")
    valued = (
        *("A", "a", "C", "c", "e", "J", "j", "k", "l", "M", "m", "N", "o", "P", "p", "q", "R", "r", "S", "u", "v"),
        "W",
    )
    return pbs.submit(call, flags, valued, WORDS)


def letter(job: Job) -> str:
    return pbs.letter(job, "F")


# --- qstat


def qstat(call: Call) -> Answer:
    flags = ("x", "f", "a", "i", "r", "H", "n", "s", "t", "w", "p", "J", "1", "T", "E", "G", "M", "B", "Q", "q")
    try:
        options = parse(call.words, flags, ("F", "u", "D", "W"))
    except WrongUse as error:
        return Answer(stderr=f"qstat: invalid option -- '{error}'\nusage: \nqstat [-f] ...\n", code=2)
    everything = "x" in options or "H" in options
    jobs, complaints, code = [], [], 0
    for word in options.operands:
        job = call.job(pbs.number_of(word, call))
        if job is None:
            complaints.append(f"qstat: {UNKNOWN} {pbs.full_id(word, call)}\n")
            code = pbs.UNKNOWN_JOB
        elif job.over and not everything:
            name = pbs.job_id(job, call)
            complaints.append(f"qstat: {name} Job has finished, use -x or -H to obtain historical job information\n")
            code = pbs.FINISHED
        else:
            jobs.append(job)
    if not options.operands:
        jobs = [job for job in call.jobs() if everything or not job.over]
    if "u" in options:
        jobs = [job for job in jobs if job.wanted.owner in options.get("u").split(",")]
    if "f" in options:
        text = _json(jobs, call) if options.get("F") == "json" else _full(jobs, call, fold="w" not in options)
        if options.operands and not jobs:
            text = ""
    elif "a" in options or "u" in options or "n" in options or "s" in options:
        text = _alternative(jobs, call)
    else:
        text = _table(jobs, call)
    return Answer(text, "".join(complaints), code)


def _full(jobs: list[Job], call: Call, *, fold: bool) -> str:
    return "".join(pbs.attributes_text(pbs.job_id(job, call), attributes(job, call), fold=fold) for job in jobs)


def _json(jobs: list[Job], call: Call) -> str:
    described: dict[str, object] = {}
    for job in jobs:
        nested: dict[str, object] = {}
        for name, value in attributes(job, call).items():
            group, dot, key = name.partition(".")
            if name == "Variable_List":
                nested[name] = dict(part.partition("=")[::2] for part in str(value).split(","))
            elif dot:
                inner = nested.setdefault(group, {})
                assert isinstance(inner, dict)
                inner[key] = value
            else:
                nested[name] = value
        described[pbs.job_id(job, call)] = nested
    answer: dict[str, object] = {
        "timestamp": int(call.now),
        "pbs_version": VERSION,
        "pbs_server": call.cluster.settings.server,
    }
    if described:
        answer["Jobs"] = described
    return json.dumps(answer, indent=4, separators=(",", ":")) + "\n"


def _table(jobs: list[Job], call: Call) -> str:
    if not jobs:
        return ""
    lines = [
        "Job id            Name             User              Time Use S Queue",
        "----------------  ---------------- ----------------  -------- - -----",
    ]
    for job in jobs:
        name, owner = job.wanted.name[:15], job.wanted.owner[:15]
        spent = clock_text(0) if job.starts else "0"
        lines.append(
            f"{pbs.job_id(job, call):<17} {name:<16} {owner:<16}  {spent:>8} {letter(job)} {job.wanted.queue:<16}"
        )
    return "".join(f"{line}\n" for line in lines)


def _alternative(jobs: list[Job], call: Call) -> str:
    if not jobs:
        return ""
    lines = [
        "",
        f"{call.cluster.settings.server}: ",
        "                                                            Req'd  Req'd   Elap",
        "Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time",
        "--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----",
    ]
    for job in jobs:
        wanted = job.wanted
        limit = "--" if wanted.walltime == float("inf") else clock_text(wanted.walltime)[:5]
        spent = clock_text(pbs.used_seconds(job, call.now))[:5] if job.starts else "--"
        cores = wanted.nodes * call.cluster.slots_of(job)
        lines.append(
            f"{pbs.job_id(job, call):<15} {wanted.owner[:8]:<8} {wanted.queue[:8]:<8} {wanted.name[:10]:<10}"
            f" {'--':>6} {wanted.nodes:>3} {cores:>3} {'--':>6} {limit:>5} {letter(job)} {spent:>5}"
        )
    return "".join(f"{line}\n" for line in lines)


def attributes(job: Job, call: Call) -> dict[str, object]:
    """The job's attributes, as the server has them."""
    wanted, server = job.wanted, call.cluster.settings.server
    used = pbs.used_seconds(job, call.now)
    found: dict[str, object] = {"Job_Name": wanted.name, "Job_Owner": f"{wanted.owner}@{server}"}
    if job.starts:
        found |= {
            "resources_used.cpupercent": 0,
            "resources_used.cput": "00:00:00",
            "resources_used.mem": "0kb",
            "resources_used.ncpus": wanted.nodes * call.cluster.slots_of(job),
            "resources_used.vmem": "0kb",
            "resources_used.walltime": clock_text(used),
        }
    found |= {
        "job_state": letter(job),
        "queue": wanted.queue,
        "server": server,
        "Checkpoint": "u",
        "ctime": date(job.submitted),
        "Error_Path": f"{server}:{wanted.stderr}",
    }
    if job.nodes:
        slots = call.cluster.slots_of(job)
        found["exec_host"] = "+".join(f"{node}/0*{slots}" if slots > 1 else f"{node}/0" for node in job.nodes)
        found["exec_vnode"] = "+".join(f"({node}:ncpus={slots})" for node in job.nodes)
    found |= {
        "Hold_Types": "u" if job.phase is Phase.HELD else "n",
        "Join_Path": "oe" if wanted.stdout == wanted.stderr else "n",
        "Keep_Files": "n",
        "Mail_Points": "a",
        "mtime": date(job.ended or job.began or job.submitted),
        "Output_Path": f"{server}:{wanted.stdout}",
        "Priority": 0,
        "qtime": date(job.submitted),
        "Rerunable": "True" if wanted.requeue else "False",
        **{name: value for name, value in wanted.comment.items() if name.startswith("Resource_List.")},
        "Resource_List.nodect": wanted.nodes,
        "Resource_List.ncpus": wanted.nodes * call.cluster.slots_of(job),
    }
    if job.began:
        found |= {"stime": date(job.began), "session_id": 1000 + job.number}
    found |= {"substate": _substate(job), "Variable_List": pbs.variable_list(job)}
    if comment := _comment(job, call):
        found["comment"] = comment
    found |= {"etime": date(job.submitted), "run_count": job.starts}
    if (status := pbs.exit_status(job, KILLED_AT_WALLTIME, LOST_ITS_NODE)) is not None:
        found["Exit_status"] = status
    if job.over:
        found |= {"history_timestamp": int(job.ended)}
    return found | {"Submit_arguments": " ".join(wanted.words), "project": "_pbs_project_default"}


def _substate(job: Job) -> int:
    waits = {Phase.HELD: 20, Phase.BROKEN: 20, Phase.PENDING: 10, Phase.RUNNING: 42, Phase.ENDING: 51}
    if job.phase in waits:
        return waits[job.phase]
    if job.fate is Fate.CANCELLED:
        return 91
    return 92 if job.fate is Fate.EXIT and job.exit_code == 0 else 93


def _comment(job: Job, call: Call) -> str:
    where = "+".join(f"({node}:ncpus={call.cluster.slots_of(job)})" for node in job.nodes)
    ran = f"Job run at {date(job.began)} on {where}"
    if job.over and job.starts:
        if job.fate is Fate.TIMEOUT:
            return f"{ran} and exceeded resource walltime"
        if job.fate is Fate.CANCELLED:
            return f"{ran} and terminated"
        return f"{ran} and {'finished' if job.exit_code == 0 else 'failed'}"
    if job.active:
        return ran
    reasons = {
        "queue": "Not Running: Queue not started.",
        "walltime": "Can Never Run: Job would exceed the walltime limit of the queue",
        "size": "Can Never Run: Insufficient amount of resource: vnode",
        "room": "Not Running: Insufficient amount of resource: ncpus",
    }
    why = call.cluster.why_waiting(job) if job.phase is Phase.PENDING else None
    return reasons.get(why or "", "")


# --- the others


def qdel(call: Call) -> Answer:
    options = parse(call.words, ("x",), ("W",))

    def act(job: Job) -> str | None:
        name = pbs.job_id(job, call)
        if job.over:
            if "x" not in options:
                return f"{pbs.FINISHED} Job has finished {name}"
            job.ended = float("-inf")  # its history goes, too
        elif options.get("W") == "force":
            call.cluster.kill(job, call.now)
            if not call.cluster.reachable(job):
                call.cluster.abandon(job, call.now)
            call.cluster.cancel(job, call.now)
        elif not call.cluster.reachable(job):
            return f"{pbs.NO_MOM} Server could not connect to MOM {name}"
        elif job.phase is Phase.ENDING:
            return f"{pbs.BAD_STATE} Request invalid for state of job {name}"
        else:
            call.cluster.cancel(job, call.now)
        return None

    return pbs.each(call, options.operands, act, UNKNOWN)


def qselect(call: Call) -> Answer:
    return pbs.select(call, letter, finished="F")


def qhold(call: Call) -> Answer:
    return pbs.hold(call, UNKNOWN)


def qalter(call: Call) -> Answer:
    options = parse(call.words, ("h",), ("l", "N", "o", "e", "W", "q", "A", "v", "p", "r"))
    return pbs.each(call, options.operands, lambda job: None, UNKNOWN)


# --- trouble


def away(name: str) -> Answer:
    words = f"Connection refused\n{name}: cannot connect to server fake (errno=15010)\n"
    return Answer(stderr=words, code=162 if name == "qsub" else 255)


def lost_answer(name: str) -> Answer:
    return Answer(stderr=f"{name}: End of File\n", code=182)


# --- what a job sees


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    return pbs.job_environment(job) | {
        "PBS_JOBID": f"{job.number}.{cluster.settings.server}",
        "PBS_JOBDIR": job.wanted.folder,
        "PBS_NODEFILE": places.hosts,
        "PBS_JOBCOOKIE": "0" * 32,
        "NCPUS": str(cluster.slots_of(job)),
        "OMP_NUM_THREADS": str(cluster.slots_of(job)),
        "TMPDIR": places.tmp,
    }


def hosts(job: Job, cluster: Cluster) -> str:
    """One line for each node: that is what ``mpiprocs``, which is 1, says."""
    del cluster
    return "".join(f"{node}\n" for node in job.nodes)


FLAVOUR = Flavour(
    commands={
        "qsub": qsub,
        "qstat": qstat,
        "qdel": qdel,
        "qselect": qselect,
        "qhold": qhold,
        "qrls": qhold,
        "qalter": qalter,
    },
    away=away,
    lost_answer=lost_answer,
    environment=environment,
    hosts=hosts,
    settings={"node_timeout": 3.0},  # node_fail_requeue, which is 310 s if nobody says otherwise
    spools=True,
)
