"""Descriptions as plain data: equal in every process, and nothing but descriptions comes back."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parsl_like import HighThroughputExecutor
from parsl_like.channels.ssh.ssh import SSHChannel
from parsl_like.dataflow.portraits import portrait, restored
from parsl_like.errors import ConfigurationError
from parsl_like.launchers import SrunLauncher, WrappedLauncher
from parsl_like.plugins.manager import PluginManager
from parsl_like.providers import LocalProvider, SlurmProvider


def known() -> list[type]:
    plugins = PluginManager()
    return [
        *plugins.provider_types.values(),
        *plugins.launcher_types.values(),
        *plugins.channel_types.values(),
    ]


def through_json(value: object) -> Any:
    return json.loads(json.dumps(portrait(value)))


@pytest.mark.parametrize(
    "description",
    [
        LocalProvider(),
        LocalProvider(init_blocks=2, max_blocks=5, parallelism=0.5, worker_init="module load x\n"),
        SlurmProvider(partition="short", walltime="01:00:00", launcher=SrunLauncher(overrides="--exact")),
        LocalProvider(launcher=WrappedLauncher("nice -n 10")),
    ],
)
def test_what_comes_back_is_equal(description: Any) -> None:
    assert restored(through_json(description), known()) == description
    assert restored(through_json(description.sealed()), known()) == description


def my_launcher(command: str, tasks_per_node: int, nodes_per_block: int) -> str:
    return command


def test_a_function_does_not_come_back() -> None:
    back = restored(through_json(LocalProvider(launcher=my_launcher, max_blocks=3)), known())
    assert back == LocalProvider(max_blocks=3)


def test_a_class_of_the_programs_own_does_not_come_back() -> None:
    class Mine(LocalProvider):
        pass

    with pytest.raises(ConfigurationError, match="Mine is a class that no plugin knows"):
        restored(through_json(Mine()), known())


@pytest.mark.parametrize("plain", [{"object": "os.system"}, {"class": "subprocess.Popen", "fields": {"args": "x"}}])
def test_nothing_else_is_made(plain: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read from a file"):
        restored(plain, known())


def test_fields_that_a_class_does_not_have_are_refused() -> None:
    plain = through_json(LocalProvider())
    plain["fields"]["unheard_of"] = 1
    with pytest.raises(ConfigurationError, match="does not take what is there"):
        restored(plain, known())


def test_secrets_are_left_out() -> None:
    text = json.dumps(portrait(SSHChannel(hostname="host", username="me", password="hunter2")))
    assert "hostname" in text
    assert "hunter2" not in text
    assert "password" not in text


def test_odd_values() -> None:
    assert portrait(math.inf) == {"number": "inf"}
    assert restored({"number": "inf"}, []) == math.inf
    assert portrait({"b", "a"}) == {"set": ["a", "b"]}
    assert portrait({2: "x", 1: "y"}) == {"items": [[1, "y"], [2, "x"]]}
    assert restored({"items": [[1, "y"]]}, []) == {1: "y"}
    assert portrait(Path("/a")) == "/a"
    assert portrait(object()) == {"object": "builtins.object", "repr": "<object object>"}
    assert portrait(len) == {"object": "builtins.len"}


class Awkward:
    def __repr__(self) -> str:
        raise ValueError("no repr")


def test_a_users_class_cannot_make_it_raise() -> None:
    endless: list[Any] = []
    endless.append(endless)
    provider = LocalProvider.__new__(LocalProvider)  # as of a class whose constructor does not call this one's
    object.__setattr__(provider, "launcher", Awkward())
    assert "without a repr" in json.dumps(portrait([endless, Awkward()]))
    assert portrait(provider)["fields"]["launcher"]["object"].endswith("Awkward")


PROGRAM = """
import json
from parsl_like import HighThroughputExecutor
from parsl_like.dataflow.portraits import portrait
from parsl_like.providers import LocalProvider

def launch(command, tasks_per_node, nodes_per_block):
    return command

htex = HighThroughputExecutor(label="a", provider=LocalProvider(launcher=launch), available_accelerators=["x", "y"])
print(json.dumps(portrait(htex.sealed()), sort_keys=True))
"""


def test_it_is_the_same_in_every_process() -> None:
    def told() -> str:
        return subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout

    assert told() == told() != ""
    other = portrait(HighThroughputExecutor(label="a", provider=LocalProvider(), available_accelerators=["x"]).sealed())
    assert json.loads(told()) != other
