"""Slurm's sbatch (https://slurm.schedmd.com/sbatch.html)."""

from __future__ import annotations

import re

from tests.fakes.cluster.call import Answer, Call, Options, WrongUse, clock_seconds, directives, iso_date, parse
from tests.fakes.cluster.model import Job, Phase, Wanted
from tests.fakes.cluster.slurm_jobs import complaint, unrecognized

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


def sbatch(call: Call) -> Answer:
    try:
        options = parse(call.words, SBATCH_FLAGS, SBATCH_VALUED)
    except WrongUse as error:
        return Answer(stderr=unrecognized(call.name, error), code=255)
    script = _script(call, options)
    if isinstance(script, Answer):
        return script
    try:
        inside = parse(directives(script, "#SBATCH"), SBATCH_FLAGS, SBATCH_VALUED)
    except WrongUse as error:
        return Answer(stderr=unrecognized(call.name, error), code=255)
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
        return complaint(call, "Batch script is empty!")
    try:
        script = call.read(call.path(options.operands[0]))
    except OSError:
        return complaint(call, f"Unable to open file {options.operands[0]}")
    if not script.strip():
        return complaint(call, "Batch script is empty!")
    if not script.startswith("#!"):
        return complaint(
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
        return complaint(call, f"No cluster '{cluster}' known by database.")
    if partition and partition not in settings.queues:
        if "test-only" in options:
            return Answer(stderr="allocation failure: Invalid partition name specified\n", code=1)
        return complaint(
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
