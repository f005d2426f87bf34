"""``load`` takes names, and without one what the environment or a file chooses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import parsl_like
from parsl_like import Config, ThreadPoolExecutor, python_app
from parsl_like.errors import ConfigurationError


def loaded(config: Config | str | None = None) -> Config:
    with parsl_like.load(config) as dfk:
        assert python_app(lambda x: 2 * x)(4).result(timeout=60) == 8
        return dfk.config


def test_a_profile_of_the_project() -> None:
    Path("parsl_like.toml").write_text(
        '[profiles.mine]\nretries = 2\nexecutors = [{ type = "ThreadPoolExecutor", max_threads = 3 }]\n'
    )
    config = loaded("mine")
    assert config.retries == 2
    assert config.executors == (ThreadPoolExecutor(max_threads=3),)


def test_a_file_and_a_ready_made_one() -> None:
    Path("one.toml").write_text("retries = 4\n")
    assert loaded("one.toml").retries == 4
    assert loaded("local_threads").retries == 0


def test_without_a_name_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("one.toml").write_text("retries = 4\n")
    monkeypatch.setenv("PARSL_LIKE_CONFIG", "one.toml")
    assert loaded().retries == 4
    assert loaded(Config(retries=1)).retries == 1
    monkeypatch.delenv("PARSL_LIKE_CONFIG")
    assert loaded().retries == 0
    Path("parsl_like.toml").write_text("default = 'a'\n[profiles.a]\nretries = 5\n[profiles.b]\nretries = 6\n")
    assert loaded().retries == 5
    monkeypatch.setenv("PARSL_LIKE_PROFILE", "b")
    assert loaded().retries == 6


def test_a_name_that_nobody_has_is_refused_and_leaves_nothing() -> None:
    with pytest.raises(ConfigurationError, match=r"no configuration 'local_thread'.*'local_threads'"):
        parsl_like.load("local_thread")
    assert not Path("runinfo").exists()
    assert loaded("local_threads").retries == 0


def test_a_module_that_loads_while_it_is_imported_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("loads_early.py").write_text("import parsl_like\nconfig = parsl_like.Config()\nparsl_like.load(config)\n")
    with pytest.raises(ConfigurationError, match="already been loaded"):
        parsl_like.load("loads_early:config")
    parsl_like.clear()
    monkeypatch.delitem(sys.modules, "loads_early")
