from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import monitoring
from parsl_like.config import Config
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import ConfigurationError, MonitoringError
from parsl_like.monitoring import MonitoringHub
from parsl_like.monitoring.monitoring import MonitoringHub as AtParslsPath

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_one_class_at_both_paths() -> None:
    assert AtParslsPath is MonitoringHub
    with pytest.raises(AttributeError, match="Monitor"):
        _ = monitoring.Monitor  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("args", "ports", "port"),
    [
        (("host",), None, None),
        (("host", (50000, 50010), 50001), (50000, 50010), 50001),  # today's order
        (("host", 50001, (50000, 50010)), (50000, 50010), 50001),  # that of 1.2
        (("host", 50001), None, 50001),
        (("host", None, (50000, 50010)), (50000, 50010), None),
        (("host", (50000, 50010)), (50000, 50010), None),
        (("host", None, 50001), None, 50001),
    ],
)
def test_a_port_and_a_range_of_ports_are_told_apart(args: Any, ports: Any, port: Any) -> None:
    hub = MonitoringHub(*args)
    assert (hub.hub_port_range, hub.hub_port) == (ports, port)
    hub.check()


def test_names_of_1_2_warn_and_have_no_effect() -> None:
    with pytest.warns(DeprecationWarning, match="'client_address' has no effect any more") as told:
        hub = MonitoringHub(hub_address="h", client_address="127.0.0.1", client_port_range=(1, 2), logdir="x")
    assert len(told) == 1
    assert hub == MonitoringHub("h")


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: MonitoringHub(resource_monitoring_enabled="yes"), "expected True or False"),
        (lambda: MonitoringHub(resource_monitoring_intervall=3), "did you mean 'resource_monitoring_interval'"),
        (lambda: MonitoringHub(resource_monitoring_interval=-1).check(), "is -1; expected seconds, at least 0"),
        (lambda: MonitoringHub(hub_port=(1, 2), hub_port_range=(3, 4)).check(), "hub_port is"),
        (lambda: MonitoringHub(hub_port=0).check(), "hub_port is 0; expected None or a port"),
        (lambda: MonitoringHub(hub_port_range=(9, 8)).check(), "the lower one first"),
    ],
)
def test_what_cannot_be_meant_is_refused(build: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build()


def test_by_hand_it_says_that_there_is_no_database() -> None:
    hub = MonitoringHub()
    with pytest.raises(MonitoringError, match="writes no monitoring database"):
        hub.start("runinfo/000", "runinfo", None)
    with pytest.raises(MonitoringError, match="writes no monitoring database"):
        hub.send("task", {})
    assert hub.monitor_wrapper(print, 0, 1, "url", "run", 10, 30, True) is print
    hub.close()


def test_a_run_goes_on_without_it_and_says_so_once(tmp_path: Path) -> None:
    with (
        pytest.warns(UserWarning, match="monitoring") as told,
        DataFlowKernel(Config(monitoring=MonitoringHub(), run_dir=tmp_path)) as dfk,
    ):
        assert dfk.submit(pow, (2, 5)).result(timeout=30) == 32
    assert len(told) == 1
