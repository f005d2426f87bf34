"""The configurations that come with the package: each can be loaded as it is, more than once, and runs an app."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import parsl_like
from parsl_like import configs
from parsl_like.config import Config

NAMES = [module.name for module in pkgutil.iter_modules(configs.__path__)]


def double(x: int) -> int:
    return 2 * x


def test_those_that_programs_ask_for_are_there() -> None:
    assert {"local_threads", "htex_local"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_config_that_is_a_value(name: str) -> None:
    config = importlib.import_module(f"parsl_like.configs.{name}").config
    assert isinstance(config, Config)
    assert not config.is_sealed
    assert config.sealed().executors is not None


@pytest.mark.parametrize("name", ["local_threads", "htex_local"])
def test_each_is_at_parsls_path_too(name: str) -> None:
    here, there = (importlib.import_module(f"parsl_like.{path}.{name}") for path in ("configs", "tests.configs"))
    assert there.config is here.config


@pytest.mark.parametrize("name", ["local_threads", "htex_local"])
def test_each_runs_an_app_and_can_be_used_again(name: str) -> None:
    config = importlib.import_module(f"parsl_like.configs.{name}").config
    app = parsl_like.python_app(double)
    for _ in range(2):
        with parsl_like.load(config):
            assert app(4).result(timeout=60) == 8
