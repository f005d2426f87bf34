"""What batch systems print means what their manuals say: every provider's dialect against recorded and written words.

The cases are in ``transcripts``, one folder for each batch system; README.md there says what is in them.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import CommandResult
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers.batch import BatchProvider
from parsl_like.providers.dialect import Dialect, JobPaths, Unavailable, Unreadable

FOLDER = Path(__file__).parent / "transcripts"
MODULES = {
    "slurm": ("parsl_like.providers.slurm.slurm", "SlurmProvider"),
    "pbspro": ("parsl_like.providers.pbspro.pbspro", "PBSProProvider"),
    "torque": ("parsl_like.providers.torque.torque", "TorqueProvider"),
    "grid_engine": ("parsl_like.providers.grid_engine.grid_engine", "GridEngineProvider"),
    "lsf": ("parsl_like.providers.lsf.lsf", "LSFProvider"),
    "cobalt": ("parsl_like.providers.cobalt.cobalt", "CobaltProvider"),
    "condor": ("parsl_like.providers.condor.condor", "CondorProvider"),
}
PATHS = JobPaths("/run/block.sh", "/run/block.out", "/run/block.err", "/run", "block-0")
FIELDS = {"what", "source", "where", "ask", "asked", "command", "exit_code", "stdout", "stderr", "expected", "provider"}

Case = dict[str, Any]


def cases_of(system: str) -> list[Case]:
    return [case for path in sorted((FOLDER / system).glob("*.json")) for case in json.loads(path.read_bytes())]


def every_case() -> list[Any]:
    return [
        pytest.param(system, case, id=f"{system}-{path.stem}-{number}")
        for system in MODULES
        for path in sorted((FOLDER / system).glob("*.json"))
        for number, case in enumerate(json.loads(path.read_bytes()))
    ]


def dialect_of(system: str, options: Mapping[str, Any]) -> Dialect:
    module, name = MODULES[system]
    provider = getattr(importlib.import_module(module), name)(launcher=SimpleLauncher(), **options)
    assert isinstance(provider, BatchProvider)
    return provider.sealed().dialect()


def outcome(case: Case) -> CommandResult:
    stdout, stderr = ("".join(f"{line}\n" for line in case.get(name, ())) for name in ("stdout", "stderr"))
    return CommandResult(case.get("exit_code", 0), stdout, stderr)


# --- what a case asks


def check_status(dialect: Dialect, case: Case) -> None:
    asked = case["asked"]
    queries = [query for query in (*dialect.status, dialect.history) if query is not None]
    commands = [list(query.command(asked)) for query in queries]
    assert case["command"] in commands
    query = queries[commands.index(case["command"])]
    if isinstance(case["expected"], str):
        with pytest.raises(Unavailable if case["expected"] == "Unavailable" else Unreadable) as caught:
            query.parse(outcome(case), asked)
        assert str(caught.value).strip()
        return
    reports = query.parse(outcome(case), asked)
    assert set(reports) == set(case["expected"])
    for job, expected in case["expected"].items():
        check_report(reports[job], expected)


def check_report(report: JobReport, expected: Mapping[str, Any]) -> None:
    assert expected.keys() <= {"state", "exit_code", "message", "hopeless"}
    assert (report.state, report.exit_code) == (JobState[expected["state"]], expected.get("exit_code"))
    assert expected.get("message", "") in (report.message or "")
    if "hopeless" in expected:
        assert expected["hopeless"] in (report.hopeless or "")
    else:
        assert report.hopeless is None


def check_submit(dialect: Dialect, case: Case) -> None:
    assert list(dialect.submit(PATHS)) == case["command"]
    result = outcome(case)
    job = dialect.job_id(result) if result.exit_code == 0 else None
    if job is not None:
        assert case["expected"] == {"job": job}
    else:
        refused = result.exit_code != 0 and dialect.refusal(result)
        assert case["expected"] == {"refused": "for good" if refused else "for now"}


def check_cancel(dialect: Dialect, case: Case) -> None:
    asked = case["asked"]
    ways = [dialect.cancel, *filter(None, [dialect.force])]
    assert case["command"] in [list(way(asked)) for way in ways]
    if case["expected"] == "Unavailable":
        with pytest.raises(Unavailable, match=r"\S"):
            dialect.cancelled(outcome(case), asked)
    else:
        assert dialect.cancelled(outcome(case), asked) == case["expected"]


def check_find(dialect: Dialect, case: Case) -> None:
    assert dialect.find is not None
    assert list(dialect.find(case["asked"])) == case["command"]
    assert list(dialect.found(outcome(case))) == case["expected"]


def check_reason(dialect: Dialect, case: Case) -> None:
    assert dialect.reason is not None
    assert list(dialect.reason(case["asked"])) == case["command"]
    why, expected = dialect.why(outcome(case)), case["expected"]
    if expected is None:
        assert why is None
    else:
        assert why is not None
        assert expected["words"] in why[0]
        assert why[1] is expected["never"]


CHECKS = {
    "status": check_status,
    "submit": check_submit,
    "cancel": check_cancel,
    "find": check_find,
    "reason": check_reason,
}


@pytest.mark.parametrize(("system", "case"), every_case())
def test_what_is_printed_means_what_it_should(system: str, case: Case) -> None:
    CHECKS[case["ask"]](dialect_of(system, case.get("provider", {})), case)


@pytest.mark.parametrize(("system", "case"), every_case())
def test_a_case_says_where_it_comes_from(system: str, case: Case) -> None:
    assert case.keys() <= FIELDS
    assert case["source"] in ("recorded", "manual")
    assert case["what"].strip()
    where = case["where"]
    assert where.startswith(("https://", "http://")) if case["source"] == "manual" else where.strip()


# --- nothing is left out


TABLES = ("STATES", "ENDINGS", "HOPELESS")
ELSEWHERE = {("lsf", "HOPELESS")}
"""Words that no record and no manual shows: plain tests go over them."""


def tables_of(system: str) -> Iterator[tuple[ModuleType, str, Mapping[Any, Any]]]:
    package = MODULES[system][0].rpartition(".")[0]
    for name, module in tuple(sys.modules.items()):
        for table in TABLES if name.startswith(f"{package}.") else ():
            if (system, table) in ELSEWHERE:
                continue
            if isinstance(found := getattr(module, table, None), Mapping):
                yield module, table, found


def spoilt(meaning: object) -> object:
    """Another meaning, which nothing has."""
    if isinstance(meaning, JobState):
        return JobState.MISSING
    return (JobState.MISSING, "spoilt") if isinstance(meaning, tuple) else "spoilt"


def goes_unnoticed(system: str, cases: list[Case]) -> bool:
    try:
        for case in cases:
            check_status(dialect_of(system, case.get("provider", {})), case)
    except (AssertionError, KeyError, ValueError):
        return False
    return True


@pytest.mark.parametrize("system", MODULES)
def test_every_code_of_every_table_is_in_a_case(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect_of(system, {})
    cases = [case for case in cases_of(system) if case["ask"] == "status"]
    assert goes_unnoticed(system, cases)
    tables = list(tables_of(system))
    assert "STATES" in {name for _, name, _ in tables}
    unnoticed = []
    for module, name, table in tables:
        for code, meaning in table.items():
            monkeypatch.setattr(module, name, {**table, code: spoilt(meaning)})
            if goes_unnoticed(system, cases):
                unnoticed.append(f"{name}[{code!r}]")
        monkeypatch.setattr(module, name, table)
    assert unnoticed == []


@pytest.mark.parametrize("system", MODULES)
def test_every_kind_of_answer_is_in_a_case(system: str) -> None:
    dialect = dialect_of(system, {})
    seen = {(case["ask"], kind_of(case)) for case in cases_of(system)}
    wanted = {("status", kind) for kind in ("jobs", "no job", "Unavailable", "Unreadable")}
    wanted |= {("submit", kind) for kind in ("job", "for good", "for now")}
    wanted |= {("cancel", "jobs"), ("cancel", "Unavailable")}
    wanted |= {("find", "jobs")} if dialect.find is not None else set()
    wanted |= {("reason", "jobs"), ("reason", "no job")} if dialect.reason is not None else set()
    assert wanted - seen == set()


def kind_of(case: Case) -> str:
    expected = case["expected"]
    if isinstance(expected, str):
        return expected
    if case["ask"] == "submit":
        return str(expected.get("refused", "job"))
    return "jobs" if expected else "no job"


@pytest.mark.parametrize("system", MODULES)
def test_every_way_to_ask_is_in_a_case(system: str) -> None:
    dialect = dialect_of(system, {})
    asked = [case for case in cases_of(system) if case["ask"] == "status" and not case.get("provider")]
    for query in filter(None, (*dialect.status, dialect.history)):
        assert any(list(query.command(case["asked"])) == case["command"] for case in asked)
