"""What most likely happened to a block, from what it wrote and what the batch system says of it. Pure.

Each sign is a pattern in that text and a sentence, with named groups of the pattern put in. The first sign that is
found counts, so those that say more stand before those that say less. Texts of batch systems are those of Slurm 22.05
(sbatch(1), slurmstepd), OpenPBS 23.06 (qsub(1B)), Torque 6 and Grid Engine 8.1 (qsub(1), accounting(5)).
"""

from __future__ import annotations

import re

from parsl_like.core.job_states import JobState

MOST_ADDRESSES = 3
"""So many of the addresses that a manager has tried are named."""

_UNREACHED = "the block cannot reach this program over the network; check the executor's address"
_NO_QUEUE = "the batch system has no such queue or partition, or you may not use it; correct the provider's options"
_NO_ACCOUNT = "the batch system has no such account, project or quality of service, or it is not yours; correct it"
_NO_NODES = "no node of this batch system has what a block asks for; ask for fewer or smaller nodes"
_MEMORY = "the block ran out of memory and was ended; ask for more of it, or run fewer workers on a node"
_WALLTIME = "its walltime was over before its manager had started"
_OUTPUT = (
    "the batch system could not open the block's output files; run_dir has to be on a file system that all nodes share"
)

_WRITTEN = (
    (r"refused this manager: (?P<why>Python [^\n]+)", "the block runs another version of Python: {why}"),
    (r"refused this manager: (?P<why>[^\n]+)", "the manager came from another environment, or too late: {why}"),
    (r"found no interchange\.(?P<tried>[^\n]*)", _UNREACHED),
    (
        r"had started (?P<begun>\d+) of (?P<all>\d+) copies",
        "only {begun} of {all} copies could be started on the block's nodes; "
        "a node is down, or cut off from the others",
    ),
    (
        r"(?P<python>[\w./+-]*python[\d.]*)[^\w\s:]?: (?:command not found|not found|No such file or directory)",
        "there is no {python} where the block runs; activate the right environment in worker_init",
    ),
    (
        r"future feature annotations is not defined|bad magic number|bad marshal data|requires a different Python"
        r"|SyntaxError",
        "the Python where the block runs is of another version than this program's; "
        "activate the right environment in worker_init",
    ),
    (
        r"No module named ['\"]?parsl_like",
        "parsl_like is not installed where the block runs; activate the right environment in worker_init",
    ),
    (
        r"No module named ['\"]?(?P<package>[\w.]+)",
        "the block's Python environment lacks a package, {package}; install it there",
    ),
    (r"ModuleNotFoundError|ImportError", "the block's Python environment lacks a package"),
    (
        r"oom[-_ ]?kill|[Oo]ut[- ]of[- ]memory|OUT_OF_MEM|Cannot allocate memory|MemoryError|OOM Killed"
        r"|\bp?v?mem(?:ory)? \S+ exceed(?:ed|s) limit|[Ee]xceeded (?:job |step )?memory limit|job violates .*memory"
        r"|exceeds job .*(?:h|s)_(?:vmem|rss|data)",
        _MEMORY,
    ),
    (r"DUE TO TIME LIMIT|walltime \S+ exceeded limit|exceeded resource walltime|h_rt", _WALLTIME),
    (
        r"DUE TO NODE FAILURE|NODE_FAIL|NodeDown|node failure|Node fail",
        "the node on which it ran has failed; the batch system had nothing to do with it, nor has your program",
    ),
    (r"\b0:53\b|can't open (?:output|error) file|error opening (?:stdout|stderr)|opening input/output file", _OUTPUT),
    (r"failed +26\b", _OUTPUT),
    (
        r"failed +100\b",
        "it was ended by a signal, as Grid Engine does at a limit: for memory (h_vmem) or time (h_rt), or by somebody",
    ),
    (
        r"command not found|No such file or directory",
        "a command or file is not there where the block runs; worker_init may not make the right environment",
    ),
    (r"Permission denied", "something the block needs may not be read or executed there"),
    (r"No space left|Disk quota exceeded", "the disk is full"),
    (r"Connection refused|timed out|unreachable|Name or service not known", _UNREACHED),
)

_REFUSED = (
    (r"[Ii]nvalid partition|(?i:unknown) queue|[Qq]ueue .*(?:does not exist|is not enabled|is disabled)", _NO_QUEUE),
    (r"not (?:permitted|authorized|allowed).* (?:queue|partition)|[Uu]nauthorized", _NO_QUEUE),
    (
        r"[Mm]ax(?:imum number of jobs|Submit|Jobs)|QOSMax|AssocMax|already in queue",
        "you have as many jobs in the queue as you may; lower max_blocks, or wait",
    ),
    (r"[Ii]nvalid (?:account|qos)|accounting/QOS|(?:project|account) .*(?:does not exist|is not)", _NO_ACCOUNT),
    (
        r"[Ii]nvalid feature|node configuration is not available|(?i:unknown) resource"
        r"|parallel environment .* not exist|exceeds queue and/or server resource limits|[Nn]ode count",
        _NO_NODES,
    ),
    (
        r"(?i:requested) time limit|TimeLimit|bad walltime|walltime .*(?:exceeds|illegal)|Illegal attribute",
        "the walltime, or another limit, is not what this queue allows; correct the provider's options",
    ),
    (
        r"No such file or directory: '(?P<command>[^'/]+)'|(?P<absent>\w+): (?:command )?not found",
        "the command {command}{absent} is not here; run the program where jobs can be submitted, or load the module",
    ),
    (
        r"[Uu]nable to contact|cannot connect to server|got send error|[Ss]ocket timed out|has not come back",
        "the batch system did not answer; see whether its commands work by hand",
    ),
)

_WAITS = (
    (r"(?i)can't open|output", _OUTPUT),
    (r"(?i)partition.{0,20}(?:down|inactive|drain)", "the partition takes no jobs now; choose another, or wait"),
    (r"(?i)queue.{0,60}(?:disabled|stopped|suspended)", "the queue starts no jobs now; choose another, or wait"),
    (r"(?i)time ?limit|walltime", "the walltime is longer than the queue allows; make it shorter"),
    (r"(?i)held|hold", "the job is held; whoever holds it has to release it"),
    (r"(?i)nodes?\b|NodeLimit|never run|insufficient amount|PartitionConfig|slots|parallel environment", _NO_NODES),
)

_CODES = {
    0: "it ended without an error before it had connected; the command may not start a worker at all",
    126: "its command cannot be executed",
    127: "a command was not found; worker_init may not make the right environment",
    130: "it was interrupted from outside",
    137: "it was killed, by the system for its memory or by somebody from outside",
    143: "it was told to end from outside",
    -9: "it was killed, by the system for its memory or by somebody from outside",
    -15: "it was told to end from outside",
}

_STATES = {
    JobState.TIMEOUT: _WALLTIME,
    JobState.RUNNING: (
        "worker_init takes too long, or the manager cannot reach this program; check the executor's address"
    ),
    JobState.MISSING: "the batch system does not know of the job any more; it may have been restarted",
    JobState.CANCELLED: "somebody, or the batch system's administration, has cancelled it",
}


def likely_cause(state: JobState, exit_code: int | None, written: str, said: str = "") -> str:
    """What most likely happened to a block that no manager came from, or that died before it had done anything.

    Args:
        state: How its job ended, or that it still waits or runs.
        exit_code: Its exit code where known.
        written: The end of what it wrote.
        said: The batch system's words about it.
    """
    if state in (JobState.PENDING, JobState.HELD):
        return why_it_waits(said)
    if (found := _found(_WRITTEN, written) or _found(_WRITTEN, said)) is not None:
        return found
    if state in _STATES:
        return _STATES[state]
    if exit_code is None:
        return "worker_init or the block's command failed; see what the batch system says about the job"
    return _CODES.get(exit_code, "worker_init or the block's command failed")


def cause_of_refusal(said: str) -> str | None:
    """Why a batch system most likely refused a block, from its words; None if they are all there is to say."""
    return _found(_REFUSED, said)


def why_it_waits(said: str) -> str:
    """What to do about a job that waits and can never start, from the batch system's words."""
    return _found((*_WAITS, *_REFUSED), said) or "the batch system will not start the job as it is"


def _found(signs: tuple[tuple[str, str], ...], text: str) -> str | None:
    for pattern, sentence in signs:
        if (match := re.search(pattern, text)) is not None:
            groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
            return sentence.format_map(groups) + _addresses(groups.get("tried", ""))
    return None


def _addresses(tried: str) -> str:
    """Where a manager has looked for this program."""
    found = list(dict.fromkeys(re.findall(r"(?:tcp|ipc)://[^\s;,]*[^\s;,:]", tried)))[:MOST_ADDRESSES]
    return f" (it tried {', '.join(found)})" if found else ""
