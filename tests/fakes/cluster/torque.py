"""Torque's commands, as of 4 and 6 (https://docs.adaptivecomputing.com/torque/6-1-2/adminGuide/torque.htm)."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tests.fakes.cluster import pbs
from tests.fakes.cluster.call import Answer, Call, WrongUse, clock_text, date, parse
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import Job, Phase

if TYPE_CHECKING:
    from tests.fakes.cluster.model import Cluster

UNKNOWN = "Unknown Job Id Error"
KILLED_AT_WALLTIME = -11
WORDS = pbs.Words(
    no_script="qsub: script file '{script}' cannot be loaded - No such file or directory\n",
    unknown_queue="qsub: submit error (Unknown queue MSG=requested queue not found)\n",
    unknown_resource="qsub: submit error (Unknown resource type Resource_List.{name})\n",
    bad_value="qsub: submit error (Illegal attribute or resource value for Resource_List.{name})\n",
)


def qsub(call: Call) -> Answer:
    flags = ("V", "z", "h", "f", "X", "I", "x", "n")
    valued = (
        *("A", "a", "b", "C", "c", "D", "d", "e", "j", "k", "l", "L", "M", "m", "N", "o", "P", "p", "q", "r", "S"),
        *("T", "t", "u", "v", "W", "w"),
    )
    return pbs.submit(call, flags, valued, WORDS)


def letter(job: Job) -> str:
    return pbs.letter(job, "C")


# --- qstat


def qstat(call: Call) -> Answer:
    flags = ("f", "x", "a", "i", "r", "n", "1", "s", "t", "e", "c", "C", "R", "G", "M", "B", "Q", "q")
    try:
        options = parse(call.words, flags, ("u", "W"))
    except WrongUse as error:
        return Answer(stderr=f"qstat: invalid option -- '{error}'\nusage: qstat [-f [-1]] ...\n", code=2)
    jobs, complaints, code = [], [], 0
    for word in options.operands:
        job = call.job(pbs.number_of(word, call))
        if job is None:
            complaints.append(f"qstat: {UNKNOWN} {pbs.full_id(word, call)}\n")
            code = pbs.UNKNOWN_JOB
        else:
            jobs.append(job)
    if not options.operands:
        jobs = call.jobs()
    if "c" in options:
        jobs = [job for job in jobs if not job.over]
    if "u" in options:
        jobs = [job for job in jobs if job.wanted.owner in options.get("u").split(",")]
    if "x" in options:
        text = _xml(jobs, call)
    elif "f" in options:
        text = "".join(
            pbs.attributes_text(pbs.job_id(job, call), attributes(job, call), fold="1" not in options) for job in jobs
        )
    else:
        text = _table(jobs, call)
    return Answer(text, "".join(complaints), code)


def _table(jobs: list[Job], call: Call) -> str:
    if not jobs:
        return ""
    lines = [
        "Job ID                    Name             User            Time Use S Queue",
        "------------------------- ---------------- --------------- -------- - -----",
    ]
    for job in jobs:
        name, owner = job.wanted.name[:16], job.wanted.owner[:15]
        spent = clock_text(0) if job.starts else "0"
        lines.append(
            f"{pbs.job_id(job, call):<26} {name:<16} {owner:<15} {spent:>8} {letter(job)} {job.wanted.queue:<15}"
        )
    return "".join(f"{line}\n" for line in lines)


def _xml(jobs: list[Job], call: Call) -> str:
    described = []
    for job in jobs:
        text = f"<Job_Id>{pbs.job_id(job, call)}</Job_Id>"
        groups: dict[str, str] = {}
        for name, value in attributes(job, call).items():
            group, dot, key = name.partition(".")
            inner = f"<{key}>{escape(str(value))}</{key}>" if dot else escape(str(value))
            groups[group] = groups.get(group, "") + inner
        text += "".join(f"<{name}>{inner}</{name}>" for name, inner in groups.items())
        described.append(f"<Job>{text}</Job>")
    return f'<?xml version="1.0"?>\n<Data>{"".join(described)}</Data>\n' if described else ""


def attributes(job: Job, call: Call) -> dict[str, object]:
    """The job's attributes, as the server has them."""
    wanted, server = job.wanted, call.cluster.settings.server
    used = pbs.used_seconds(job, call.now)
    found: dict[str, object] = {"Job_Name": wanted.name, "Job_Owner": f"{wanted.owner}@{server}"}
    if job.starts:
        found |= {
            "resources_used.cput": "00:00:00",
            "resources_used.mem": "0kb",
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
        found["exec_host"] = "+".join(f"{node}/{core}" for node in job.nodes for core in range(slots))
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
    }
    if job.began:
        found["session_id"] = 1000 + job.number
    found |= {"Variable_List": pbs.variable_list(job)}
    if comment := _comment(job, call):
        found["comment"] = comment
    found["etime"] = date(job.submitted)
    if (status := pbs.exit_status(job, KILLED_AT_WALLTIME)) is not None:
        found["exit_status"] = status
    found |= {"submit_args": " ".join(wanted.words), "start_count": job.starts, "fault_tolerant": "False"}
    if job.over:
        found["comp_time"] = date(job.ended)
    return found | {"job_radix": 0, "submit_host": server, "init_work_dir": wanted.submitted_from}


def _comment(job: Job, call: Call) -> str:
    if job.starts:
        return f"Job started on {date(job.began)[:10]} at {date(job.began)[11:16]}"
    why = call.cluster.why_waiting(job) if job.phase is Phase.PENDING else None
    reasons = {
        "queue": "Not Running: Queue not started",
        "walltime": "Not Running: Not enough time left on the queue",
        "size": "Not Running: Not enough of the right type of nodes are available",
        "room": "Not Running: Not enough of the right type of nodes are available",
    }
    return reasons.get(why or "", "")


# --- the others


def qdel(call: Call) -> Answer:
    options = parse(call.words, ("p",), ("W", "m", "t"))

    def act(job: Job) -> str | None:
        name = pbs.job_id(job, call)
        if "p" in options:
            call.cluster.kill(job, call.now)
            call.cluster.abandon(job, call.now)
        elif job.over or job.phase is Phase.ENDING:
            what = "COMPLETE" if job.over else "EXITING"
            return f"{pbs.UNKNOWN_QUEUE} Request invalid for state of job MSG=invalid state for job - {what} {name}"
        else:
            call.cluster.cancel(job, call.now)
        return None

    return pbs.each(call, options.operands, act, UNKNOWN)


def qselect(call: Call) -> Answer:
    return pbs.select(call, letter, finished="")


def qhold(call: Call) -> Answer:
    return pbs.hold(call, UNKNOWN)


def qalter(call: Call) -> Answer:
    options = parse(call.words, ("h",), ("l", "N", "o", "e", "W", "q", "A", "v", "p", "r"))
    return pbs.each(call, options.operands, lambda job: None, UNKNOWN)


# --- trouble


def away(name: str) -> Answer:
    words = (
        "Cannot connect to default server host 'fake' - check pbs_server daemon and/or trqauthd.\n"
        f"{name}: cannot connect to server fake (errno=111) Connection refused\n"
    )
    return Answer(stderr=words, code=111)


def lost_answer(name: str) -> Answer:
    return Answer(stderr=f"{name}: End of File\n", code=182)


# --- what a job sees


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    slots = cluster.slots_of(job)
    return pbs.job_environment(job) | {
        "PBS_JOBID": f"{job.number}.{cluster.settings.server}",
        "PBS_NODEFILE": places.hosts,
        "PBS_NUM_NODES": str(len(job.nodes)),
        "PBS_NUM_PPN": str(slots),
        "PBS_NP": str(len(job.nodes) * slots),
        "PBS_VNODENUM": "0",
        "PBS_VERSION": "TORQUE-6.1.2",
        "PBS_SERVER": cluster.settings.server,
        "PBS_O_INITDIR": job.wanted.submitted_from,
        "TMPDIR": places.tmp,
    }


def hosts(job: Job, cluster: Cluster) -> str:
    """One line for each slot."""
    return "".join(f"{node}\n" * cluster.slots_of(job) for node in job.nodes)


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
    settings={"gives_up_nodes": False},
    spools=True,
)
