"""Grid Engine's commands, as of 8.1.9 (https://manpages.debian.org/bookworm/gridengine-client/)."""

from __future__ import annotations

import signal
import time
from fnmatch import fnmatchcase
from html import escape
from typing import TYPE_CHECKING

from tests.fakes.cluster.call import (
    Answer,
    Call,
    Options,
    WrongUse,
    date,
    iso_date,
    parse,
)
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.grid_engine_submit import QSUB_FLAGS, QSUB_VALUED, join_pe, qsub
from tests.fakes.cluster.model import Fate, Job, Phase

if TYPE_CHECKING:
    from tests.fakes.cluster.model import Cluster

SCHEMA = "http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qstat/qstat.xsd"
LINE = "=" * 62
UNKNOWN_JOBS = "Following jobs do not exist or permissions are not sufficient: \n"


# --- qstat


def state(job: Job) -> str:
    ending = "dr" if job.phase is Phase.ENDING else ""
    again = "R" if job.starts > 1 else ""
    waits = {Phase.HELD: "hqw", Phase.PENDING: "qw", Phase.BROKEN: "Eqw", Phase.DONE: "z"}
    return ending or waits.get(job.phase) or f"{again}r"


def qstat(call: Call) -> Answer:
    flags = ("xml", "f", "ext", "urg", "pri", "r", "ne", "ncb", "t", "cb", "d")
    valued = ("u", "s", "j", "q", "l", "pe", "U", "g", "qs", "explain")
    try:
        options = parse(call.words, flags, valued, single=True)
    except WrongUse as error:
        return Answer(stderr=f"qstat: Unknown option -{error}\n", code=1)
    if "j" in options:
        return _details(call, options)
    asked = options.get("s") or "a"
    users = (options.get("u") or call.owner).split(",")
    jobs = [
        job
        for job in call.jobs()
        if not job.over and any(fnmatchcase(job.wanted.owner, user) for user in users) and _fits(job, asked)
    ]
    if "z" in asked:
        jobs = [job for job in call.cluster.archive.values() if job.number not in call.hidden]
    if "q" in options:
        jobs = [job for job in jobs if job.wanted.queue in options.get("q").split(",")]
    jobs.sort(key=lambda job: (job.waiting, job.number))
    if "xml" in options:
        return Answer(_xml(jobs, call, full="f" in options, requests="r" in options))
    return Answer(_table(jobs))


def _fits(job: Job, asked: str) -> bool:
    if "a" in asked:
        return True
    return ("p" in asked and job.waiting) or ("r" in asked and job.active) or ("h" in asked and job.phase is Phase.HELD)


def _table(jobs: list[Job]) -> str:
    if not jobs:
        return ""
    title = (
        "job-ID  prior   name       user         state submit/start at     queue                         "
        " slots ja-task-ID "
    )
    lines = [title, "-" * 113]
    for job in jobs:
        when = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(job.began if job.active else job.submitted))
        where = f"{job.wanted.queue}@{job.nodes[0]}" if job.active else ""
        lines.append(
            f"{job.number:7d} {_priority(job)} {job.wanted.name[:10]:<10s} {job.wanted.owner[:12]:<12s}"
            f" {state(job):<5s} {when} {where[:30]:<30s} {_slots(job):5d}        "
        )
    return "".join(f"{line}\n" for line in lines)


def _xml(jobs: list[Job], call: Call, *, full: bool, requests: bool) -> str:
    running, waiting = [job for job in jobs if job.active], [job for job in jobs if not job.active]
    lines = ["<?xml version='1.0'?>", f'<job_info  xmlns:xsd="{SCHEMA}">', "  <queue_info>"]
    if full:
        lines += _queues(running, call, requests=requests)
    else:
        lines += [line for job in running for line in _entry(job, requests=requests)]
    lines += ["  </queue_info>", "  <job_info>"]
    lines += [line for job in waiting for line in _entry(job, requests=requests)]
    return "".join(f"{line}\n" for line in (*lines, "  </job_info>", "</job_info>"))


def _queues(jobs: list[Job], call: Call, *, requests: bool) -> list[str]:
    """Those queue instances in which jobs run, with these jobs."""
    lines = []
    for queue in call.cluster.settings.queues:
        for node, facts in call.cluster.nodes.items():
            here = [job for job in jobs if job.wanted.queue == queue and node in job.nodes]
            if not here:
                continue
            used = sum(call.cluster.slots_of(job) for job in here)
            lines += [
                "    <Queue-List>",
                f"      <name>{queue}@{node}</name>",
                "      <qtype>BIP</qtype>",
                f"      <slots_used>{used}</slots_used>",
                "      <slots_resv>0</slots_resv>",
                f"      <slots_total>{facts.slots}</slots_total>",
                "      <load_avg>0.01000</load_avg>",
                "      <arch>lx-amd64</arch>",
                *([] if facts.up else ["      <state>au</state>"]),
                *(f"  {line}" for job in here for line in _entry(job, requests=requests, in_queue=True)),
                "    </Queue-List>",
            ]
    return lines


def _entry(job: Job, *, requests: bool, in_queue: bool = False) -> list[str]:
    kind = "running" if job.active else "pending" if job.waiting else "zombie"
    time_of = "JAT_start_time" if job.active else "JB_submission_time"
    when = iso_date(job.began if job.active else job.submitted)
    where = f"{job.wanted.queue}@{job.nodes[0]}" if job.active else ""
    lines = [
        f'    <job_list state="{kind}">',
        f"      <JB_job_number>{job.number}</JB_job_number>",
        f"      <JAT_prio>{_priority(job)}</JAT_prio>",
        f"      <JB_name>{escape(job.wanted.name)}</JB_name>",
        f"      <JB_owner>{escape(job.wanted.owner)}</JB_owner>",
        f"      <state>{state(job)}</state>",
        f"      <{time_of}>{when}</{time_of}>",
        *([] if in_queue else [f"      <queue_name>{where}</queue_name>"]),
        f"      <slots>{_slots(job)}</slots>",
    ]
    if requests:
        lines.append(f"      <full_job_name>{escape(job.wanted.name)}</full_job_name>")
        if job.wanted.comment["pe"]:
            lines.append(f'      <requested_pe name="{job.wanted.comment["pe"]}">{_slots(job)}</requested_pe>')
        if job.wanted.walltime != float("inf"):
            limit = f"{job.wanted.walltime:.0f}"
            lines.append(f'      <hard_request name="h_rt" resource_contribution="0.000000">{limit}</hard_request>')
        if job.wanted.comment["queue"]:
            lines.append(f"      <hard_req_queue>{job.wanted.comment['queue']}</hard_req_queue>")
        lines.append("      <binding>NONE</binding>")
    return [*lines, "    </job_list>"]


def _priority(job: Job) -> str:
    return "0.00000" if job.phase in (Phase.HELD, Phase.BROKEN) else "0.55500"


def _slots(job: Job) -> int:
    return int(job.wanted.comment.get("slots", "1"))


def _details(call: Call, options: Options) -> Answer:
    words = [word for word in options.get("j").split(",") if word]
    found = {
        word: [job for job in call.jobs() if not job.over and fnmatchcase(_name_or_number(job, word), word)]
        for word in words
    }
    unknown = [word for word, jobs in found.items() if not jobs]
    jobs = [job for word in words for job in found[word]]
    if "xml" in options:
        return Answer(_unknown_xml(unknown) if unknown else _details_xml(jobs))
    if unknown:
        return Answer(stderr=UNKNOWN_JOBS + "".join(f"{word}\n" for word in unknown), code=1)
    return Answer("".join(f"{LINE}\n{_description(job, call)}" for job in jobs))


def _name_or_number(job: Job, word: str) -> str:
    return str(job.number) if word[:1].isdigit() else job.wanted.name


def _description(job: Job, call: Call) -> str:
    wanted = job.wanted
    lines = {
        "job_number": str(job.number),
        "exec_file": f"job_scripts/{job.number}",
        "submission_time": date(job.submitted),
        "owner": wanted.owner,
        "uid": str(call.uid),
        "group": wanted.owner,
        "gid": str(call.uid),
        "sge_o_workdir": wanted.submitted_from,
        "sge_o_host": call.cluster.settings.server,
        "account": "sge",
        "cwd": wanted.folder,
        "stderr_path_list": f"NONE:NONE:{wanted.stderr}",
        "mail_list": f"{wanted.owner}@{call.cluster.settings.server}",
        "notify": "FALSE",
        "job_name": wanted.name,
        "stdout_path_list": f"NONE:NONE:{wanted.stdout}",
        "jobshare": "0",
        **({"hard_queue_list": wanted.comment["queue"]} if wanted.comment["queue"] else {}),
        "script_file": wanted.comment["script"],
        "binding": "NONE",
        "job_type": "NONE",
    }
    if wanted.walltime != float("inf"):
        lines["hard resource_list"] = f"h_rt={wanted.walltime:.0f}"
    if wanted.comment["pe"]:
        lines["parallel environment"] = f"{wanted.comment['pe']} range: {wanted.comment['slots']}"
    if job.trouble:
        when = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(call.now))
        lines["error reason          1"] = f"{when} [{call.uid}:1]: error: {job.trouble}"
    said = f"\n{'':28}".join(_scheduling(job, call))
    lines["scheduling info"] = said or "(Collecting of scheduler job information is turned off)"
    return "".join(f"{f'{name}:':<28}{value}\n" for name, value in lines.items())


def _scheduling(job: Job, call: Call) -> list[str]:
    """Why a job does not run, as far as the scheduler says it: of every job, which queues are out of service."""
    settings = call.cluster.settings
    lines = [
        f'queue instance "{name}@{node}" dropped because it is disabled'
        for name, queue in settings.queues.items()
        if not queue.up
        for node in call.cluster.nodes
    ]
    if job.phase is not Phase.PENDING:
        return lines
    wanted = job.wanted.comment["queue"]
    if wanted:
        lines += [
            f'cannot run in queue "{name}" because it is not contained in its hard queue list (-q)'
            for name, queue in settings.queues.items()
            if queue.up and name != wanted
        ]
    why = call.cluster.why_waiting(job)
    if why == "walltime":
        limit = f"(-l h_rt={job.wanted.walltime:.0f})"
        lines.append(f'{limit} cannot run in queue "{job.wanted.queue}" because of cluster queue')
    if why == "size":
        total = settings.slots * settings.nodes
        lines.append(f'cannot run in PE "{job.wanted.comment["pe"] or "mpi"}" because it only offers {total} slots')
    if why == "room":
        lines += [
            f'queue instance "{job.wanted.queue}@{node}" dropped because it is full' for node in call.cluster.nodes
        ]
    return lines


def _unknown_xml(unknown: list[str]) -> str:
    """Not well-formed, as the real one."""
    names = "".join(f"<ST_name>{escape(word)}</ST_name>\n" for word in unknown)
    return f"<?xml version='1.0'?>\n<unknown_jobs  xmlns:xsd=\"{SCHEMA}\">\n<>\n{names}</>\n</unknown_jobs>\n"


def _details_xml(jobs: list[Job]) -> str:
    elements = "".join(
        f"    <element>\n      <JB_job_number>{job.number}</JB_job_number>\n"
        f"      <JB_job_name>{escape(job.wanted.name)}</JB_job_name>\n"
        f"      <JB_owner>{escape(job.wanted.owner)}</JB_owner>\n    </element>\n"
        for job in jobs
    )
    head = f"<?xml version='1.0'?>\n<detailed_job_info  xmlns:xsd=\"{SCHEMA}\">\n"
    return f"{head}  <djob_info>\n{elements}  </djob_info>\n</detailed_job_info>\n"


# --- qdel, qhold, qrls, qalter


def qdel(call: Call) -> Answer:
    options = parse(call.words, ("f",), ("u", "t"), single=True)
    lines, code = [], 0
    words = [word for operand in options.operands for word in operand.split(",") if word]
    if "u" in options:
        words = [str(job.number) for job in call.jobs() if job.wanted.owner == options.get("u") and not job.over]
    for word in words:
        jobs = [job for job in call.jobs() if not job.over and fnmatchcase(_name_or_number(job, word), word)]
        if not jobs:
            lines.append(f'denied: job "{word}" does not exist')
            code = 1
        for job in jobs:
            if job.phase is Phase.ENDING and "f" not in options:
                lines.append(f"job {job.number} is already in deletion")
            elif "f" in options:
                lines.append(f"{call.owner} forced the deletion of job {job.number}")
                call.cluster.kill(job, call.now)
                call.cluster.abandon(job, call.now)
            elif job.waiting:
                lines.append(f"{call.owner} has deleted job {job.number}")
                call.cluster.cancel(job, call.now)
            else:
                lines.append(f"{call.owner} has registered the job {job.number} for deletion")
                call.cluster.cancel(job, call.now)
    return Answer("".join(f"{line}\n" for line in lines), code=code)


def qhold(call: Call) -> Answer:
    options = parse(call.words, (), ("h", "t", "u"), single=True)
    lines, code = [], 0
    for word in (word for operand in options.operands for word in operand.split(",")):
        job = call.job(int(word)) if word.isdigit() else None
        if job is None or job.over:
            lines.append(f'job "{word}" does not exist')
            code = 1
        else:
            lines.append(f"modified hold of job {word}")
            (call.cluster.hold if call.name == "qhold" else call.cluster.release)(job)
    return Answer("".join(f"{line}\n" for line in lines), code=code)


def qalter(call: Call) -> Answer:
    options = parse(join_pe(call.words), QSUB_FLAGS[1:], QSUB_VALUED, single=True)
    lines, code = [], 0
    for word in (word for operand in options.operands for word in operand.split(",")):
        job = call.job(int(word)) if word.isdigit() else None
        if job is None or job.over:
            lines.append(f'denied: job "{word}" does not exist')
            code = 1
        elif options.get("w") in ("v", "p"):
            never = job.waiting and call.cluster.why_waiting(job) in ("queue", "walltime", "size")
            lines += [f"Job {word} {line}" for line in _scheduling(job, call)] if never else []
            lines.append("verification: no suitable queues" if never else "verification: found suitable queue(s)")
        else:
            lines.append(f"modified job {word}")
    return Answer("".join(f"{line}\n" for line in lines), code=code)


# --- qacct


def qacct(call: Call) -> Answer:
    options = parse(call.words, (), ("j", "o", "d", "f"), single=True)
    if not call.cluster.settings.accounting:
        return Answer(stderr="error: can't open accounting file: No such file or directory\n", code=1)
    word = options.get("j")
    jobs = [
        job
        for job in [*call.cluster.archive.values(), *call.cluster.jobs.values()]
        if job.over
        and job.starts
        and job.number not in call.hidden
        and fnmatchcase(_name_or_number(job, word), word)
        and call.now >= job.ended + call.cluster.settings.accounting_delay
    ]
    if not jobs:
        kind = "id" if word.isdigit() else "name"
        return Answer(stderr=f"error: job {kind} {word} not found\n", code=1)
    return Answer("".join(f"{LINE}\n{_account(job)}" for job in jobs))


def _account(job: Job) -> str:
    number = job.signal or (9 if job.exit_code is None else 0)
    failed = "100 : assumedly after job" if number else "0"
    if job.fate is Fate.TIMEOUT:
        failed = "37  : qmaster enforced h_rt, h_cpu, or h_vmem limit"
    category = [f"-q {job.wanted.comment['queue']}"] if job.wanted.comment["queue"] else []
    if job.wanted.walltime != float("inf"):
        category.append(f"-l h_rt={job.wanted.walltime:.0f}")
    lines = {
        "qname": job.wanted.queue,
        "hostname": job.nodes[0] if job.nodes else "UNKNOWN",
        "group": job.wanted.owner,
        "owner": job.wanted.owner,
        "project": "NONE",
        "department": "defaultdepartment",
        "jobname": job.wanted.name,
        "jobnumber": str(job.number),
        "taskid": "undefined",
        "account": "sge",
        "priority": "0",
        "qsub_time": date(job.submitted),
        "start_time": date(job.began),
        "end_time": date(job.ended),
        "granted_pe": job.wanted.comment["pe"] or "NONE",
        "slots": job.wanted.comment["slots"],
        "failed": failed,
        "exit_status": f"{128 + number:<20} ({signal.strsignal(number)})" if number else str(job.exit_code),
        "ru_wallclock": f"{job.ended - job.began:.0f}s",
        "ru_utime": "0.000s",
        "ru_stime": "0.000s",
        "cpu": "0.000s",
        "mem": "0.000GBs",
        "io": "0.000GB",
        "iow": "0.000s",
        "maxvmem": "0.000B",
        "arid": "undefined",
        "ar_sub_time": "undefined",
        "category": " ".join(category) or "NONE",
    }
    return "".join(f"{name:<12} {value:<20}\n" for name, value in lines.items())


# --- trouble

AWAY = 'unable to send message to qmaster using port 6444 on host "fake": got send error'
LOST = "failed receiving gdi request response for mid=1 (got syncron message receive timeout error)"


def away(name: str) -> Answer:
    first = "error: commlib error: got select error (Connection refused)\n"
    if name == "qsub":
        return Answer(stderr=f"{first}Unable to run job: {AWAY}\nExiting.\n", code=1)
    if name == "qdel":
        return Answer(f"{AWAY}\n", first, code=1)
    return Answer(stderr=f"{first}error: {AWAY}\n", code=1)


def lost_answer(name: str) -> Answer:
    if name == "qsub":
        return Answer(stderr=f"Unable to run job: {LOST}.\nExiting.\n", code=1)
    return Answer(stderr=f"error: {LOST}\n", code=1)


# --- what a job sees


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    return {
        "ENVIRONMENT": "BATCH",
        "ARC": "lx-amd64",
        "JOB_ID": str(job.number),
        "JOB_NAME": job.wanted.name,
        "JOB_SCRIPT": places.script,
        "NHOSTS": str(len(job.nodes)),
        "NQUEUES": "1",
        "NSLOTS": job.wanted.comment["slots"],
        "QUEUE": job.wanted.queue,
        "REQUEST": job.wanted.name,
        "RESTARTED": str(min(1, job.starts - 1)),
        "SGE_CELL": "default",
        "SGE_TASK_ID": "undefined",
        "SGE_STDOUT_PATH": job.wanted.stdout,
        "SGE_STDERR_PATH": job.wanted.stderr,
        "SGE_CWD_PATH": job.wanted.folder,
        "SGE_JOB_SPOOL_DIR": places.tmp,
        "TMP": places.tmp,
        "TMPDIR": places.tmp,
        **({"PE": job.wanted.comment["pe"], "PE_HOSTFILE": places.hosts} if job.wanted.comment["pe"] else {}),
    }


def hosts(job: Job, cluster: Cluster) -> str:
    """A line for each node: its name, how many slots of it, the queue's instance, the cores."""
    return "".join(f"{node} {cluster.slots_of(job)} {job.wanted.queue}@{node} UNDEFINED\n" for node in job.nodes)


FLAVOUR = Flavour(
    commands={
        "qsub": qsub,
        "qstat": qstat,
        "qdel": qdel,
        "qhold": qhold,
        "qrls": qhold,
        "qalter": qalter,
        "qacct": qacct,
    },
    away=away,
    lost_answer=lost_answer,
    environment=environment,
    hosts=hosts,
    settings={"gives_up_nodes": False, "kills_at_once": True, "history": 0.0, "accounting_delay": 0.5},
    appends=True,
)
