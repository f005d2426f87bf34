"""Every error keeps its type, text and facts wherever it is sent, belongs to its family, and says what to do.

Classes are collected from the modules: one that is new has no facts here, and fails until it has some.
"""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from parsl_like import errors
from parsl_like.dataflow import errors as dataflow_errors
from parsl_like.errors import ParslError

CAUSE = ValueError("the root of it")


@dataclass(frozen=True)
class Facts:
    """What an error is made of, what its text has to say, and what can be read from it."""

    given: tuple[Any, ...] = ("it is so",)
    named: dict[str, Any] = field(default_factory=dict)
    says: tuple[str, ...] = ("it is so",)
    holds: dict[str, Any] = field(default_factory=dict)


FACTS: dict[str, Facts] = {
    "ParslError": Facts(
        named={"hint": "another way.", "log_path": "/tmp/a.log"},
        says=("it is so", "Try: another way.", "See /tmp/a.log"),
        holds={"hint": "another way.", "log_path": "/tmp/a.log"},
    ),
    "ConfigurationError": Facts(
        ("Config.retries", -1, "a number of at least 0"),
        {"hint": "leave it out."},
        ("Config.retries", "-1", "a number of at least 0", "leave it out."),
        {"field": "Config.retries", "value": -1, "expected": "a number of at least 0"},
    ),
    "OptionalModuleMissing": Facts(
        (["boto3", "botocore"], "for AWSProvider"),
        says=("boto3", "botocore", "for AWSProvider"),
        holds={"module_names": ["boto3", "botocore"], "reason": "for AWSProvider"},
    ),
    "InternalConsistencyError": Facts(),
    "NoDataFlowKernelError": Facts(named={"hint": "call load() first."}, says=("it is so", "call load() first.")),
    "PluginError": Facts(
        ("slurm", "builtin:slurm", "acme"),
        says=("'slurm'", "builtin:slurm", "acme"),
        holds={"name": "slurm", "first": "builtin:slurm", "second": "acme"},
    ),
    "AppException": Facts(),
    "AppBadFormatting": Facts(),
    "AppTimeout": Facts(),
    "BadStdStreamFile": Facts(("stdout='/no/where'", CAUSE), says=("stdout='/no/where'", "the root of it"), holds={}),
    "BashAppNoReturn": Facts(says=("it is so",), holds={"reason": "it is so"}),
    "BashExitFailure": Facts(
        ("compress", -9),
        {"command": "gzip -9 x", "stdout": None, "stderr": "/run/x.err", "stderr_tail": "one\ntwo\n"},
        ("compress", "-9", "gzip -9 x", "not captured", "/run/x.err", "one", "two"),
        {"app_name": "compress", "reason": "compress", "exitcode": -9, "command": "gzip -9 x", "stderr": "/run/x.err"},
    ),
    "MissingOutputs": Facts(
        ("promised but not made:", ["/a", "/b"]),
        says=("promised but not made", "/a", "/b"),
        holds={"outputs": ["/a", "/b"]},
    ),
    "NotFutureError": Facts(),
    "RemoteError": Facts(
        ("Strange", "it broke", "Traceback ...\n  in user_code", "its class cannot be found"),
        says=("Strange", "it broke", "in user_code", "its class cannot be found"),
        holds={"type_name": "Strange", "message": "it broke", "reason": "its class cannot be found"},
    ),
    "TaskExit": Facts(
        ("SystemExit", "3", "Traceback ..."),
        says=("SystemExit(3)", "its worker lives on", "Traceback"),
        holds={"type_name": "SystemExit", "message": "3", "traceback_text": "Traceback ..."},
    ),
    "SerializationError": Facts(
        ("analyse", "args[1].handle", "cannot pickle '_io.TextIOWrapper' object"),
        says=("analyse", "args[1].handle", "TextIOWrapper", "open files and connections inside the app"),
        holds={"fname": "analyse", "path": "args[1].handle"},
    ),
    "DeserializationError": Facts(holds={"reason": "it is so"}),
    "ExecutorError": Facts(
        ("htex", "its port is taken"),
        {"hint": "give it another.", "log_path": "/run/htex/interchange.log"},
        ("htex", "its port is taken", "give it another.", "/run/htex/interchange.log"),
        {"executor": "htex", "reason": "its port is taken"},
    ),
    "BadStateException": Facts(("htex", CAUSE), says=("htex", "the root of it"), holds={"executor": "htex"}),
    "UnsupportedFeatureError": Facts(
        ("priority", "threads", "htex"),
        says=("priority", "threads", "use htex"),
        holds={"feature": "priority", "current_executor": "threads", "target_executor": "htex"},
    ),
    "InvalidResourceSpecification": Facts(
        ({"coers"}, "(known: cores)"),
        says=("coers", "(known: cores)"),
        holds={"invalid_keys": {"coers"}, "message": "(known: cores)"},
    ),
    "ScalingFailed": Facts(("htex", "no block started"), says=("htex", "no block started")),
    "BadMessage": Facts(says=("it is so",), holds={"reason": "it is so"}),
    "WorkerLost": Facts(
        (3, "node7"),
        {"exitcode": -9, "attempt": 1, "output_tail": "last words\n", "log_path": "/run/worker_3.log"},
        ("worker 3", "node7", "signal 9", "SIGKILL", "out of memory", "try 1", "last words", "/run/worker_3.log"),
        {"worker_id": 3, "hostname": "node7", "exitcode": -9, "attempt": 1, "log_path": "/run/worker_3.log"},
    ),
    "ManagerLost": Facts(
        (b"a1b2", "node7", "its heartbeats stopped"),
        says=("a1b2", "node7", "its heartbeats stopped", "walltime", "memory", "network"),
        holds={"manager_id": "a1b2", "hostname": "node7", "reason": "its heartbeats stopped"},
    ),
    "InterchangeLostError": Facts(("htex", "it was killed"), says=("htex", "it was killed")),
    "TaskLost": Facts((CAUSE, 4), says=("4 time(s)", "the root of it", "lost_retries"), holds={"losses": 4}),
    "VersionMismatch": Facts(
        ("3.12.1", "3.11.2"),
        says=("3.12.1", "3.11.2", "worker_init"),
        holds={"interchange_version": "3.12.1", "manager_version": "3.11.2"},
    ),
    "ExecutionProviderException": Facts(holds={"transient": False}),
    "ChannelRequired": Facts(("slurm", "no channel"), says=("slurm", "no channel"), holds={"provider": "slurm"}),
    "ScaleOutFailed": Facts(("slurm", "no quota"), says=("slurm", "no quota"), holds={"reason": "no quota"}),
    "SchedulerMissingArgs": Facts(
        (["partition"], "midway"), says=("midway", "partition"), holds={"missing_keywords": ["partition"]}
    ),
    "ScriptPathError": Facts(
        ("/full/disk", "no space"), says=("/full/disk", "no space"), holds={"script_path": "/full/disk"}
    ),
    "SubmitException": Facts(
        ("parsl_like.auto", "sbatch refused it", "", "invalid account\n", 1),
        {"transient": True, "script": "/runs/block-0.sh"},
        (
            "parsl_like.auto",
            "sbatch refused it (exit code 1)\n  stderr: invalid account\n  script: /runs/block-0.sh",
        ),
        {"job_name": "parsl_like.auto", "retcode": 1, "stderr": "invalid account\n", "transient": True},
    ),
    "BadLauncher": Facts(
        (7, "a launcher is a function"), says=("7", "a launcher is a function"), holds={"launcher": "7"}
    ),
    "ChannelError": Facts(
        ("connection refused", "login1"),
        {"transient": True},
        ("login1", "connection refused"),
        {"reason": "connection refused", "hostname": "login1", "transient": True},
    ),
    "StagingError": Facts(
        ("ftp://x/y", "not found"), says=("ftp://x/y", "not found"), holds={"url": "ftp://x/y", "reason": "not found"}
    ),
    "MonitoringError": Facts(),
    "DataFlowException": Facts(),
    "BadCheckpoint": Facts(holds={"reason": "it is so"}),
    "DuplicateTaskError": Facts(),
    "TaskCancelled": Facts((7, "analyse"), says=("task 7", "analyse"), holds={"task_id": 7, "app_name": "analyse"}),
    "KernelClosed": Facts(),
    "PropagatedException": Facts(
        ([(CAUSE, "task 1 (f)")], 2),
        {"failure_description": "Some failure"},
        ("Some failure for task 2", "task 1 (f) failed with ValueError: the root of it"),
        {"task_id": 2, "failure_description": "Some failure"},
    ),
    "DependencyError": Facts(
        ([(CAUSE, "task 1 (f)")], 2), says=("task 2", "task 1 (f)", "ValueError: the root of it"), holds={"task_id": 2}
    ),
    "JoinError": Facts(
        ([(CAUSE, "task 1 (f)")], 2), says=("task 2", "task 1 (f)", "ValueError: the root of it"), holds={"task_id": 2}
    ),
}

AGAIN: dict[str, Callable[[ParslError], ParslError]] = {
    **{
        f"protocol {n}": lambda error, n=n: pickle.loads(pickle.dumps(error, n))
        for n in (0, 2, pickle.HIGHEST_PROTOCOL)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}

FAMILIES: dict[str, tuple[str, ...]] = {
    "AppException": ("AppTimeout", "BashAppNoReturn", "BashExitFailure", "TaskExit"),
    "ExecutorError": (
        *("BadStateException", "UnsupportedFeatureError", "InvalidResourceSpecification", "ScalingFailed"),
        "InterchangeLostError",
    ),
    "ExecutionProviderException": (
        *("ChannelRequired", "ScaleOutFailed", "SchedulerMissingArgs", "ScriptPathError", "SubmitException"),
        "BadLauncher",
    ),
    "DataFlowException": (
        *("BadCheckpoint", "TaskCancelled", "KernelClosed", "PropagatedException", "DependencyError", "JoinError"),
        "DuplicateTaskError",
    ),
    "PropagatedException": ("DependencyError", "JoinError"),
}


def defined_in(module: ModuleType) -> dict[str, type[ParslError]]:
    return {
        name: cls
        for name, cls in vars(module).items()
        if inspect.isclass(cls) and issubclass(cls, BaseException) and cls.__module__ == module.__name__
    }


CLASSES = {**defined_in(errors), **defined_in(dataflow_errors)}


def made(name: str) -> ParslError:
    facts = FACTS[name]
    return CLASSES[name](*facts.given, **facts.named)


def comparable(value: Any) -> Any:
    """Exceptions compare by identity; what they are and hold is what has to survive."""
    if isinstance(value, BaseException):
        return type(value), comparable(value.args)
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return value


def test_every_error_has_facts_here() -> None:
    assert sorted(CLASSES) == sorted(FACTS)


def test_all_of_them_are_of_one_tree() -> None:
    assert [name for name, cls in CLASSES.items() if not issubclass(cls, ParslError)] == []


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_has_a_docstring(name: str) -> None:
    assert (CLASSES[name].__doc__ or "").strip()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_text_and_attributes_state_the_facts(name: str) -> None:
    error, facts = made(name), FACTS[name]
    text = str(error)
    assert [part for part in facts.says if part not in text] == [], text
    assert {key: getattr(error, key) for key in facts.holds} == facts.holds


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_survives_pickling_and_copying(name: str, again: Callable[[ParslError], ParslError]) -> None:
    error = made(name)
    error.add_note("seen on the way")
    twin = again(error)
    assert type(twin) is type(error)
    assert twin is not error
    assert str(twin) == str(error)
    assert comparable(twin.args) == comparable(error.args)
    assert comparable(vars(twin)) == comparable(vars(error))
    assert twin.__notes__ == ["seen on the way"]


@pytest.mark.parametrize("parent", sorted(FAMILIES))
def test_families(parent: str) -> None:
    children = [name for name, cls in CLASSES.items() if issubclass(cls, CLASSES[parent]) and name != parent]
    assert sorted(children) == sorted(FAMILIES[parent])


def test_a_bad_launcher_is_also_a_type_error() -> None:
    assert issubclass(errors.BadLauncher, TypeError)


def test_a_subclass_with_a_constructor_of_its_own_survives_too() -> None:
    error = Late("train", minutes=4)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.minutes) == (Late, "train is late", 4)


class Late(ParslError):
    def __init__(self, what: str, *, minutes: int) -> None:
        super().__init__(f"{what} is late")
        self.minutes = minutes


def test_a_configuration_error_may_be_one_sentence() -> None:
    error = errors.ConfigurationError("Something is not right.")
    assert (str(error), error.value, error.expected) == ("Something is not right.", None, None)


def test_an_executor_error_takes_the_label_of_an_object() -> None:
    class Labelled:
        label = "htex_gpu"

    assert errors.ExecutorError(Labelled(), "x").executor == "htex_gpu"
    assert errors.ExecutorError(None, "x").executor == "None"


def test_a_bash_failure_without_details_still_says_where_nothing_went() -> None:
    text = str(errors.BashExitFailure("f", 1))
    assert "stdout: not captured" in text
    assert "command" not in text
    assert "last lines" not in text


@pytest.mark.parametrize(
    ("exitcode", "says", "says_not"),
    [
        (None, "host node1.", "exit code"),
        (3, "it ended with exit code 3", "signal"),
        (-11, "it was ended by signal 11 (SIGSEGV)", "memory"),
        (-9, "it was ended by signal 9 (SIGKILL) (out of memory, or killed from outside)", "exit code"),
        (-200, "it was ended by signal 200 (unknown)", "memory"),
    ],
)
def test_how_a_worker_ended_in_words(exitcode: int | None, says: str, says_not: str) -> None:
    text = str(errors.WorkerLost(0, "node1", exitcode=exitcode))
    assert says in text
    assert says_not not in text


def test_what_is_not_known_is_not_said() -> None:
    assert str(errors.SerializationError("f")).startswith("Cannot serialize f. Try:")
    assert str(errors.RemoteError("E", "m", "trace")) == "E: m\ntrace"
    assert "use" not in str(errors.UnsupportedFeatureError("priority", "threads", None))
    assert str(errors.SubmitException("j", "no")) == "Cannot submit job j: no"
    assert errors.BadStdStreamFile("why").reason == "why"
    assert str(errors.BadLauncher(7)) == "Bad launcher provided: 7"
    assert "host h." in str(errors.ManagerLost("m", "h"))


def test_what_to_try_has_a_line_of_its_own_behind_several() -> None:
    assert str(ParslError("no", hint="it.", log_path="/x")) == "no Try: it. See /x"
    assert str(ParslError("no\n  really", hint="it.", log_path="/x")) == "no\n  really\n  Try: it.\n  See /x"
