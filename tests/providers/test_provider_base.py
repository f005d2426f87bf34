"""The description that all providers share."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like.providers
from parsl_like.channels import Channel, LocalChannel
from parsl_like.clocks import SystemClock
from parsl_like.core.job_states import JobState
from parsl_like.core.limits import BlockLimits
from parsl_like.errors import BadLauncher, ConfigurationError, ExecutionProviderException
from parsl_like.launchers import SimpleLauncher, SingleNodeLauncher
from parsl_like.providers import ExecutionProvider, LocalProvider
from parsl_like.providers.base import is_foreign, one_shot_context

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass
class Elsewhere(Channel):
    pass


def test_the_limits_are_those_of_the_description() -> None:
    provider = LocalProvider(nodes_per_block=2, init_blocks=3, min_blocks=1, max_blocks=7, parallelism=0.5)
    assert provider.limits() == BlockLimits(3, 1, 7, 0.5, 2)


def test_a_default_maximum_does_not_take_back_what_was_asked_for() -> None:
    assert LocalProvider(init_blocks=4).limits().maximum == 4
    assert LocalProvider(min_blocks=3).limits().maximum == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nodes_per_block", 0),
        ("init_blocks", -1),
        ("min_blocks", "2"),
        ("max_blocks", 1.5),
        ("parallelism", -0.1),
        ("parallelism", "1"),
        ("parallelism", float("nan")),
        ("parallelism", float("inf")),
        ("cmd_timeout", None),
        ("worker_init", None),
        ("channel", "ssh"),
        ("channel", Elsewhere()),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(field: str, value: object) -> None:
    provider = LocalProvider()
    setattr(provider, field, value)
    with pytest.raises(ConfigurationError, match=f"LocalProvider.{field} is"):
        provider.sealed()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nodes_per_block", "2"),
        ("worker_init", None),
        ("channel", object()),
        ("cores_per_node", 0),
        ("mem_per_node", 0),
    ],
)
def test_a_users_own_kind_is_checked_when_it_is_asked_for(field: str, value: object) -> None:
    class Own(ExecutionProvider):
        pass

    provider = Own()
    setattr(provider, field, value)
    with pytest.raises(ConfigurationError, match=f"Own.{field} is"):
        provider.check()


def test_a_launcher_that_is_none_is_refused_at_once_and_when_sealed() -> None:
    with pytest.raises(BadLauncher):
        LocalProvider(launcher="srun")
    provider = LocalProvider()
    provider.launcher = None
    with pytest.raises(BadLauncher):
        provider.sealed()


def test_it_may_be_changed_until_it_is_sealed() -> None:
    provider = LocalProvider()
    provider.worker_init += "module load python\n"
    provider.max_blocks = 9
    sealed = provider.sealed()
    with pytest.raises(ConfigurationError, match="the run has started"):
        sealed.max_blocks = 10
    provider.max_blocks = 11
    assert sealed.max_blocks == 9
    with pytest.raises(ConfigurationError, match="did you mean 'max_blocks'"):
        provider.max_block = 3


def test_it_can_be_compared_pickled_and_printed() -> None:
    provider = LocalProvider(launcher=SimpleLauncher(), worker_init="a 'b'")
    provider.script_dir = "somewhere"
    assert pickle.loads(pickle.dumps(provider)) == provider
    assert eval(repr(provider)) == provider != LocalProvider()


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((2,), {"nodes_per_block": 2}),
        ((2, SimpleLauncher(), 3, 1, 4, "init", 20, 0.5), None),
        ((), {}),
    ],
)
def test_positional_arguments_in_the_order_of_newest_parsl(arguments: tuple[Any, ...], options: Any) -> None:
    if options is None:
        options = {
            "nodes_per_block": 2,
            "launcher": SimpleLauncher(),
            "init_blocks": 3,
            "min_blocks": 1,
            "max_blocks": 4,
            "worker_init": "init",
            "cmd_timeout": 20,
            "parallelism": 0.5,
        }
    assert LocalProvider(*arguments) == LocalProvider(**options)


def test_positional_arguments_in_the_order_of_parsl_1_2() -> None:
    with pytest.warns(DeprecationWarning, match="channel="):
        provider = LocalProvider(LocalChannel(), 2, SimpleLauncher(), 3, 1, 4, "init", 20, 0.5)
    with pytest.warns(DeprecationWarning, match="channel="):
        assert provider == LocalProvider(
            channel=LocalChannel(),
            nodes_per_block=2,
            launcher=SimpleLauncher(),
            init_blocks=3,
            min_blocks=1,
            max_blocks=4,
            worker_init="init",
            cmd_timeout=20,
            parallelism=0.5,
        )


def test_wrong_arguments_are_refused_as_python_does() -> None:
    with pytest.raises(TypeError, match="at most 8 positional arguments, 9 given"):
        LocalProvider(1, SimpleLauncher(), 1, 1, 1, "", 1, 1, 1)
    with pytest.raises(TypeError, match="several values for nodes_per_block"):
        LocalProvider(1, nodes_per_block=2)
    with pytest.raises(TypeError, match="partition"):
        LocalProvider(partition="debug")


@pytest.mark.parametrize("option", [{"channel": LocalChannel()}, {"move_files": True}])
def test_options_of_parsl_1_2_say_what_to_do_and_where(option: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match=f"{next(iter(option))}.*is of Parsl 1.2: leave it out") as caught:
        LocalProvider(**option)
    assert [warning.filename for warning in caught] == [__file__]


def test_the_default_launcher_is_not_shared() -> None:
    assert LocalProvider().launcher == SingleNodeLauncher()
    assert LocalProvider().launcher is not LocalProvider().launcher


def test_what_messages_call_it() -> None:
    assert LocalProvider().label == "local"
    assert ExecutionProvider().label == "execution"


def test_a_provider_that_cannot_do_anything_says_so(tmp_path: Path) -> None:
    with pytest.raises(ExecutionProviderException, match="has neither open nor all of submit, status, cancel"):
        ExecutionProvider().open(one_shot_context(str(tmp_path)))


def test_whose_methods_are_called_as_written() -> None:
    class Own(LocalProvider):
        def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str | None:
            return super().submit(command, tasks_per_node, job_name)

    class Renamed(LocalProvider):
        pass

    own = Own()
    assert is_foreign(own)
    assert own.sealed() is own
    assert not is_foreign(Renamed())
    assert is_foreign(object())


def test_a_users_class_need_not_call_the_constructor() -> None:
    class Careless(ExecutionProvider):
        def __init__(self) -> None:
            self.anything = []

        def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str | None:
            return None

    careless = Careless()
    assert careless.limits() == BlockLimits(1, 0, 1, 1, 1)
    assert careless.launcher("run", 1, 1) == "run"
    assert "Careless" in repr(careless)


def test_a_job_that_was_not_seen_has_a_status_of_its_own(tmp_path: Path) -> None:
    provider = LocalProvider()
    provider.script_dir = str(tmp_path)
    (status,) = provider.status(["12@34/no-such-job"])
    assert (status.state, status.message) == (JobState.UNKNOWN, "the job was not seen")
    assert provider.cancel(["12@34/no-such-job"]) == [False]


def test_old_paths() -> None:
    from parsl_like.jobs.states import JobState as NewState
    from parsl_like.jobs.states import JobStatus as NewStatus
    from parsl_like.providers import error, errors, provider_base

    assert provider_base.ExecutionProvider is ExecutionProvider
    assert provider_base.JobState is NewState is JobState
    assert provider_base.JobStatus is NewStatus
    assert error.SchedulerMissingArgs is errors.SchedulerMissingArgs
    assert issubclass(error.ChannelRequired, error.ExecutionProviderException)


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="NoSuchProvider"):
        _ = parsl_like.providers.NoSuchProvider


def test_the_time() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.wall() > 1_700_000_000


def test_building_a_description_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from parsl_like.providers import LocalProvider\n"
        "LocalProvider().sealed()\n"
        "heavy = {'subprocess', 'tempfile', 'shutil', 'psutil', 'zmq', 'multiprocessing', 'asyncio', 'pluggy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=plain)
    assert result.stdout.strip() == "[]"
