"""The configuration of each machine is the same after it has been written to a TOML or YAML file and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.configs import names, site_config
from parsl_like.core.missing import missing_values
from parsl_like.profiles.decoding import decoded
from parsl_like.profiles.encoding import encoded
from parsl_like.profiles.likeness import difference
from parsl_like.profiles.toml_reader import read_toml
from parsl_like.profiles.toml_writer import write_toml
from parsl_like.profiles.yaml_reader import read_yaml
from parsl_like.profiles.yaml_writer import write_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

WAYS: dict[str, tuple[Callable[[Any], str], Callable[[str, str], Any]]] = {
    "toml": (write_toml, read_toml),
    "yaml": (write_yaml, read_yaml),
}
NAMES = names()
WITH_GPUS = ["delta", "lumi", "perlmutter"]


def said(name: str) -> dict[str, Any]:
    return {value.name: ["one"] if value.name == "hosts" else "mine" for value in missing_values(site_config(name))}


def assert_survives(config: Any, way: str) -> str:
    write, read = WAYS[way]
    text = write(encoded(config).table)
    again = decoded(read(text, f"profile.{way}"))
    assert difference(config, again, "Config") is None, text
    assert again == config
    return text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_each_survives_with_what_is_each_users_own(name: str, way: str) -> None:
    assert_survives(site_config(name, **said(name)), way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_what_nobody_has_said_is_still_seen_afterwards(name: str, way: str) -> None:
    config = site_config(name)
    write, read = WAYS[way]
    again = decoded(read(write(encoded(config).table), f"profile.{way}"))
    assert missing_values(again) == missing_values(config)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WITH_GPUS)
def test_those_with_gpus_survive_too(name: str, way: str) -> None:
    assert_survives(site_config(name, **said(name), gpus=True), way)


def test_a_profile_says_what_the_machine_needs_and_little_else() -> None:
    text = assert_survives(site_config("anvil", account="astro"), "toml")
    for line in ('label = "anvil"', 'account = "astro"', 'partition = "wholenode"', "max_workers_per_node = 128"):
        assert line in text
    assert "cmd_timeout" not in text
