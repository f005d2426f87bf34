"""Slurm's sacct (https://slurm.schedmd.com/sacct.html)."""

from __future__ import annotations

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, clock_text, iso_date, parse
from tests.fakes.cluster.model import Fate, Job, Phase
from tests.fakes.cluster.slurm_jobs import (
    STATES,
    exit_code,
    final_state,
    limit_text,
    node_list,
    run_time,
    state,
    unrecognized,
)

NO_ACCOUNTING = "Slurm accounting storage is disabled\n"


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
        return Answer(stderr=unrecognized(call.name, error), code=1)
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
        "elapsed": clock_text(run_time(job, call.now)),
        "timelimit": limit_text(job),
        "submit": iso_date(job.submitted),
        "start": iso_date(job.began) if job.began else "Unknown",
        "end": iso_date(job.ended) if job.over else "Unknown",
        "cluster": call.cluster.settings.server,
        "comment": "",
        "workdir": job.wanted.folder,
    }
