"""The page on machines lists every configuration, with what has to be said for it and with every variable."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from parsl_like.configs import names, site_config
from parsl_like.core.missing import missing_values, variable_of
from parsl_like.profiles import config_named

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "sites.md").read_text(encoding="utf-8")
LOCAL = {"exex_local", "htex_local", "local_threads", "wqex_local"}
NUMBERS = {"channel", "folder", "gpus", "instance_type", "max_blocks", "nodes_per_block", "vm_size", "walltime"}
"""Arguments that no variable says."""


def rows() -> dict[str, list[str]]:
    listed = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE.split("## The machines")[1], re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in listed}


def test_every_machine_is_listed() -> None:
    assert set(rows()) | LOCAL == set(names())
    assert all(f"`{name}`" in PAGE for name in LOCAL)


@pytest.mark.parametrize("name", sorted(set(names()) - LOCAL))
def test_what_must_be_said_is_told(name: str) -> None:
    told = re.findall(r"`(\w+)`", rows()[name][-1])
    assert sorted(told) == sorted({value.name for value in missing_values(site_config(name))})


def test_every_variable_is_listed() -> None:
    taken: set[str] = set()
    for name in names():
        taken |= set(inspect.signature(importlib.import_module(f"parsl_like.configs.{name}").fresh_config).parameters)
    assert {name for name in taken - NUMBERS if f"`{variable_of(name)}`" not in PAGE} == set()


def test_the_profile_that_is_shown_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARSL_LIKE_ACCOUNT", raising=False)
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    Path("parsl_like.toml").write_text(shown, encoding="utf-8")
    config = config_named("anvil")
    assert missing_values(config) == []
    provider = config.executors[0].provider
    assert (provider.account, provider.nodes_per_block, provider.max_blocks) == ("astro", 2, 5)
