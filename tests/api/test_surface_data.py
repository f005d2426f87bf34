"""The data are all there: what is counted here was counted in the two packages, not in the data."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.api import surface

SECTIONS = {
    "Config and entry points": 7,
    "Apps": 6,
    "Futures and files": 3,
    "DataFlowKernel": 2,
    "Executors": 17,
    "Providers": 16,
    "Launchers": 11,
    "Channels": 5,
    "Staging": 10,
    "Jobs and scaling": 7,
    "Memoization and checkpoints": 5,
    "Dependency resolvers": 1,
    "Monitoring": 6,
    "Logging configs": 4,
    "Addresses and utilities": 13,
    "Serialization": 4,
}
ERRORS = {"newest": 38, "legacy": 31}
ARGUMENTS = {
    # path: how many arguments newest and 1.2 have
    "config.Config": (17, 15),
    "executors.HighThroughputExecutor": (28, 21),
    "executors.MPIExecutor": (24, 0),
    "executors.WorkQueueExecutor": (26, 23),
    "executors.taskvine.TaskVineManagerConfig": (20, 0),
    "executors.taskvine.TaskVineFactoryConfig": (20, 0),
    "providers.SlurmProvider": (22, 17),
    "providers.KubernetesProvider": (22, 18),
    "monitoring.MonitoringHub": (9, 12),
}


def test_every_section_has_all_its_names() -> None:
    assert Counter(entry.section for entry in surface.ENTRIES) == SECTIONS
    assert sum(SECTIONS.values()) == 117


def test_every_error_is_there() -> None:
    assert len(surface.ERRORS) == 51
    found = Counter(version for entry in surface.ERRORS for version in entry.signatures)
    assert found == ERRORS


@pytest.mark.parametrize("path", ARGUMENTS)
def test_signatures_have_all_their_arguments(path: str) -> None:
    (entry,) = [entry for entry in surface.ENTRIES if entry.path == path]
    counts = tuple(len(surface.parameters(entry.signatures.get(version, "()"))) for version in surface.VERSIONS)
    assert counts == ARGUMENTS[path]


def test_packages_moves_and_constants_are_there() -> None:
    assert {
        package["module"]: (len(package["newest"]), len(package["legacy"])) for package in surface.DATA["package"]
    } == {
        "": (14, 14),
        "executors": (6, 7),
        "providers": (11, 13),
        "launchers": (10, 10),
        "channels": (0, 4),
    }
    assert len(surface.DATA["move"]) == 10
    assert sum(len(move["names"]) for move in surface.DATA["move"]) == 18
    assert [len(one.get("newest", one.get("legacy"))) for one in surface.DATA["enumeration"]] == [10, 10, 8]
    assert len(surface.DATA["constant"]) == 11


def test_no_name_is_there_twice() -> None:
    paths = Counter(entry.path for entry in [*surface.ENTRIES, *surface.ERRORS])
    assert [path for path, count in paths.items() if count > 1] == []


def test_signatures_are_read_as_python_reads_them() -> None:
    read = surface.parameters("(a, b=1, *c, d=('x', 2), e, **f)")
    assert [(one.name, one.default, one.positional, one.variable) for one in read] == [
        ("a", None, True, False),
        ("b", "1", True, False),
        ("c", None, False, True),
        ("d", "('x', 2)", False, False),
        ("e", None, False, False),
        ("f", None, False, True),
    ]
