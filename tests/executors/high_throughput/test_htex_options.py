from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.options import (
    FLAG,
    Endpoint,
    InterchangeOptions,
    ManagerOptions,
    ProcessOptions,
    processor_groups,
    silence_allowed,
)

MANAGER = ManagerOptions(
    run_id="0f",
    label="a 'label' with \"quotes\", $HOME, `id`, {braces}, %s and ünïcode",
    logdir="/tmp/logs of $(whoami)/x",
    debug=True,
    heartbeat_period=0.5,
    transport="ipc",
    addresses=(Endpoint("tcp://10.0.0.1:54000", "tcp://10.0.0.1:54001"), Endpoint("tcp://[::1]:1", "tcp://[::1]:2")),
    block_id="12",
    key_file="/tmp/key",
    mem_per_worker=2.5,
    max_workers=3,
    prefetch=0,
    cpu_affinity="list:0-3:4-7",
    accelerators=("0", "GPU-1"),
    drain_period=60.0,
    python_path=("/a b", "/c"),
    address_probe_timeout=3.0,
)
INTERCHANGE = InterchangeOptions(
    run_id="0f",
    label="x",
    logdir="logs",
    driver=Endpoint("ipc:///tmp/d", "ipc:///tmp/c"),
    driver_pid=42,
    driver_started=1234.5,
    address="*",
    worker_port=5,
    control_port=6,
    ipc_dir="/tmp/s",
    cert_dir="/tmp/k",
    manager_selector="block_id",
    incarnation=2,
)


@pytest.mark.parametrize("options", [MANAGER, INTERCHANGE, replace(MANAGER, prefetch=None, addresses=())])
def test_the_command_line_says_everything(options: ProcessOptions) -> None:
    assert type(options).from_argv(options.to_argv()) == options


@pytest.mark.parametrize("options", [MANAGER, INTERCHANGE])
def test_no_shell_finds_anything_to_do_in_it(options: ProcessOptions) -> None:
    words = options.to_argv()
    assert words[0] == FLAG
    assert all(re.fullmatch(r"[A-Za-z0-9_.~/:,%-]+", word) for word in words)
    assert [shlex.quote(word) for word in words[:1]] == words[:1]
    code = f"import sys; print(*sys.argv[1:], sep='\\n')"  # noqa: F541
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {' '.join(words)}"
    nested = f"bash -c {shlex.quote(f'eval {shlex.quote(line)}')}"
    done = subprocess.run(["/bin/sh", "-c", nested], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == words


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    flag, word = MANAGER.to_argv()
    newer = word.replace("%22block_id%22", "%22of_tomorrow%22:1,%22block_id%22", 1)
    assert newer != word
    assert ManagerOptions.from_argv([flag, newer]) == MANAGER


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [FLAG],
        ["--other", "x"],
        [FLAG, "nonsense"],
        [FLAG, "%7B%7D"],
        [FLAG, "%FF"],
        INTERCHANGE.to_argv(),
        [*MANAGER.to_argv(), "more"],
        [FLAG, MANAGER.to_argv()[1].replace("%22debug%22:true", "%22debug%22:7")],
    ],
)
def test_what_is_not_a_managers_command_line_is_refused(argv: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        ManagerOptions.from_argv(argv)


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        MANAGER.block_id = "13"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [ManagerOptions, InterchangeOptions])
def test_they_have_no_place_for_a_secret(kind: type) -> None:
    names = {f.name for f in fields(kind)}
    assert not {name for name in names if re.search("secret|token|password|public|private", name)}
    assert {name for name in names if "key" in name} <= {"key_file"}


@pytest.mark.parametrize(
    ("period", "threshold", "allowed"), [(5, None, 30.0), (30, None, 90.0), (1, 4, 4.0), (5, 120, 120.0)]
)
def test_how_long_silence_is_allowed(period: float, threshold: float | None, allowed: float) -> None:
    assert silence_allowed(period, threshold) == allowed


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("list:0", ((0,),)),
        ("list:0-3:4-7", ((0, 1, 2, 3), (4, 5, 6, 7))),
        ("list:0-1,8, 10-10:2", ((0, 1, 8, 10), (2,))),
    ],
)
def test_processors_of_each_worker(text: str, groups: tuple[tuple[int, ...], ...]) -> None:
    assert processor_groups(text) == groups


@pytest.mark.parametrize(
    "text",
    ["", "list", "list:", "lists:1", "list:a", "list:1-", "list:-1", "list:3-1", "list:1::2", "list:1,", "list:²"],
)
def test_processors_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(ValueError, match=r"list|processor|range"):
        processor_groups(text)
