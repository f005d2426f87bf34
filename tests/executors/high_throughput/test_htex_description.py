from __future__ import annotations

import dataclasses
import inspect
import math
from typing import Any

import pytest

from parsl_like.errors import ConfigurationError, InvalidResourceSpecification, ParslError
from parsl_like.executors.arguments import UnknownArgument
from parsl_like.executors.high_throughput import errors
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.high_throughput.manager_selector import (
    BlockIdManagerSelector,
    ManagerSelector,
    RandomManagerSelector,
)
from parsl_like.providers.local import LocalProvider

PARSLS_ORDER = [
    *("label", "provider", "launch_cmd", "interchange_launch_cmd", "address", "loopback_address", "worker_port"),
    *("worker_port_range", "interchange_port_range", "storage_access", "working_dir", "worker_debug"),
    *("cores_per_worker", "mem_per_worker", "max_workers_per_node", "cpu_affinity", "available_accelerators"),
    *("prefetch_capacity", "heartbeat_threshold", "heartbeat_period", "drain_period", "poll_period"),
    *("address_probe_timeout", "worker_logdir_root", "manager_selector", "block_error_handler", "encrypted"),
    "remote_monitoring_radio",
]
OURS = ["transport", "control_port", "worker_memory_limit", "worker_process_limit"]


def test_the_arguments_are_parsls_in_their_order_then_ours() -> None:
    parameters = inspect.signature(HighThroughputExecutor).parameters
    assert list(parameters) == PARSLS_ORDER + OURS
    assert {name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY} == set(OURS)


def test_every_field_has_a_help_text() -> None:
    assert all(f.metadata["help"].endswith(".") for f in dataclasses.fields(HighThroughputExecutor))


# --- both spellings


def test_the_names_of_1_2_mean_the_newest() -> None:
    with pytest.warns(DeprecationWarning, match="'max_workers' is now 'max_workers_per_node'") as caught:
        executor = HighThroughputExecutor(max_workers=4, worker_ports=(50000, 50001), managed=True)  # type: ignore[call-arg]
    assert len(caught) == 1
    assert executor == HighThroughputExecutor(max_workers_per_node=4, worker_port=50000, control_port=50001)
    assert (executor.max_workers, executor.worker_ports) == (4, (50000, 50001))
    executor.worker_ports = (50002, 50003)
    assert (executor.worker_port, executor.control_port) == (50002, 50003)
    executor.worker_ports = None
    assert executor.worker_ports is executor.worker_port is executor.control_port is None


@pytest.mark.parametrize("name", ["max_workers", "max_workers_per_node"])
def test_infinitely_many_workers_are_no_limit(name: str) -> None:
    executor = HighThroughputExecutor()
    setattr(executor, name, 3)
    assert (executor.max_workers, executor.max_workers_per_node) == (3, 3)
    executor.max_workers = math.inf
    assert executor.max_workers_per_node is None
    assert HighThroughputExecutor(max_workers_per_node=math.inf).worker_limit is None


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(UnknownArgument, match="did you mean 'max_workers_per_node'"):
        HighThroughputExecutor(max_worker_per_node=3)  # type: ignore[call-arg]
    executor = HighThroughputExecutor()
    with pytest.raises(ConfigurationError, match="did you mean 'cores_per_worker'"):
        executor.core_per_worker = 3  # type: ignore[attr-defined]


# --- sealing


def test_without_a_provider_blocks_are_on_this_machine() -> None:
    executor = HighThroughputExecutor()
    assert executor.provider is None
    assert executor.sealed().provider == LocalProvider()
    assert executor.sealed().provider.is_sealed  # type: ignore[union-attr]
    assert executor.provider is None


@pytest.mark.parametrize(
    ("given", "names"),
    [((), ()), (0, ()), (3, ("0", "1", "2")), (["a", "b"], ("a", "b")), ((4, 5), ("4", "5"))],
)
def test_accelerators_have_names(given: Any, names: tuple[str, ...]) -> None:
    executor = HighThroughputExecutor(available_accelerators=given)
    assert executor.accelerator_names == names
    executor.available_accelerators = given
    assert executor.sealed().available_accelerators == names


@pytest.mark.parametrize("given", [-1, True, "ab", None, [None]])
def test_what_names_no_accelerators_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="available_accelerators"):
        HighThroughputExecutor(available_accelerators=given)


WRONG: list[tuple[str, Any]] = [
    ("launch_cmd", ["a"]),
    ("interchange_launch_cmd", []),
    ("interchange_launch_cmd", [1]),
    ("address", 5),
    ("loopback_address", None),
    ("worker_port", 0),
    ("worker_port", 70000),
    ("control_port", "80"),
    ("worker_memory_limit", 0),
    ("worker_memory_limit", "1"),
    ("worker_process_limit", 0),
    ("worker_process_limit", 1.5),
    ("worker_port_range", (2, 1)),
    ("interchange_port_range", 55000),
    ("worker_debug", 1),
    ("cores_per_worker", 0),
    ("cores_per_worker", -1),
    ("mem_per_worker", 0),
    ("max_workers_per_node", 0),
    ("max_workers_per_node", 1.5),
    ("cpu_affinity", "blocks"),
    ("cpu_affinity", "list:x"),
    ("cpu_affinity", None),
    ("prefetch_capacity", -1),
    ("heartbeat_threshold", 4),
    ("heartbeat_threshold", 0),
    ("heartbeat_period", 0),
    ("drain_period", 0),
    ("poll_period", 0),
    ("address_probe_timeout", -1),
    ("worker_logdir_root", 5),
    ("manager_selector", "random"),
    ("manager_selector", ManagerSelector()),
    ("block_error_handler", None),
    ("encrypted", "yes"),
    ("transport", "udp"),
    ("storage_access", {}),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=str)
def test_wrong_values_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"HighThroughputExecutor\.{field} is"):
        HighThroughputExecutor(**{field: value}).sealed()


RIGHT: dict[str, Any] = {
    "interchange_launch_cmd": ["interchange.py"],
    "launch_cmd": "pool {debug}",
    "address": "10.0.0.1",
    "worker_port": 54000,
    "worker_port_range": [54000, 54000],
    "cores_per_worker": 0.1,
    "mem_per_worker": 2,
    "cpu_affinity": "list:0-1:2-3",
    "heartbeat_threshold": 5,
    "worker_logdir_root": "/tmp",
    "manager_selector": BlockIdManagerSelector(),
    "block_error_handler": lambda executor, status: None,
    "transport": "tcp",
    "storage_access": [],
}


@pytest.mark.parametrize("field", RIGHT)
def test_right_values_pass(field: str) -> None:
    HighThroughputExecutor(**{field: RIGHT[field]}).sealed()


def test_one_port_cannot_serve_two_links() -> None:
    with pytest.raises(ConfigurationError, match="another port than worker_port"):
        HighThroughputExecutor(worker_port=50000, control_port=50000).sealed()


def test_the_programs_lists_are_not_shared() -> None:
    access: list[Any] = []
    executor = HighThroughputExecutor(storage_access=access)
    access.append("later")
    assert executor.storage_access == []


# --- what follows


@pytest.mark.parametrize(
    ("fields", "node", "workers"),
    [
        ({}, {}, 1),
        ({"max_workers_per_node": 4}, {}, 4),
        ({}, {"cores_per_node": 8}, 8),
        ({"cores_per_worker": 3}, {"cores_per_node": 8}, 2),
        ({"cores_per_worker": 0.5}, {"cores_per_node": 8}, 16),
        ({"cores_per_worker": 16}, {"cores_per_node": 8}, 1),
        ({"max_workers_per_node": 4}, {"cores_per_node": 8}, 4),
        ({"mem_per_worker": 4}, {"cores_per_node": 8, "mem_per_node": 10}, 2),
        ({"mem_per_worker": 4}, {"cores_per_node": 8}, 8),
        ({"available_accelerators": 2}, {"cores_per_node": 8}, 2),
        ({"available_accelerators": 2, "max_workers_per_node": 1}, {}, 1),
    ],
)
def test_the_estimate_of_workers_on_a_node(fields: dict[str, Any], node: dict[str, Any], workers: int) -> None:
    executor = HighThroughputExecutor(provider=LocalProvider(**node), **fields)
    assert executor.workers_per_node == executor.workers_per_node() == workers


def test_nodes_of_a_block_are_the_providers() -> None:
    assert HighThroughputExecutor().nodes_per_block == 1
    assert HighThroughputExecutor(provider=LocalProvider(nodes_per_block=3)).nodes_per_block == 3


def test_a_program_that_only_says_how_often_heartbeats_come_keeps_its_managers() -> None:
    assert HighThroughputExecutor().silence_allowed == 30
    assert HighThroughputExecutor(heartbeat_period=30).silence_allowed == 90
    assert HighThroughputExecutor(heartbeat_threshold=120).silence_allowed == 120


def test_resources_are_priorities() -> None:
    HighThroughputExecutor().validate_resource_spec({"priority": 1})
    with pytest.raises(InvalidResourceSpecification, match="num_nodes"):
        HighThroughputExecutor().validate_resource_spec({"num_nodes": 1})


class Session:
    run_dir = "/runs/000"
    connected_workers = 4

    def __init__(self) -> None:
        self.held: list[str] = []

    def connected_managers(self) -> list[dict[str, str]]:
        return [{"manager": "m"}]

    def connected_blocks(self) -> list[str]:
        return ["0"]

    def connected_managers_packages(self) -> dict[str, dict[str, str]]:
        return {"m": {"p": "1"}}

    def hold_worker(self, worker_id: str) -> None:
        self.held.append(worker_id)


def test_programs_ask_the_one_that_runs() -> None:
    executor, session = HighThroughputExecutor(label="h"), Session()
    executor.attach(session)
    assert executor.connected_managers == executor.connected_managers() == [{"manager": "m"}]
    assert executor.connected_blocks() == ["0"]
    assert executor.connected_managers_packages() == {"m": {"p": "1"}}
    assert executor.connected_workers == executor.connected_workers() == 4
    assert executor.logdir == executor.worker_logdir == "/runs/000/h"
    executor.detach(session)
    executor.worker_logdir_root = "/scratch"
    executor.attach(session)
    assert executor.worker_logdir == "/scratch/000/h"
    executor.hold_worker("m")
    assert session.held == ["m"]


# --- the order of managers

MANAGERS: dict[bytes, dict[str, Any]] = {
    b"a": {"block_id": "10"},
    b"b": {"block_id": "9"},
    b"c": {"block_id": None},
    b"d": {"block_id": "9"},
    b"e": {"block_id": "run-2"},
}


def test_block_by_block_counts_as_people_do() -> None:
    order = BlockIdManagerSelector().sort_managers(MANAGERS, [b"a", b"b", b"c", b"d", b"e"])
    assert order == [b"e", b"b", b"d", b"a", b"c"]
    assert BlockIdManagerSelector().sort_managers(MANAGERS, {b"a"}) == [b"a"]


def test_at_random_every_manager_comes_first_at_some_time() -> None:
    first = {RandomManagerSelector().sort_managers(MANAGERS, set(MANAGERS))[0] for _ in range(1000)}
    assert first == set(MANAGERS)
    assert sorted(RandomManagerSelector().sort_managers(MANAGERS, {b"a", b"b"})) == [b"a", b"b"]


def test_a_selector_without_an_order_says_so() -> None:
    with pytest.raises(NotImplementedError, match="ManagerSelector"):
        ManagerSelector().sort_managers(MANAGERS, set(MANAGERS))


def test_the_errors_are_where_parsl_programs_look() -> None:
    assert {"WorkerLost", "ManagerLost", "VersionMismatch"} <= set(errors.__all__)
    assert [name for name in errors.__all__ if not issubclass(getattr(errors, name), ParslError)] == []
