"""Slurm's commands, as of 22.05 (https://slurm.schedmd.com/man_index.html)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, clock_text, iso_date, parse
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import KILL, Job
from tests.fakes.cluster.slurm_accounting import sacct
from tests.fakes.cluster.slurm_jobs import (
    STATES,
    exit_code,
    limit_text,
    node_list,
    run_time,
    short_time,
    state,
    unrecognized,
)
from tests.fakes.cluster.slurm_submit import sbatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.cluster.model import Cluster

SHOWN = ("PD", "R", "CG", "S")
"""What squeue shows if it is not asked for more."""
SIGNALS = {"HUP": 1, "INT": 2, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15, "CONT": 18, "STOP": 19}
UNKNOWN_ID = "slurm_load_jobs error: Invalid job id specified\n"
AWAY = "Unable to contact slurm controller (connect failure)"


# --- squeue


def squeue(call: Call) -> Answer:
    flags = ("noheader h", "me", "all a", "long l", "start", "steps s", "array r", "verbose v", "local", "federation")
    valued = (
        *("format o", "Format O", "jobs j job", "states t state", "user u users", "name n", "partition p"),
        *("account A", "qos q", "clusters M cluster", "nodelist w", "sort S"),
    )
    try:
        options = parse(call.words, flags, valued)
    except WrongUse as error:
        return Answer(stderr=unrecognized(call.name, error), code=1)
    cluster = options.get("clusters")
    if cluster and cluster != call.cluster.settings.server:
        return Answer(stderr=f"squeue: error: No cluster '{cluster}' known by database.\n", code=1)
    asked = [int(word.partition("_")[0]) for word in options.get("jobs").split(",") if word.partition("_")[0].isdigit()]
    if "jobs" in options and len(asked) != len(options.get("jobs").split(",")):
        return Answer(stderr=f"squeue: error: Invalid job id: {options.get('jobs')}\n", code=1)
    if len(asked) == 1 and call.job(asked[0]) is None:
        return Answer(stderr=UNKNOWN_ID, code=1)
    jobs = [job for job in call.jobs() if _selected(job, call, options, asked)]
    if "Format" in options:
        header, show = _long_format(options.get("Format"), call)
    else:
        header, show = _format(options.get("format") or "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R", call)
    lines = [show(job) for job in sorted(jobs, key=lambda job: (not job.waiting, job.number))]
    if "noheader" not in options:
        lines = [*([f"CLUSTER: {cluster}"] if cluster else []), header, *lines]
    return Answer("".join(f"{line}\n" for line in lines))


def _selected(job: Job, call: Call, options: Options, asked: list[int]) -> bool:
    states = options.get("states").upper().split(",")
    compact = state(job, call)[0]
    wanted_states = SHOWN if "states" not in options else states
    chosen = [
        not asked or job.number in asked,
        "ALL" in states or compact in wanted_states or STATES[compact] in states,
        "name" not in options or job.wanted.name in options.get("name").split(","),
        "partition" not in options or job.wanted.queue in options.get("partition").split(","),
        "user" not in options or {job.wanted.owner, str(call.uid)} & set(options.get("user").split(",")) != set(),
        "me" not in options or job.wanted.owner == call.owner,
    ]
    return all(chosen)


def _nodes_or_reason(job: Job, call: Call) -> str:
    reason = state(job, call)[1]
    return f"({reason})" if job.waiting or (job.over and reason != "None") else node_list(job.nodes)


FIELDS: Mapping[str, tuple[str, Callable[[Job, Call], str]]] = {
    "i": ("JOBID", lambda job, call: str(job.number)),
    "A": ("JOBID", lambda job, call: str(job.number)),
    "F": ("ARRAY_JOB_ID", lambda job, call: str(job.number)),
    "j": ("NAME", lambda job, call: job.wanted.name),
    "u": ("USER", lambda job, call: job.wanted.owner),
    "U": ("UID", lambda job, call: str(call.uid)),
    "P": ("PARTITION", lambda job, call: job.wanted.queue),
    "t": ("ST", lambda job, call: state(job, call)[0]),
    "T": ("STATE", lambda job, call: STATES[state(job, call)[0]]),
    "r": ("REASON", lambda job, call: state(job, call)[1]),
    "R": ("NODELIST(REASON)", _nodes_or_reason),
    "N": ("NODELIST", lambda job, call: node_list(job.nodes)),
    "B": ("EXEC_HOST", lambda job, call: job.nodes[0] if job.nodes else "n/a"),
    "D": ("NODES", lambda job, call: str(job.wanted.nodes)),
    "C": ("CPUS", lambda job, call: str(job.wanted.nodes * call.cluster.slots_of(job))),
    "M": ("TIME", lambda job, call: short_time(run_time(job, call.now))),
    "l": ("TIME_LIMIT", lambda job, call: limit_text(job)),
    "L": ("TIME_LEFT", lambda job, call: limit_text(job)),
    "a": ("ACCOUNT", lambda job, call: job.wanted.comment.get("account") or "(null)"),
    "q": ("QOS", lambda job, call: job.wanted.comment.get("qos") or "(null)"),
    "S": ("START_TIME", lambda job, call: iso_date(job.began) if job.began else "N/A"),
    "V": ("SUBMIT_TIME", lambda job, call: iso_date(job.submitted)),
    "e": ("END_TIME", lambda job, call: iso_date(job.ended) if job.ended else "N/A"),
    "Z": ("WORK_DIR", lambda job, call: job.wanted.folder),
    "o": ("COMMAND", lambda job, call: job.wanted.comment.get("command", "")),
    "k": ("COMMENT", lambda job, call: "(null)"),
}
LONG_FIELDS = {
    "jobid": "i",
    "jobarrayid": "i",
    "state": "T",
    "statecompact": "t",
    "reason": "r",
    "reasonlist": "R",
    "name": "j",
    "username": "u",
    "partition": "P",
    "nodelist": "N",
    "numnodes": "D",
    "timelimit": "l",
    "timeused": "M",
    "starttime": "S",
    "workdir": "Z",
    "command": "o",
}


def _format(text: str, call: Call) -> tuple[str, Callable[[Job], str]]:
    def fill(job: Job | None) -> str:
        def value(found: re.Match[str]) -> str:
            title, show = FIELDS.get(found[3], ("", lambda job, call: ""))
            cell = title if job is None else show(job, call)
            if not found[2]:
                return cell
            width = int(found[2])
            return cell[:width].rjust(width) if found[1] else cell[:width].ljust(width)

        return re.sub(r"%(\.)?(\d*)([a-zA-Z])", value, text)

    return fill(None), fill


def _long_format(text: str, call: Call) -> tuple[str, Callable[[Job], str]]:
    columns = []
    for word in text.split(","):
        name, _, width = word.lower().partition(":")
        columns.append((*FIELDS[LONG_FIELDS[name]], int(width or 20)))

    def fill(job: Job | None) -> str:
        cells = (((title if job is None else show(job, call)), width) for title, show, width in columns)
        return "".join(cell[:width].ljust(width) for cell, width in cells)

    return fill(None), fill


# --- scancel, scontrol, sinfo


def scancel(call: Call) -> Answer:
    flags = ("batch b", "full f", "quiet Q", "verbose v", "hurry H", "me")
    valued = ("signal s", "name n jobname", "user u", "state t", "partition p", "clusters M cluster", "account A")
    try:
        options = parse(call.words, flags, valued)
    except WrongUse as error:
        return Answer(stderr=unrecognized(call.name, error), code=1)
    ids = [word for operand in options.operands for word in operand.split(",")]
    if not ids and not any(name in options for name in ("me", "name", "user", "partition")):
        return Answer(stderr="scancel: error: No job identification provided\n", code=1)
    for word in ids:
        if not word.partition("_")[0].isdigit():
            return Answer(stderr=f"scancel: error: Invalid job id {word}\n", code=1)
    if not ids:
        ids = [str(job.number) for job in call.jobs()]
        names = options.get("name").split(",")
        ids = [word for word in ids if "name" not in options or call.cluster.jobs[int(word)].wanted.name in names]
    signal, verbose = options.get("signal").removeprefix("SIG"), "verbose" in options
    lines, code = [f"scancel: Terminating job {word}" for word in ids if verbose], 0
    for word in ids:
        trouble = _signalled(call.job(int(word.partition("_")[0])), signal, call)
        if trouble is not None and (verbose or (signal and "completed" in trouble)):
            lines.append(f"scancel: error: Kill job error on job id {word}: {trouble}")
            code = int("completed" in trouble and bool(signal))
    return Answer(stderr="".join(f"{line}\n" for line in lines), code=code)


def _signalled(job: Job | None, signal: str, call: Call) -> str | None:
    """Tell a job, and give the trouble with that."""
    if job is None:
        return "Invalid job id specified"
    if job.over:
        return "Job/step already completing or completed"
    if not signal or not job.active:
        call.cluster.cancel(job, call.now)
    elif (number := SIGNALS.get(signal) or int(signal)) == KILL:
        call.cluster.kill(job, call.now)
    else:
        call.cluster.signal(job, number)
    return None


def scontrol(call: Call) -> Answer:
    options = parse(call.words, ("oneliner o", "all a", "details d", "quiet Q"), ("clusters M cluster",))
    verb, *rest = options.operands or [""]
    if verb == "ping":
        return Answer(f"Slurmctld(primary) at {call.cluster.settings.server} is UP\n")
    if verb == "show" and rest[:1] in (["job"], ["jobs"], ["jobid"]):
        jobs = call.jobs()
        if rest[1:]:
            found = call.job(int(rest[1])) if rest[1].isdigit() else None
            if found is None:
                return Answer(stderr=UNKNOWN_ID, code=1)
            jobs = [found]
        texts = [_details(job, call) for job in jobs]
        if "oneliner" in options:
            return Answer("".join(" ".join(text.split()) + " \n" for text in texts))
        return Answer("".join(f"{text}\n\n" for text in texts) or "No jobs in the system\n")
    if verb in ("hold", "uhold", "release", "requeue") and rest:
        return _change(verb, [word for operand in rest for word in operand.split(",")], call)
    return Answer(stderr=f"invalid keyword: {verb}\n", code=1)


def _change(verb: str, words: list[str], call: Call) -> Answer:
    for word in words:
        job = call.job(int(word)) if word.isdigit() else None
        if job is None:
            return Answer(stderr=f"Invalid job id specified for job {word}\nslurm_suspend error\n", code=1)
        if verb == "requeue":
            call.cluster.requeue(job, call.now)
        elif verb == "release":
            call.cluster.release(job)
        else:
            call.cluster.hold(job)
    return Answer()


def _details(job: Job, call: Call) -> str:
    wanted = job.wanted
    compact, reason = state(job, call)
    cores = wanted.nodes * call.cluster.slots_of(job)
    begun = iso_date(job.began) if job.began else "Unknown"
    return "\n   ".join(
        (
            f"JobId={job.number} JobName={wanted.name}",
            f"UserId={wanted.owner}({call.uid}) GroupId={wanted.owner}({call.uid}) MCS_label=N/A",
            f"Priority=4294901760 Nice=0 Account={wanted.comment.get('account') or '(null)'} QOS=(null)",
            f"JobState={STATES[compact]} Reason={reason} Dependency=(null)",
            f"Requeue={int(wanted.requeue)} Restarts={max(0, job.starts - 1)} BatchFlag=1 Reboot=0"
            f" ExitCode={exit_code(job) if job.over else '0:0'}",
            f"RunTime={clock_text(run_time(job, call.now))} TimeLimit={limit_text(job)} TimeMin=N/A",
            f"SubmitTime={iso_date(job.submitted)} EligibleTime={iso_date(job.submitted)}",
            f"AccrueTime={iso_date(job.submitted)}",
            f"StartTime={begun} EndTime={iso_date(job.ended) if job.over else 'Unknown'} Deadline=N/A",
            f"SuspendTime=None SecsPreSuspend=0 LastSchedEval={iso_date(call.now)} Scheduler=Main",
            f"Partition={wanted.queue} AllocNode:Sid={call.cluster.settings.server}:1",
            "ReqNodeList=(null) ExcNodeList=(null)",
            f"NodeList={node_list(job.nodes) or '(null)'}",
            *([f"BatchHost={job.nodes[0]}"] if job.nodes else []),
            f"NumNodes={wanted.nodes} NumCPUs={cores} NumTasks={wanted.nodes} CPUs/Task=1 ReqB:S:C:T=0:0:*:*",
            f"TRES=cpu={cores},node={wanted.nodes},billing={cores}",
            f"Command={wanted.comment.get('command') or '(null)'}",
            f"WorkDir={wanted.folder}",
            f"StdErr={wanted.stderr}",
            "StdIn=/dev/null",
            f"StdOut={wanted.stdout}",
            "Power=",
        )
    )


def _partition_line(call: Call, name: str, form: str) -> str:
    """A partition in the columns that somebody has asked for; all its nodes are alike."""
    settings, queue = call.cluster.settings, call.cluster.settings.queues[name]
    up = sum(node.up for node in call.cluster.nodes.values())
    columns = {
        "%P": name + ("*" if name == settings.default_queue else ""),
        "%a": "up" if queue.up else "down",
        "%l": "infinite" if queue.longest == float("inf") else clock_text(queue.longest),
        "%s": "1-infinite",
        "%F": f"0/{up}/{settings.nodes - up}/{settings.nodes}",
        "%c": str(settings.slots),
        "%m": "4000",
        "%o": "127.0.0.1",
    }
    return re.sub("%[A-Za-z]", lambda column: columns.get(column[0], "(null)"), form) + "\n"


def sinfo(call: Call) -> Answer:
    flags = ("noheader h", "summarize s", "long l", "Node N", "all a", "exact e")
    try:
        options = parse(call.words, flags, ("format o", "partition p"))
    except WrongUse as error:
        return Answer(stderr=unrecognized("sinfo", error), code=1)
    if "format" in options:
        return Answer(
            "".join(_partition_line(call, name, options.get("format")) for name in call.cluster.settings.queues)
        )
    settings = call.cluster.settings
    lines = [] if "noheader" in options else ["PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST"]
    busy = {name for job in call.cluster.jobs.values() if job.active for name in job.nodes}
    for name, queue in settings.queues.items():
        title = name + ("*" if name == settings.default_queue else "")
        limit = "infinite" if queue.longest == float("inf") else clock_text(queue.longest)
        groups: dict[str, list[str]] = {}
        for node, facts in call.cluster.nodes.items():
            groups.setdefault("down*" if not facts.up else "mix" if node in busy else "idle", []).append(node)
        for what, nodes in groups.items():
            available = "up" if queue.up else "down"
            count = len(nodes)
            lines.append(f"{title:<9s} {available:>5s} {limit:>10s} {count:>6d} {what:>6s} {node_list(tuple(nodes))}")
    return Answer("".join(f"{line}\n" for line in lines))


# --- trouble


def away(name: str) -> Answer:
    """What a command says while slurmctld is away (slurmdbd, for sacct)."""
    if name == "sacct":
        words = (
            "sacct: error: Sending PersistInit msg: Connection refused\n"
            "sacct: error: Problem talking to the database: Connection refused\n"
        )
        return Answer(stderr=words, code=1)
    before = {
        "sbatch": "sbatch: error: Batch job submission failed: ",
        "scancel": "scancel: error: slurm_kill_job2 request failed: ",
        "sinfo": "slurm_load_partitions: ",
    }
    return Answer(stderr=f"{before.get(name, 'slurm_load_jobs error: ')}{AWAY}\n", code=1)


def lost_answer(name: str) -> Answer:
    """What a command says whose request was carried out, and whose answer was lost."""
    text = away(name).stderr
    assert isinstance(text, str)
    return Answer(stderr=text.replace(AWAY, "Socket timed out on send/recv operation"), code=1)


def environment(job: Job, cluster: Cluster, places: Places) -> dict[str, str]:
    """What a job finds in its environment beside what its submitter had."""
    del places
    slots, nodes = cluster.slots_of(job), node_list(job.nodes)
    per_node = f"{slots}(x{len(job.nodes)})" if len(job.nodes) > 1 else f"{slots}"
    return {
        "ENVIRONMENT": "BATCH",
        "SLURM_CLUSTER_NAME": cluster.settings.server,
        "SLURM_JOB_ID": str(job.number),
        "SLURM_JOBID": str(job.number),
        "SLURM_JOB_NAME": job.wanted.name,
        "SLURM_JOB_NODELIST": nodes,
        "SLURM_NODELIST": nodes,
        "SLURM_JOB_NUM_NODES": str(len(job.nodes)),
        "SLURM_NNODES": str(len(job.nodes)),
        "SLURM_JOB_PARTITION": job.wanted.queue,
        "SLURM_JOB_CPUS_PER_NODE": per_node,
        "SLURM_TASKS_PER_NODE": per_node,
        "SLURM_CPUS_ON_NODE": str(slots),
        "SLURM_SUBMIT_DIR": job.wanted.submitted_from,
        "SLURM_SUBMIT_HOST": cluster.settings.server,
        "SLURMD_NODENAME": job.nodes[0],
        "SLURM_NODEID": "0",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        **({"SLURM_RESTART_COUNT": str(job.starts - 1)} if job.starts > 1 else {}),
    }


FLAVOUR = Flavour(
    commands={
        "sbatch": sbatch,
        "squeue": squeue,
        "sacct": sacct,
        "scancel": scancel,
        "scontrol": scontrol,
        "sinfo": sinfo,
    },
    away=away,
    lost_answer=lost_answer,
    environment=environment,
    hosts=lambda job, cluster: "",
    inherits=True,
)
