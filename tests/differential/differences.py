"""Where this package differs from Parsl on purpose: one table, with a reason for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Told = dict[str, Any]
Steps = list[dict[str, Any]]


def _outcomes(told: Told) -> Iterator[Told]:
    """What is told of each step, if the workflow could be built."""
    return iter(told.get("outcomes", ()))


def _errors(told: Told) -> Iterator[Told]:
    """What is told of the exceptions of steps."""
    return (outcome["error"] for outcome in _outcomes(told) if "error" in outcome)


def _same_type(told: Told, theirs: str, line: str, ours: str) -> None:
    """Where they raise a built-in exception of their own with such a line, and we another, say the same of both."""
    for error in _errors(told):
        if error["type"] == ours or (error["type"] == theirs and re.match(line, error.get("line", ""))):
            error.clear()
            error["type"] = f"{theirs} or {ours}"
        elif "roots" in error:
            error["roots"] = [f"{theirs} or {ours}" if root in (theirs, ours) else root for root in error["roots"]]


def _numbers_of_tasks(_steps: Steps, _executor: str, told: Told) -> None:
    for outcome in _outcomes(told):
        for stream in ("stdout", "stderr"):
            outcome[stream] = re.sub(r"task_\d+", "task_N", outcome[stream])


def _names_of_lifting_apps(_steps: Steps, _executor: str, told: Told) -> None:
    ours = {"__getitem__": "deferred_getitem", "__getattr__": "deferred_getattr"}
    told["inner"] = sorted([ours.get(app, app), states] for app, states in told["inner"])


def _header_of_stderr(_steps: Steps, _executor: str, told: Told) -> None:
    header = re.compile(r"--> executable follows <--\n.*?--> end executable <--\n", re.DOTALL)
    told["files"] = {name: header.sub("", text) for name, text in told["files"].items()}


def _causes(_steps: Steps, _executor: str, told: Told) -> None:
    for error in _errors(told):
        judged = error.get("line", "").startswith("no cost for ")
        if judged or error.get("cause") == "parsl.serialize.failures.RemoteTraceback":
            error.pop("cause", None)


def _classes_of_functions(_steps: Steps, _executor: str, told: Told) -> None:
    def forget(name: str) -> str:
        return re.sub(r"\w+\.<locals>\.", "", name)

    for error in _errors(told):
        error["type"] = forget(error["type"])
        if "roots" in error:
            error["roots"] = sorted(map(forget, error["roots"]))


def _join_without_futures(_steps: Steps, _executor: str, told: Told) -> None:
    for error in _errors(told):
        if error["type"] == "builtins.TypeError" and error["line"].startswith("join_app body "):
            error["line"] = error["args"] = "join_app body ..."


def _command_that_is_no_text(_steps: Steps, _executor: str, told: Told) -> None:
    _same_type(told, "builtins.ValueError", "Expected a str for bash_app", "parsl.app.errors.BashAppNoReturn")


def _unsendable_result(_steps: Steps, _executor: str, told: Told) -> None:
    _same_type(told, "builtins.TypeError", "cannot pickle ", "parsl.serialize.errors.SerializationError")


def _unsendable_call(_steps: Steps, _executor: str, told: Told) -> None:
    for outcome in _outcomes(told):
        if outcome["states"] and "launched" not in outcome["states"]:
            outcome["states"] = ["pending", outcome["states"][-1]]


def _sent_locks(steps: Steps, executor: str, told: Told) -> None:
    for step, outcome in zip(steps, _outcomes(told), strict=False):
        if executor == "htex" and step["app"] == "unsendable" and step["args"] == [["literal", "'lock'"]]:
            for name in ("error", "result"):
                outcome.pop(name, None)
            outcome |= {"status": "", "states": []}


@dataclass(frozen=True)
class Difference:
    """What differs.

    Attributes:
        what: What it is, of ours.
        why: The reason.
        forget: Removes it from what a workflow came to; gets the steps, the executor, and that.
    """

    what: str
    why: str
    forget: Callable[[Steps, str, Told], None]


DIFFERENCES = (
    Difference("numbers of tasks", "files of AUTO_LOGNAME are named after them; two runs differ", _numbers_of_tasks),
    Difference("names of the apps that take parts", "nobody calls them", _names_of_lifting_apps),
    Difference(
        "stderr does not begin with the command line",
        "the file holds what the command wrote; the command line is in the error",
        _header_of_stderr,
    ),
    Difference(
        "exceptions of workers and of retry handlers have a cause",
        "it shows the traceback from the worker, or the failure that was to be judged",
        _causes,
    ),
    Difference(
        "a class made by a function has lost the function's name when it comes from a worker",
        "cloudpickle makes it again without",
        _classes_of_functions,
    ),
    Difference("TypeError of a join app without futures", "the text names the app", _join_without_futures),
    Difference(
        "BashAppNoReturn where a bash app returns no text, not ValueError",
        "Parsl's documents have this name for it",
        _command_that_is_no_text,
    ),
    Difference(
        "SerializationError for a result that cannot be sent, not pickle's TypeError",
        "it is what Parsl raises for arguments, and names the part",
        _unsendable_result,
    ),
    Difference("a lock cannot be sent", "the copy that Parsl sends would lock nothing", _sent_locks),
    Difference("what cannot be sent is not tried again", "it could not be sent the next time either", _unsendable_call),
)

ALONE = {
    "exception that cannot be made again": ("raises", ("AwkwardFlaw", "why"), ("htex",), "flaws.AwkwardFlaw"),
    "exception that cannot be sent": ("raises", ("StubbornFlaw", "why"), ("htex",), "parsl.app.errors.RemoteError"),
    "walltime of a command": ("sh_sleeps", (60,), ("threads", "htex"), "parsl.app.errors.AppTimeout"),
    "exit of a task": ("leaves", (3,), ("threads", "htex"), "parsl.app.errors.TaskExit"),
}
"""Where Parsl cannot be asked, because its future never ends, or because it leaves the ended command unreaped: an app,
what it is given, where, and what our future tells."""


def agreed(steps: Steps, executor: str, told: Told) -> Told:
    """What a workflow came to, without what may differ."""
    for number, outcome in enumerate(_outcomes(told)):
        outcome["states"] = told["states"]["steps"][number]
    kept = {name: told[name] for name in ("outcomes", "raised", "files") if name in told}
    kept["inner"] = told["states"]["inner"]
    for difference in DIFFERENCES:
        difference.forget(steps, executor, kept)
    return kept
