"""What a job is in Slurm's words."""

from __future__ import annotations

from tests.fakes.cluster.call import Answer, Call, WrongUse, clock_text
from tests.fakes.cluster.model import Fate, Job, Phase

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


def run_time(job: Job, now: float) -> float:
    if not job.began or job.waiting:
        return 0.0
    return (job.ended if job.over else now) - job.began


def short_time(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def limit_text(job: Job) -> str:
    return "UNLIMITED" if job.wanted.walltime == float("inf") else clock_text(job.wanted.walltime)


# --- complaints


def complaint(call: Call, *lines: str) -> Answer:
    return Answer(stderr="".join(f"{call.name}: error: {line}\n" for line in lines), code=1)


def unrecognized(name: str, error: WrongUse) -> str:
    dashes = "--" if len(str(error)) > 1 else "-"
    return f"{name}: unrecognized option '{dashes}{error}'\nTry \"{name} --help\" for more information\n"
