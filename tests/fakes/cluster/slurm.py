"""Slurm's commands, as of 22.05 (https://slurm.schedmd.com/man_index.html)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.cluster.call import (
    Answer,
    Call,
    Options,
    WrongUse,
    clock_seconds,
    clock_text,
    directives,
    iso_date,
    parse,
)
from tests.fakes.cluster.flavour import Flavour, Places
from tests.fakes.cluster.model import KILL, Fate, Job, Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.cluster.model import Cluster

STATES = {
    "PD": "PENDING",
    "R": "RUNNING",
    "CG": "COMPLETING",
    "S": "SUSPENDED",
    "CD": "COMPLETED",
    "CA": "CANCELLED",
    "F": "FAILED",
    "TO": "TIMEOUT",
    "NF": "NODE_FAIL",
}
SHOWN = ("PD", "R", "CG", "S")
"""What squeue shows if it is not asked for more."""
SIGNALS = {"HUP": 1, "INT": 2, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15, "CONT": 18, "STOP": 19}
UNKNOWN_ID = "slurm_load_jobs error: Invalid job id specified\n"
AWAY = "Unable to contact slurm controller (connect failure)"
NO_ACCOUNTING = "Slurm accounting storage is disabled\n"

SBATCH_FLAGS = (
    *("+", "parsable", "hold H", "exclusive", "no-requeue", "requeue", "test-only", "overcommit O", "quiet Q"),
    *("verbose v", "contiguous", "ignore-pbs", "get-user-env"),
)
SBATCH_VALUED = (
    *("job-name J", "output o", "error e", "input i", "chdir D", "nodes N", "ntasks n", "ntasks-per-node"),
    *("cpus-per-task c", "time t", "time-min", "partition p", "account A", "qos q", "constraint C", "mem"),
    *("mem-per-cpu", "gres", "gpus G", "gpus-per-node", "gpus-per-task", "clusters M cluster", "export", "signal"),
    *("dependency d", "begin b", "mail-type", "mail-user", "reservation", "licenses L", "nice", "nodelist w"),
    *("exclude x", "open-mode", "comment", "wckey", "tmp", "threads-per-core", "hint", "distribution m", "wrap"),
)


# --- sbatch


def sbatch(call: Call) -> Answer:
    try:
        options = parse(call.words, SBATCH_FLAGS, SBATCH_VALUED)
    except WrongUse as error:
        return Answer(stderr=_unrecognized(call.name, error), code=255)
    script = _script(call, options)
    if isinstance(script, Answer):
        return script
    try:
        inside = parse(directives(script, "#SBATCH"), SBATCH_FLAGS, SBATCH_VALUED)
    except WrongUse as error:
        return Answer(stderr=_unrecognized(call.name, error), code=255)
    options = Options({**inside.values, **options.values}, options.operands)
    refusal = _refusal(call, options)
    if refusal is not None:
        return refusal
    if "test-only" in options:
        return _judged(call, options, script)
    job = call.cluster.submit(_wanted(call, options, script, call.cluster.next_number), call.now)
    cluster = options.get("clusters")
    if "parsable" in options:
        text = f"{job.number};{cluster}\n" if cluster else f"{job.number}\n"
    else:
        text = f"Submitted batch job {job.number}" + (f" on cluster {cluster}\n" if cluster else "\n")
    return Answer(text, job=job.number)


def _script(call: Call, options: Options) -> str | Answer:
    if "wrap" in options:
        return f"#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{options.get('wrap')}\n"
    if not options.operands:
        return _complaint(call, "Batch script is empty!")
    try:
        script = call.read(call.path(options.operands[0]))
    except OSError:
        return _complaint(call, f"Unable to open file {options.operands[0]}")
    if not script.strip():
        return _complaint(call, "Batch script is empty!")
    if not script.startswith("#!"):
        return _complaint(
            call,
            "This does not look like a batch script.  The first",
            "line must start with #! followed by the path to an interpreter.",
            "For instance: #!/bin/sh",
        )
    return script


def _refusal(call: Call, options: Options) -> Answer | None:
    settings = call.cluster.settings
    partition, cluster = options.get("partition"), options.get("clusters")
    if options.get("time") and clock_seconds(options.get("time")) is None:
        return Answer(stderr="sbatch: error: Invalid --time specification\n", code=255)
    if not re.fullmatch(r"\d+(-\d+)?", options.get("nodes", "1")):
        return Answer(stderr=f'sbatch: error: "{options.get("nodes")}" is not a valid node count\n', code=255)
    if cluster and cluster != settings.server:
        return _complaint(call, f"No cluster '{cluster}' known by database.")
    if partition and partition not in settings.queues:
        if "test-only" in options:
            return Answer(stderr="allocation failure: Invalid partition name specified\n", code=1)
        return _complaint(
            call,
            f"invalid partition specified: {partition}",
            "Batch job submission failed: Invalid partition name specified",
        )
    return None


def _wanted(call: Call, options: Options, script: str, number: int) -> Wanted:
    settings = call.cluster.settings
    name = options.get("job-name") or (options.operands[0].rpartition("/")[2] if options.operands else "wrap")
    folder = call.path(options.get("chdir", call.folder))

    def place(text: str) -> str:
        known = {"j": str(number), "A": str(number), "x": name, "u": call.owner, "N": "n1", "%": "%"}
        text = re.sub(r"%\d*([jAxuN%])", lambda found: known[found[1]], text)
        return text if text.startswith("/") else f"{folder}/{text}"

    stdout = place(options.get("output") or "slurm-%j.out")
    limit = clock_seconds(options.get("time")) if options.get("time") else None
    if options.get("time").isdigit():
        limit = 60.0 * int(options.get("time"))
    per_node = int(options.get("ntasks-per-node", "1")) * int(options.get("cpus-per-task", "1"))
    return Wanted(
        name=name,
        owner=call.owner,
        queue=options.get("partition") or settings.default_queue,
        nodes=int(options.get("nodes", "1").partition("-")[0]),
        slots=0 if "exclusive" in options else per_node,
        walltime=limit if limit is not None else float("inf"),
        script=script,
        stdout=stdout,
        stderr=place(options.get("error")) if options.get("error") else stdout,
        folder=folder,
        submitted_from=call.folder,
        environment={} if options.get("export") == "NONE" else call.environment,
        arguments=tuple(options.operands[1:]),
        held="hold" in options,
        requeue="requeue" in options or "no-requeue" not in options,
        words=call.words,
        comment={
            "account": options.get("account"),
            "qos": options.get("qos"),
            "command": "".join(options.operands[:1]),
        },
    )


def _judged(call: Call, options: Options, script: str) -> Answer:
    wanted = _wanted(call, options, script, call.cluster.next_number)
    job = Job(call.cluster.next_number, wanted, Phase.PENDING, call.now)
    why = call.cluster.why_waiting(job)
    if why in ("size", "walltime", "queue"):
        words = {
            "size": "Requested node configuration is not available",
            "walltime": "Requested time limit is invalid (missing or exceeds some limit)",
            "queue": "Required partition not available (inactive or drain)",
        }
        return Answer(stderr=f"allocation failure: {words[why]}\n", code=1)
    nodes = f"n[1-{wanted.nodes}]" if wanted.nodes > 1 else "n1"
    cores = wanted.nodes * call.cluster.slots_of(job)
    start = f"Job {job.number} to start at {iso_date(call.now)} using {cores} processors on nodes {nodes}"
    return Answer(stderr=f"sbatch: {start} in partition {wanted.queue}\n")


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
        return Answer(stderr=_unrecognized(call.name, error), code=1)
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
    "M": ("TIME", lambda job, call: _short_time(_run_time(job, call.now))),
    "l": ("TIME_LIMIT", lambda job, call: _limit(job)),
    "L": ("TIME_LEFT", lambda job, call: _limit(job)),
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


# --- what a job is in Slurm's words


def state(job: Job, call: Call) -> tuple[str, str]:
    """The compact state, and the reason."""
    if job.phase is Phase.HELD:
        return "PD", "JobHeldUser"
    if job.phase is Phase.PENDING:
        if job.begins > call.now:
            return "PD", "BeginTime"
        reasons = {"queue": "PartitionDown", "walltime": "PartitionTimeLimit", "size": "PartitionConfig"}
        why = call.cluster.why_waiting(job)
        return "PD", "None" if why is None else reasons.get(why, "Resources")
    if job.phase is Phase.RUNNING:
        return "R", "None"
    return ("CG", "None") if job.phase is Phase.ENDING else final_state(job)


def final_state(job: Job) -> tuple[str, str]:
    if job.fate is not Fate.EXIT:
        return {
            Fate.CANCELLED: ("CA", "None"),
            Fate.TIMEOUT: ("TO", "TimeLimit"),
            Fate.NODE_LOST: ("NF", "NodeDown"),
            Fate.NOT_STARTED: ("F", "JobLaunchFailure"),
        }[job.fate]
    if job.signal:
        return "F", "JobLaunchFailure"
    return ("F", "NonZeroExitCode") if job.exit_code else ("CD", "None")


def exit_code(job: Job) -> str:
    if job.fate is Fate.NOT_STARTED:
        return "0:53"
    if job.fate is not Fate.EXIT:
        return "1:0" if job.fate is Fate.NODE_LOST else "0:0"
    return f"{job.exit_code or 0}:{job.signal}"


def node_list(nodes: tuple[str, ...]) -> str:
    """Names as ranges: ``n[1-2,4]``."""
    if len(nodes) < 2:
        return "".join(nodes)
    ranges: list[list[int]] = []
    for number in sorted(int(name[1:]) for name in nodes):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return "n[" + ",".join(f"{first}-{last}" if first != last else f"{first}" for first, last in ranges) + "]"


def _run_time(job: Job, now: float) -> float:
    if not job.began or job.waiting:
        return 0.0
    return (job.ended if job.over else now) - job.began


def _short_time(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _limit(job: Job) -> str:
    return "UNLIMITED" if job.wanted.walltime == float("inf") else clock_text(job.wanted.walltime)


# --- sacct


def sacct(call: Call) -> Answer:
    flags = (
        *("allocations X", "noheader n", "parsable2 P", "parsable p", "allusers a", "long l", "brief b"),
        *("duplicates D", "noconvert", "truncate T", "verbose v"),
    )
    valued = (
        *("jobs j job", "format o", "starttime S", "endtime E", "user u uid", "state s", "name", "clusters M cluster"),
        *("delimiter", "units"),
    )
    try:
        options = parse(call.words, flags, valued)
    except WrongUse as error:
        return Answer(stderr=_unrecognized(call.name, error), code=1)
    if not call.cluster.settings.accounting:
        return Answer(stderr=NO_ACCOUNTING, code=1)
    jobs = {**call.cluster.archive, **call.cluster.jobs}
    chosen = [job for number, job in sorted(jobs.items()) if number not in call.hidden]
    if "jobs" in options:
        asked = {word.partition(".")[0].partition("_")[0] for word in options.get("jobs").split(",")}
        chosen = [job for job in chosen if str(job.number) in asked]
    if "name" in options:
        chosen = [job for job in chosen if job.wanted.name in options.get("name").split(",")]
    columns = (options.get("format") or "JobID,JobName,Partition,Account,AllocCPUS,State,ExitCode").split(",")
    rows = [[_title(column) for column in columns]] if "noheader" not in options else []
    padded = not ("parsable" in options or "parsable2" in options)
    if rows and padded:
        rows.append(["-" * _width(column) for column in columns])
    for job in chosen:
        facts = _record(job, call)
        rows.append([facts.get(_field(column), "") for column in columns])
        if "allocations" not in options and job.starts:
            step = facts | {"jobid": f"{job.number}.batch", "jobname": "batch", "user": "", "partition": ""}
            rows.append([step.get(_field(column), "") for column in columns])
    return Answer("".join(f"{_line(row, columns, options, padded=padded)}\n" for row in rows))


def _field(column: str) -> str:
    return column.partition("%")[0].lower()


def _title(column: str) -> str:
    names = ("JobID", "JobIDRaw", "JobName", "Partition", "Account", "AllocCPUS", "State", "ExitCode", "NodeList")
    return next((name for name in names if name.lower() == _field(column)), column.partition("%")[0])


def _width(column: str) -> int:
    given = column.partition("%")[2]
    return int(given.lstrip("-")) if given else {"jobid": 12, "jobidraw": 12, "exitcode": 8}.get(_field(column), 10)


def _line(row: list[str], columns: list[str], options: Options, *, padded: bool) -> str:
    if not padded:
        delimiter = options.get("delimiter") or "|"
        return delimiter.join(row) + (delimiter if "parsable2" not in options else "")
    cells = []
    for cell, column in zip(row, columns, strict=True):
        width = _width(column)
        text = f"{cell[: width - 1]}+" if len(cell) > width else cell
        cells.append(text.ljust(width) if _field(column) == "jobid" else text.rjust(width))
    return " ".join(cells) + " "


def _record(job: Job, call: Call) -> dict[str, str]:
    if job.waiting or job.phase is Phase.RUNNING:
        compact = state(job, call)[0]
    else:
        compact = {Fate.CANCELLED: "CA", Fate.TIMEOUT: "TO"}.get(job.fate) or final_state(job)[0]
    return {
        "jobid": str(job.number),
        "jobidraw": str(job.number),
        "jobname": job.wanted.name,
        "partition": job.wanted.queue,
        "account": job.wanted.comment.get("account", ""),
        "user": job.wanted.owner,
        "allocnodes": str(job.wanted.nodes),
        "nnodes": str(job.wanted.nodes),
        "alloccpus": str(job.wanted.nodes * call.cluster.slots_of(job) if job.starts else 0),
        "state": STATES[compact] + (f" by {call.uid}" if compact == "CA" else ""),
        "exitcode": exit_code(job) if job.over else "0:0",
        "derivedexitcode": "0:0",
        "reason": state(job, call)[1],
        "nodelist": node_list(job.nodes) or "None assigned",
        "elapsed": clock_text(_run_time(job, call.now)),
        "timelimit": _limit(job),
        "submit": iso_date(job.submitted),
        "start": iso_date(job.began) if job.began else "Unknown",
        "end": iso_date(job.ended) if job.over else "Unknown",
        "cluster": call.cluster.settings.server,
        "comment": "",
        "workdir": job.wanted.folder,
    }


# --- scancel, scontrol, sinfo


def scancel(call: Call) -> Answer:
    flags = ("batch b", "full f", "quiet Q", "verbose v", "hurry H", "me")
    valued = ("signal s", "name n jobname", "user u", "state t", "partition p", "clusters M cluster", "account A")
    try:
        options = parse(call.words, flags, valued)
    except WrongUse as error:
        return Answer(stderr=_unrecognized(call.name, error), code=1)
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
            f"RunTime={clock_text(_run_time(job, call.now))} TimeLimit={_limit(job)} TimeMin=N/A",
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


def sinfo(call: Call) -> Answer:
    options = parse(call.words, ("noheader h", "summarize s", "long l", "Node N", "all a"), ("format o", "partition p"))
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


def _complaint(call: Call, *lines: str) -> Answer:
    return Answer(stderr="".join(f"{call.name}: error: {line}\n" for line in lines), code=1)


def _unrecognized(name: str, error: WrongUse) -> str:
    dashes = "--" if len(str(error)) > 1 else "-"
    return f"{name}: unrecognized option '{dashes}{error}'\nTry \"{name} --help\" for more information\n"


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
