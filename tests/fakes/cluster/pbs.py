"""What PBS Pro and Torque have in common: job ids, submissions, and how attributes are printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, clock_seconds, directives, parse
from tests.fakes.cluster.model import Fate, Job, Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

UNKNOWN_JOB, FINISHED, BAD_STATE, BAD_VALUE, UNKNOWN_QUEUE, UNKNOWN_RESOURCE, NO_MOM = 153, 35, 168, 166, 170, 187, 214
"""Exit codes: the error numbers of pbs_error.h, from 15001 on, modulo 256."""
RESOURCES = frozenset(
    [
        "select",
        "place",
        "nodes",
        "walltime",
        "ncpus",
        "mem",
        "vmem",
        "pmem",
        "pvmem",
        "cput",
        "nice",
        "software",
        "file",
        "arch",
        "host",
        "procs",
        "feature",
        "gres",
        "ngpus",
        "naccesspolicy",
        "mpiprocs",
    ]
)
LINE, TAB = 79, 71
"""How long a line of ``qstat -f`` may be, and a continuation of it without its TAB."""


def job_id(job: Job, call: Call) -> str:
    return f"{job.number}.{call.cluster.settings.server}"


def number_of(word: str, call: Call) -> int | None:
    number, _, server = word.partition(".")
    good = number.isascii() and number.isdecimal() and server in ("", call.cluster.settings.server)
    return int(number) if good else None


def full_id(word: str, call: Call) -> str:
    """How the server repeats an id that it was given."""
    return word if "." in word else f"{word}.{call.cluster.settings.server}"


# --- submissions


@dataclass(frozen=True)
class Words:
    """What a flavour says of a submission that is refused."""

    no_script: str
    unknown_queue: str
    unknown_resource: str
    bad_value: str


def submit(call: Call, flags: Sequence[str], valued: Sequence[str], words: Words) -> Answer:
    try:
        options = parse(call.words, ("+", *flags), valued)
        if not options.operands:
            return Answer(stderr=words.no_script.format(script=""), code=1)
        script = call.read(call.path(options.operands[0]))
        inside = parse(directives(script, "#PBS"), ("+", *flags), valued)
    except WrongUse as error:
        return Answer(stderr=f"{call.name}: invalid option -- '{error}'\nusage: {call.name} [...]\n", code=2)
    except OSError:
        return Answer(stderr=words.no_script.format(script=options.operands[0]), code=1)
    everything = {**inside.values, **options.values}
    # What is asked for on the command line comes before what the script asks for.
    asked = resources([*inside.all.get("l", []), *options.all.get("l", [])])
    queue = everything.get("q") or call.cluster.settings.default_queue
    if unknown := [name for name in asked if name not in RESOURCES]:
        return Answer(stderr=words.unknown_resource.format(name=unknown[0]), code=UNKNOWN_RESOURCE)
    if "walltime" in asked and clock_seconds(asked["walltime"]) is None:
        return Answer(stderr=words.bad_value.format(name="walltime"), code=BAD_VALUE)
    if queue not in call.cluster.settings.queues:
        return Answer(stderr=words.unknown_queue, code=UNKNOWN_QUEUE)
    settled = Options(everything, options.operands, {**inside.all, **options.all})
    job = call.cluster.submit(_wanted(call, settled, script, asked, queue), call.now)
    return Answer(f"{job_id(job, call)}\n", job=job.number)


def resources(texts: Iterable[str]) -> dict[str, str]:
    asked = {}
    for text in texts:
        for part in text.split(","):
            name, _, value = part.partition("=")
            asked[name.strip()] = value.strip()
    return asked


def _wanted(call: Call, options: Options, script: str, asked: Mapping[str, str], queue: str) -> Wanted:
    nodes, slots = _size(asked)
    number = call.cluster.next_number
    name = options.get("N") or options.operands[0].rpartition("/")[2]
    home = call.environment.get("HOME", "/")

    def place(option: str, letter: str) -> str:
        given = options.get(option) or f"{call.folder}/{name}.{letter}{number}"
        return call.path(given.rpartition(":")[2])

    stdout, stderr = place("o", "o"), place("e", "e")
    joined = options.get("j")
    if joined in ("oe", "eo"):
        stdout = stderr = stdout if joined == "oe" else stderr
    variables = dict(part.partition("=")[::2] for text in options.all.get("v", []) for part in text.split(",") if part)
    mine = {name: value or call.environment.get(name, "") for name, value in variables.items()}
    limit = clock_seconds(asked["walltime"]) if "walltime" in asked else None
    return Wanted(
        name=name,
        owner=call.owner,
        queue=queue,
        nodes=nodes,
        slots=slots,
        walltime=limit if limit is not None else float("inf"),
        script=script,
        stdout=stdout,
        stderr=stderr,
        folder=options.get("d") or home,
        submitted_from=options.get("w") or call.folder,
        environment={**(call.environment if "V" in options else {}), **_of_submitter(call, queue), **mine},
        held="h" in options,
        requeue=options.get("r") != "n",
        words=call.words,
        comment={"account": options.get("A"), **{f"Resource_List.{key}": value for key, value in asked.items()}},
    )


def _size(asked: Mapping[str, str]) -> tuple[int, int]:
    """Nodes, and slots on each."""
    text = asked.get("select") or asked.get("nodes") or "1"
    nodes, slots = 0, 0
    for chunk in text.split("+"):
        first, *rest = chunk.split(":")
        nodes += int(first) if first.isdigit() else 1
        for part in rest:
            name, _, value = part.partition("=")
            slots = int(value) if name in ("ncpus", "ppn") and value.isdigit() else slots
    return nodes, slots or 1


def _of_submitter(call: Call, queue: str) -> dict[str, str]:
    names = ("HOME", "LOGNAME", "PATH", "SHELL", "LANG", "MAIL", "TZ")
    return {
        "PBS_O_SYSTEM": "Linux",
        "PBS_O_HOST": call.cluster.settings.server,
        "PBS_O_WORKDIR": call.folder,
        "PBS_O_QUEUE": queue,
        **{f"PBS_O_{name}": call.environment[name] for name in names if name in call.environment},
    }


# --- commands that are alike


def each(call: Call, words: Iterable[str], act: Callable[[Job], str | None], unknown: str) -> Answer:
    """Do something with each job; the exit code is that of the last trouble.

    Args:
        call: The command.
        words: Job ids.
        act: Does it, and gives an exit code and words, with a blank between, if the job is not in a state for it.
        unknown: What the flavour says of a job it does not know.
    """
    complaints, code = [], 0
    for word in words:
        job = call.job(number_of(word, call))
        said = f"{UNKNOWN_JOB} {unknown} {full_id(word, call)}" if job is None else act(job)
        if said is not None:
            code, text = int(said.partition(" ")[0]), said.partition(" ")[2]
            complaints.append(f"{call.name}: {text}\n")
    return Answer(stderr="".join(complaints), code=code)


def hold(call: Call, unknown: str) -> Answer:
    options = parse(call.words, (), ("h", "W"))

    def act(job: Job) -> str | None:
        if call.name == "qhold":
            return (
                None if call.cluster.hold(job) else f"{BAD_STATE} Request invalid for state of job {job_id(job, call)}"
            )
        call.cluster.release(job)
        return None

    return each(call, options.operands, act, unknown)


def select(call: Call, letter: Callable[[Job], str], *, finished: str) -> Answer:
    """Ids of jobs that fit all options; those in the state ``finished`` only if asked for."""
    options = parse(call.words, ("x", "H", "T", "t"), ("N", "u", "s", "q", "A", "l", "h", "r", "P"))
    everything = "x" in options or "H" in options or not finished
    chosen = [
        job
        for job in call.jobs()
        if ("N" not in options or job.wanted.name == options.get("N"))
        and ("u" not in options or job.wanted.owner in options.get("u").split(","))
        and ("q" not in options or job.wanted.queue == options.get("q"))
        and ("s" not in options or letter(job) in options.get("s"))
        and (everything or letter(job) != finished)
    ]
    return Answer("".join(f"{job_id(job, call)}\n" for job in chosen))


# --- printing


def attributes_text(title: str, attributes: Mapping[str, object], *, fold: bool) -> str:
    """The long form: a line for each attribute, cut where it is too long, and an empty line."""
    lines = [f"Job Id: {title}"]
    for name, value in attributes.items():
        line = f"    {name} = {value}"
        if not fold or len(line) <= LINE:
            lines.append(line)
            continue
        lines.append(line[:LINE])
        rest = line[LINE:]
        lines += [f"\t{rest[start : start + TAB]}" for start in range(0, len(rest), TAB)]
    return "\n".join(lines) + "\n\n"


def variable_list(job: Job) -> str:
    return ",".join(f"{name}={value}" for name, value in job.wanted.environment.items() if name.startswith("PBS_O_"))


def used_seconds(job: Job, now: float) -> float:
    if not job.began or job.waiting:
        return 0.0
    return (job.ended if job.over else now) - job.began


def exit_status(job: Job, timeout: int, node_lost: int = 0) -> int | None:
    """As the server has it: codes of scripts, 256 and more for signals, below zero for its own reasons."""
    if not job.over or not job.starts:
        return None
    if job.fate in (Fate.TIMEOUT, Fate.NODE_LOST):
        return timeout if job.fate is Fate.TIMEOUT else node_lost
    return 256 + job.signal if job.exit_code is None else job.exit_code


def letter(job: Job, finished: str) -> str:
    return {
        Phase.HELD: "H",
        Phase.BROKEN: "H",
        Phase.PENDING: "Q",
        Phase.RUNNING: "R",
        Phase.ENDING: "E",
        Phase.DONE: finished,
    }[job.phase]


def job_environment(job: Job) -> dict[str, str]:
    return {
        "ENVIRONMENT": "BATCH",
        "PBS_ENVIRONMENT": "PBS_BATCH",
        "PBS_JOBNAME": job.wanted.name,
        "PBS_NODENUM": "0",
        "PBS_TASKNUM": "1",
        "PBS_QUEUE": job.wanted.queue,
        "PBS_MOMPORT": "15003",
    }
