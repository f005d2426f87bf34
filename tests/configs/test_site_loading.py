"""A run with a value that nobody has said is refused before anything is started, and so is such an executor."""

from __future__ import annotations

from pathlib import Path

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.configs import site_config
from parsl_like.errors import ConfigurationError
from parsl_like.executors import ThreadPoolExecutor


@pytest.fixture(autouse=True)
def nobody_has_said_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ACCOUNT", "PARTITION", "WORKER_INIT", "CONFIG"):
        monkeypatch.delenv(f"PARSL_LIKE_{variable}", raising=False)


def test_load_names_what_is_missing_and_starts_nothing() -> None:
    with pytest.raises(ConfigurationError, match=r"executors\[0\]\.provider\.account") as refused:
        parsl_like.load(site_config("anvil"))
    assert "set PARSL_LIKE_ACCOUNT" in str(refused.value)
    assert list(Path.cwd().iterdir()) == []


def test_an_executor_that_is_added_later_is_looked_at_too() -> None:
    with parsl_like.load(Config(executors=[ThreadPoolExecutor(label="threads")])) as dfk:
        with pytest.raises(ConfigurationError, match="account"):
            dfk.add_executors(site_config("anvil").executors)
        assert "anvil" not in dfk.executors
