from __future__ import annotations

from typing import Any

import pytest

from parsl_like.errors import ConfigurationError, MonitoringError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.monitoring.radios.base import RadioConfig
from parsl_like.monitoring.radios.filesystem import FilesystemRadio
from parsl_like.monitoring.radios.htex import HTEXRadio
from parsl_like.monitoring.radios.multiprocessing import MultiprocessingQueueRadio
from parsl_like.monitoring.radios.udp import UDPRadio

RADIOS = [FilesystemRadio(), HTEXRadio(), MultiprocessingQueueRadio(), UDPRadio(address="10.0.0.1")]


@pytest.mark.parametrize("radio", RADIOS, ids=repr)
def test_a_radio_is_a_value_without_ends(radio: RadioConfig) -> None:
    assert HighThroughputExecutor(remote_monitoring_radio=radio).remote_monitoring_radio == radio
    with pytest.raises(MonitoringError, match=f"{type(radio).__name__} is described only.*no sender"):
        radio.create_sender()
    with pytest.raises(MonitoringError, match="no receiver"):
        radio.create_receiver(run_dir="runinfo/000", resource_msgs=None)


def test_a_users_radio_says_how_its_ends_are_made() -> None:
    class Mine(RadioConfig):
        def create_sender(self) -> Any:
            return "sender"

    assert Mine().create_sender() == "sender"


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: UDPRadio(address=None), "UDPRadio.address is None; expected text"),
        (lambda: UDPRadio(adress="x"), "did you mean 'address'"),
        (lambda: UDPRadio(address="").check(), "address is ''"),
        (lambda: UDPRadio(address="x", port=0).check(), "port is 0"),
        (lambda: UDPRadio(address="x", atexit_timeout=-1).check(), "atexit_timeout is -1"),
        (lambda: HTEXRadio(port=1), "unexpected keyword argument 'port'. Try: it takes none"),
    ],
)
def test_what_cannot_be_meant_is_refused(build: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build()
