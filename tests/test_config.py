from __future__ import annotations

import dataclasses
import inspect
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

from parsl_like.config import Config, UnknownArgument
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.executors.base import ParslExecutor
from parsl_like.executors.legacy import PoolExecutor
from parsl_like.providers.local import LocalProvider

PARSLS_ORDER = [
    *("executors", "memoizer", "dependency_resolver", "exit_mode", "garbage_collect", "internal_tasks_max_threads"),
    *("retries", "retry_handler", "run_dir", "std_autopath", "strategy", "strategy_period", "max_idletime"),
    *("monitoring", "usage_tracking", "project_name", "initialize_logging"),
]
OF_1_2 = ["app_cache", "checkpoint_files", "checkpoint_mode", "checkpoint_period"]
OURS = [
    *("checkpoint_sync", "checkpoint_for_parsl", "cache_files", "cache_environment", "resume"),
    *("lost_retries", "max_outstanding_tasks", "reattach"),
]


def test_the_arguments_are_parsls_in_their_order_then_those_of_1_2_and_ours_by_name() -> None:
    parameters = inspect.signature(Config).parameters
    assert list(parameters) == PARSLS_ORDER + OF_1_2 + OURS
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == OF_1_2 + OURS


def test_every_field_has_a_help_text() -> None:
    assert all(f.metadata["help"].endswith(".") for f in dataclasses.fields(Config))


# --- executors


def test_without_executors_there_is_one_of_threads_to_be_changed() -> None:
    config = Config()
    assert config.executors == [ThreadPoolExecutor()]
    config.executors[0].max_threads = 7  # type: ignore[index, union-attr]
    assert config.sealed().executors == (ThreadPoolExecutor(max_threads=7),)
    assert Config().executors == [ThreadPoolExecutor()]


def test_the_programs_list_is_not_shared() -> None:
    mine: list[ParslExecutor] = [ThreadPoolExecutor()]
    config = Config(executors=mine)
    mine.append(HighThroughputExecutor())
    assert config.executors == [ThreadPoolExecutor()]


def test_a_program_may_add_an_executor_before_the_run() -> None:
    config = Config(executors=[])
    config.executors.append(HighThroughputExecutor())  # type: ignore[union-attr]
    config.executors[0].provider = LocalProvider(max_blocks=3)  # type: ignore[index, union-attr]
    (sealed,) = config.sealed().executors  # type: ignore[misc]
    assert sealed.provider.max_blocks == 3  # type: ignore[union-attr]
    assert sealed.is_sealed  # type: ignore[union-attr]


def test_plain_pools_are_executors_too() -> None:
    with futures.ThreadPoolExecutor() as pool:
        config = Config(executors=[pool, ThreadPoolExecutor()])
        assert config.executors == [PoolExecutor(pool), ThreadPoolExecutor()]
        config.executors = [pool]
        assert config.sealed().executors == (PoolExecutor(pool),)


def test_an_executor_with_methods_of_its_own_is_the_same_in_every_copy() -> None:
    class Mine(ParslExecutor):
        def start(self) -> None:
            """Nothing."""

    mine = Mine()
    assert Config(executors=[mine]).sealed().executors[0] is mine  # type: ignore[index]


def test_two_executors_with_one_label_are_refused_at_once_and_at_the_end() -> None:
    with pytest.raises(ConfigurationError, match="a label of its own for each executor"):
        Config(executors=[ThreadPoolExecutor(), ThreadPoolExecutor()])
    config = Config(executors=[ThreadPoolExecutor(), HighThroughputExecutor(label="b")])
    config.executors[1].label = "threads"  # type: ignore[index, union-attr]
    with pytest.raises(ConfigurationError, match="give one of those called 'threads' another label"):
        config.sealed()


@pytest.mark.parametrize("given", [ThreadPoolExecutor(), 5, ["threads"], [None]])
def test_what_is_no_list_of_executors_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Config\.executors"):
        Config(executors=given)


def test_an_executors_own_mistake_is_found_when_the_config_is_sealed() -> None:
    with pytest.raises(ConfigurationError, match=r"ThreadPoolExecutor\.max_threads"):
        Config(executors=[ThreadPoolExecutor(max_threads=0)]).sealed()


# --- names


@pytest.mark.parametrize(
    ("wrong", "right"), [("retires", "retries"), ("run_dirs", "run_dir"), ("executor", "executors")]
)
def test_a_wrong_name_is_answered_with_the_right_one(wrong: str, right: str) -> None:
    with pytest.raises(UnknownArgument, match=f"did you mean '{right}'"):
        Config(**{wrong: 1})
    with pytest.raises(ConfigurationError, match=f"did you mean '{right}'"):
        setattr(Config(), wrong, 1)


# --- values

WRONG: list[tuple[str, Any]] = [
    ("memoizer", True),
    ("memoizer", 7),
    ("dependency_resolver", len),
    ("exit_mode", "clean"),
    ("garbage_collect", 1),
    ("internal_tasks_max_threads", 0),
    ("retries", -1),
    ("retries", "2"),
    ("retry_handler", 3),
    ("run_dir", None),
    ("run_dir", ""),
    ("std_autopath", "x"),
    ("strategy", 5),
    ("strategy_period", 0),
    ("max_idletime", -1),
    ("monitoring", 5),
    ("monitoring", True),
    ("usage_tracking", 4),
    ("usage_tracking", "yes"),
    ("project_name", 1),
    ("initialize_logging", "yes"),
    ("app_cache", None),
    ("checkpoint_files", "dir"),
    ("checkpoint_files", [5]),
    ("checkpoint_mode", "sometimes"),
    ("checkpoint_period", 30),
    ("checkpoint_period", "often"),
    ("lost_retries", -1),
    ("lost_retries", 1.5),
    ("max_outstanding_tasks", 0),
    ("reattach", 0),
    ("checkpoint_sync", 1),
    ("checkpoint_for_parsl", 1),
    ("cache_files", "size"),
    ("cache_environment", 3),
    ("resume", 7),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=str)
def test_wrong_values_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Config\.{field} is .*; expected "):
        Config(**{field: value})
    config = Config()
    setattr(config, field, value)
    with pytest.raises(ConfigurationError, match=rf"Config\.{field} is .*; expected "):
        config.sealed()


RIGHT: list[tuple[str, Any]] = [
    ("exit_mode", "wait"),
    ("retries", 2.5),
    ("retry_handler", lambda error, task: 1),
    ("run_dir", Path("runs")),
    ("std_autopath", lambda task, name: name),
    ("strategy", "a_plugins_own"),
    ("max_idletime", 0),
    ("usage_tracking", 3),
    ("max_outstanding_tasks", 1),
    ("reattach", 3600),
    ("checkpoint_sync", True),
    ("checkpoint_for_parsl", True),
    ("cache_files", "time"),
    ("cache_environment", "numpy-2"),
    ("resume", "last"),
    ("initialize_logging", False),
]


@pytest.mark.parametrize(("field", "value"), RIGHT, ids=[field for field, _ in RIGHT])
def test_right_values_pass(field: str, value: Any) -> None:
    Config(**{field: value}).sealed()


def test_a_log_config_passes() -> None:
    class Quiet:
        def initialize_logging(self, *, log_dir: str, log_name: str) -> None:
            """Log nothing."""

    quiet = Quiet()
    assert Config(initialize_logging=quiet).sealed().initialize_logging is quiet


def test_older_ways_to_say_it_are_spelled_the_newest_way_in_the_copy() -> None:
    sealed = Config(strategy=None, usage_tracking=True).sealed()
    assert (sealed.strategy, sealed.usage_tracking) == ("none", 1)
    assert type(sealed.usage_tracking) is int
    assert Config(usage_tracking=False).sealed().usage_tracking == 0


# --- checkpoints, in both dialects


class Mine:
    """A memoizer of a program's own."""

    def check_memo(self, task: Any) -> None:
        """Remember nothing."""


def test_the_options_of_1_2_that_say_something_are_known_and_warn_once() -> None:
    assert Config(app_cache=True, checkpoint_mode=None).checkpoint_options == {}
    with pytest.warns(DeprecationWarning, match="^Config: ") as told:
        config = Config(app_cache=True, checkpoint_mode="periodic", checkpoint_period="00:01:00")
    assert [str(warning.message) for warning in told] == [
        "Config: 'checkpoint_mode' and 'checkpoint_period' is now "
        "memoizer=BasicMemoizer(checkpoint_mode='periodic', checkpoint_period='00:01:00')."
    ]
    assert told[0].filename == __file__
    assert config.checkpoint_options == {"checkpoint_mode": "periodic", "checkpoint_period": "00:01:00"}
    assert config.sealed().checkpoint_options == config.checkpoint_options
    with pytest.warns(DeprecationWarning, match=r"BasicMemoizer\(memoize=False\)"):
        assert Config(app_cache=False).checkpoint_options == {"app_cache": False}


def test_a_memoizer_and_the_options_of_1_2_do_not_go_together() -> None:
    memoizer = Mine()
    assert Config(memoizer=memoizer).sealed().memoizer is memoizer
    with pytest.raises(ConfigurationError, match="both a memoizer and checkpoint_mode"):
        Config(memoizer=memoizer, checkpoint_mode="task_exit")


def test_the_list_of_earlier_checkpoints_is_not_shared() -> None:
    mine = ["a", Path("b")]
    with pytest.warns(DeprecationWarning, match="'checkpoint_files' is now memoizer="):
        config = Config(checkpoint_files=mine)
    mine.append("c")
    assert config.checkpoint_files == ["a", Path("b")]
    assert config.sealed().checkpoint_files == ("a", Path("b"))
