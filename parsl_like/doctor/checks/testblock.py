"""What a test block has shown: whether it came to run, and whether its nodes have what tasks need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.doctor.findings import Finding, Severity, listed, sentence
from parsl_like.doctor.sightings import NEEDED
from parsl_like.jobs.causes import cause_of_refusal, likely_cause, why_it_waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.doctor.sightings import Here, SeenBlock, SeenNode


MOST_SKEW_S: Final = 60.0

_COMPLAINTS = re.compile(r"(?i)\bnot found\b|\bno such file\b|\bunable to locate\b|\bunknown module")

_NOT_STARTED = (JobState.PENDING, JobState.HELD, JobState.UNKNOWN)


def check_block(where: str, name: str, seen: SeenBlock, here: Here) -> Iterator[Finding]:
    """Everything that a test block has shown.

    Args:
        where: The executor.
        name: What the batch system is called.
        seen: What became of the block.
        here: This side.
    """
    if seen.refused is not None:
        fix = sentence(cause_of_refusal(seen.refused) or "correct the provider's options")
        yield Finding("block-refused", where, f"{name} refused the test block.", fix, evidence=seen.refused)
    elif not seen.nodes:
        yield _nothing_heard(where, name, seen)
    else:
        if len(seen.nodes) < seen.expected:
            yield _too_few(where, seen)
        for node in seen.nodes:
            yield from _check_node(where, node, here)
        yield from _check_words(where, seen)


def _nothing_heard(where: str, name: str, seen: SeenBlock) -> Finding:
    told = "\n".join(filter(None, (seen.message, seen.wrote)))
    if seen.state in _NOT_STARTED:
        if seen.hopeless is not None:
            fix = sentence(why_it_waits(seen.hopeless))
            return Finding("block-never-starts", where, "The test block can never start as it is.", fix, seen.hopeless)
        what = f"The test block has not started within {seen.seconds:.0f} s and was cancelled; {name} may be busy."
        fix = "Try again later, with --patience for a longer wait; the rest was looked at all the same."
        return Finding("block-waits", where, what, fix, evidence=told, severity=Severity.WARNING)
    cause = likely_cause(seen.state, seen.exit_code, seen.wrote, seen.message)
    ended = seen.state in TERMINAL_STATES
    how = f"ended ({seen.state.name}{_code(seen)})" if ended else f"ran for {seen.seconds:.0f} s"
    what = f"The test block {how} without a word from its nodes: {cause}."
    return Finding("block-failed", where, what, _fix(seen), evidence=told or "it wrote nothing that can be seen here")


def _code(seen: SeenBlock) -> str:
    return "" if seen.exit_code is None else f", exit code {seen.exit_code}"


def _fix(seen: SeenBlock) -> str:
    if re.search(r"cd: .*: No such file", seen.wrote):
        return "Start your program in a folder that all nodes share: blocks run in the one where it was started."
    if not seen.wrote:
        return "Give Config(run_dir=) a folder that all nodes share; see what the batch system says of the job."
    return "Correct worker_init, the launcher or launch_cmd until what the block wrote shows no error."


def _too_few(where: str, seen: SeenBlock) -> Finding:
    names = sorted({node.node for node in seen.nodes})
    what = f"Of {seen.expected} nodes of the test block, only {listed(names)} started a worker's Python."
    fix = "Give a launcher that starts on all nodes: SrunLauncher() on Slurm, MpiExecLauncher() elsewhere."
    return Finding("launcher-one-node", where, what, fix, evidence=seen.wrote, severity=Severity.WARNING)


def _check_words(where: str, seen: SeenBlock) -> Iterator[Finding]:
    """A block that works all the same may have a worker_init that does not do what it is there for."""
    said = [line for line in seen.wrote.splitlines() if _COMPLAINTS.search(line)]
    if said:
        what = "The test block works, but something in its script was not found."
        fix = "Correct worker_init; tasks may lack what it is to load."
        yield Finding("worker-init", where, what, fix, "\n".join(said), Severity.WARNING)


def _check_node(where: str, node: SeenNode, here: Here) -> Iterator[Finding]:
    yield from _check_python(where, node, here)
    if node.reached and all(node.reached.values()):
        told = "\n".join(f"{url}: {why}" for url, why in node.reached.items())
        what = f"Node {node.node} cannot reach this program at any of its addresses."
        fix = (
            "Give address= one that nodes can reach, and worker_port_range= ports that the firewall lets through; ask "
            "your site which."
        )
        yield Finding("address-unreachable", where, what, fix, evidence=told)
    if node.folder_trouble is not None:
        what = f"Node {node.node} does not share the run directory with this machine."
        fix = "Give Config(run_dir=) a folder on a file system that all nodes share, your home as a rule."
        yield Finding("folder-not-shared", where, what, fix, evidence=node.folder_trouble)
    if abs(node.ahead) > MOST_SKEW_S:
        side = "ahead of" if node.ahead > 0 else "behind"
        what = f"The clock of node {node.node} is {abs(node.ahead):.0f} s {side} this machine's."
        fix = "Tell the people who run it; until then, blocks may end sooner or later than they seem to."
        yield Finding("clock-differs", where, what, fix, severity=Severity.WARNING)


def _check_python(where: str, node: SeenNode, here: Here) -> Iterator[Finding]:
    activate = "Activate the same environment in worker_init as here"
    told = f"It is {node.executable}." if node.executable else ""
    if _minor(node.python) != _minor(here.python):
        what = f"Node {node.node} runs Python {node.python}, and this program runs {here.python}."
        yield Finding("python-differs", where, what, f"{activate}; major and minor version have to be equal.", told)
        return  # what else is missing there follows from that
    if node.package is None:
        what = f"parsl_like is not installed for the Python of node {node.node}."
        yield Finding("package-missing", where, what, f"{activate}.", f"{told} {node.package_trouble}".strip())
        return
    if node.package != here.package:
        what = f"Node {node.node} has parsl_like {node.package}, and this program has {here.package}."
        yield Finding("package-differs", where, what, f"{activate}, or install the same version there.", told)
    absent = [name for name in NEEDED if name in node.packages and node.packages[name] is None]
    if absent:
        what = f"Node {node.node} lacks packages that workers need: {listed(absent)}."
        yield Finding("package-missing", where, what, f"{activate}.", told)
    other = [
        f"{name} {version or 'missing'} there, {here.packages.get(name)} here"
        for name, version in node.packages.items()
        if here.packages.get(name) and version != here.packages[name] and name not in absent
    ]
    if other:
        what = f"Packages of node {node.node} differ from those of this program, so values may not survive the way."
        yield Finding(
            "packages-differ", where, what, f"{activate}.", evidence="; ".join(other), severity=Severity.WARNING
        )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
