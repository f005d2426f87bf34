"""Grid Engine's qsub (https://manpages.debian.org/bookworm/gridengine-client/qsub.1.en.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, clock_seconds, directives, parse, unpack
from tests.fakes.cluster.model import Job, Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENTS = frozenset({"mpi", "smp", "make"})
"""The parallel environments there are."""
RESOURCES = frozenset(
    [
        "h_rt",
        "s_rt",
        "h_vmem",
        "s_vmem",
        "mem_free",
        "mf",
        "virtual_free",
        "exclusive",
        "excl",
        "gpu",
        "ngpus",
        "hostname",
        "h",
        "arch",
        "num_proc",
        "slots",
        "h_cpu",
        "h_data",
        "h_rss",
        "qname",
        "q",
        "mem_total",
        "mt",
    ]
)
QSUB_FLAGS = ("+", "terse", "cwd", "V", "notify", "h", "hard", "soft", "clear", "verify")
QSUB_VALUED = (
    *("N", "o", "e", "S", "wd", "pe", "l", "q", "P", "A", "a", "ac", "b", "binding", "c", "ckpt", "dc", "dl"),
    *(
        "hold_jid",
        "i",
        "j",
        "js",
        "m",
        "M",
        "masterq",
        "now",
        "p",
        "r",
        "R",
        "sc",
        "shell",
        "sync",
        "t",
        "tc",
        "v",
        "w",
    ),
)


def qsub(call: Call) -> Answer:
    try:
        options = parse(join_pe(call.words), QSUB_FLAGS, QSUB_VALUED, single=True)
        if not options.operands:
            return Answer(stderr="qsub: no script\n", code=1)
        script = call.read(call.path(options.operands[0]))
        prefix = options.get("C") or "#$"
        inside = parse(join_pe(directives(script, prefix)), QSUB_FLAGS, QSUB_VALUED, single=True)
    except WrongUse as error:
        words = f'Unable to read script file because of error: invalid option argument "-{error}"\n'
        return Answer(stderr=words, code=2)
    except OSError:
        name = options.operands[0]
        words = f"Unable to read script file because of error: error opening {name}: No such file or directory\n"
        return Answer(stderr=words, code=14)
    everything = Options(
        {**inside.values, **options.values},
        options.operands,
        {name: [*inside.all.get(name, []), *options.all.get(name, [])] for name in (*inside.all, *options.all)},
    )
    refusal = _refusal(call, everything)
    if refusal:
        return Answer(stderr=f"Unable to run job: {refusal}\nExiting.\n", code=1)
    if everything.get("w") in ("v", "p"):
        wanted = _wanted(call, everything, script)
        never = call.cluster.why_waiting(Job(0, wanted, Phase.PENDING, call.now)) in ("queue", "walltime", "size")
        words = "verification: no suitable queues\n" if never else "verification: found suitable queue(s)\n"
        return Answer(words, code=int(never))
    job = call.cluster.submit(_wanted(call, everything, script), call.now)
    if "terse" in everything:
        return Answer(f"{job.number}\n", job=job.number)
    return Answer(f'Your job {job.number} ("{job.wanted.name}") has been submitted\n', job=job.number)


def join_pe(words: Sequence[str]) -> list[str]:
    """``-pe`` is the one option with two values."""
    joined: list[str] = []
    for word in words:
        if len(joined) > 1 and joined[-2] == "-pe" and " " not in joined[-1]:
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _refusal(call: Call, options: Options) -> str | None:
    name = options.get("N")
    queue = options.get("q").partition("@")[0]
    environment = options.get("pe").partition(" ")[0]
    asked = unpack(",".join(options.all.get("l", [])))
    if name[:1].isdigit():
        return f'denied: "{name}" is not a valid object name (cannot start with a digit)'
    if any(letter in name for letter in "\n\t\r/:@\\*?"):
        return f'denied: "{name}" is not a valid object name'
    if queue and queue not in call.cluster.settings.queues:
        return f'Job was rejected because job requests unknown queue "{queue}"'
    if environment and environment not in ENVIRONMENTS:
        return f'job rejected: the requested parallel environment "{environment}" does not exist'
    if unknown := [resource for resource in asked if resource not in RESOURCES]:
        return f'unknown resource "{unknown[0]}"'
    if "h_rt" in asked and clock_seconds(asked["h_rt"]) is None:
        return 'attribute "h_rt" is not a time value'
    return None


def _wanted(call: Call, options: Options, script: str) -> Wanted:
    settings = call.cluster.settings
    number = call.cluster.next_number
    name = options.get("N") or options.operands[0].rpartition("/")[2]
    folder = call.folder if "cwd" in options else options.get("wd") or call.environment.get("HOME", "/")
    slots = int((options.get("pe").partition(" ")[2] or "1").partition("-")[0])
    asked = unpack(",".join(options.all.get("l", [])))
    limit = clock_seconds(asked["h_rt"]) if "h_rt" in asked else None

    def place(option: str, letter: str) -> str:
        text = options.get(option).rpartition(":")[2] or f"{name}.{letter}{number}"
        known = {"JOB_ID": str(number), "JOB_NAME": name, "USER": call.owner, "TASK_ID": "undefined"}
        for variable, value in known.items():
            text = text.replace(f"${variable}", value)
        return text if text.startswith("/") else f"{folder}/{text}"

    stdout = place("o", "o")
    variables = dict(part.partition("=")[::2] for text in options.all.get("v", []) for part in text.split(",") if part)
    mine = {name: value or call.environment.get(name, "") for name, value in variables.items()}
    return Wanted(
        name=name,
        owner=call.owner,
        queue=options.get("q").partition("@")[0] or settings.default_queue,
        nodes=max(1, -(-slots // settings.slots)),
        slots=min(slots, settings.slots),
        walltime=limit if limit is not None else float("inf"),
        script=script,
        stdout=stdout,
        stderr=stdout if options.get("j") in ("y", "yes") else place("e", "e"),
        folder=folder,
        submitted_from=call.folder,
        environment={**(call.environment if "V" in options else {}), **_of_submitter(call), **mine},
        arguments=tuple(options.operands[1:]),
        held="h" in options,
        requeue=options.get("r") in ("y", "yes"),
        words=call.words,
        comment={
            "queue": options.get("q"),
            "pe": options.get("pe").partition(" ")[0],
            "slots": str(slots),
            "script": options.operands[0],
        },
    )


def _of_submitter(call: Call) -> dict[str, str]:
    names = ("HOME", "LOGNAME", "PATH", "SHELL", "MAIL", "TZ")
    return {
        "SGE_O_HOST": call.cluster.settings.server,
        "SGE_O_WORKDIR": call.folder,
        **{f"SGE_O_{name}": call.environment[name] for name in names if name in call.environment},
    }
