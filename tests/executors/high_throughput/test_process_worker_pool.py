"""The command ``process_worker_pool.py``: what its words mean. That it runs is shown in tests/integration."""

from __future__ import annotations

import ast
import importlib
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.launch_template import COMMAND, DEFAULT, filled
from parsl_like.executors.high_throughput.options import FLAG, Endpoint, ManagerOptions
from parsl_like.executors.high_throughput.process_worker_pool import OPTIONS_FILE, main, options_from

OPTIONS = ManagerOptions(
    run_id="r",
    label="htex",
    logdir="/runs/000/htex/block-4",
    heartbeat_period=5.0,
    addresses=(
        Endpoint("ipc:///tmp/d", "ipc:///tmp/c"),
        Endpoint("tcp://10.0.0.1:54001", "tcp://10.0.0.1:54002"),
        Endpoint("tcp://[fe80::1]:54001", "tcp://[fe80::1]:54002"),
    ),
    block_id="4",
    key_file="/runs/000/htex/certificates/manager.key",
    accelerators=("0,1", "2,3"),
    prefetch=None,
)
WORDS = OPTIONS.to_argv()

FULL = replace(
    OPTIONS,
    debug=True,
    cores_per_worker=0.5,
    mem_per_worker=1.5,
    max_workers=2,
    prefetch=7,
    cpu_affinity="list:0-3:4-7",
    drain_period=60.0,
    address_probe_timeout=3.0,
    heartbeat_threshold=12.0,
)


def test_the_own_words_say_everything() -> None:
    assert options_from(WORDS) == OPTIONS


@pytest.mark.parametrize("options", [OPTIONS, FULL])
@pytest.mark.parametrize(
    "template",
    [
        DEFAULT,
        f"{COMMAND} {{debug}} {{max_workers}} -a {{addresses}} --task_port={{task_port}} --result_port={{result_port}} "
        "--logdir={logdir} --block_id={{block_id}}",
        f"{COMMAND} {{debug}} -c {{cores_per_worker}} --task_url={{task_url}} --result_url={{result_url}}",
    ],
)
def test_parsls_flags_with_what_stands_in_the_places_change_nothing(template: str, options: ManagerOptions) -> None:
    _, *words = shlex.split(filled(template, options))
    assert options_from(words) == options


def test_flags_written_by_hand_override_the_rest() -> None:
    line = (
        "-d -c 2 -m 0.5 --max_workers=8 -p 3 --poll 50 --hb_period 1 --hb_threshold=9 --drain_period 7 -u me "
        "--cpu-affinity block --available-accelerators a b --address_probe_timeout=2 --block_id 5 -l /logs "
        "--cert_dir /keys --mpi-launcher=srun"
    )
    assert options_from([*WORDS, *line.split()]) == replace(
        OPTIONS,
        debug=True,
        cores_per_worker=2.0,
        mem_per_worker=0.5,
        max_workers=8,
        prefetch=3,
        poll_period=50,
        heartbeat_period=1.0,
        heartbeat_threshold=9.0,
        drain_period=7.0,
        uid="me",
        cpu_affinity="block",
        accelerators=("a", "b"),
        address_probe_timeout=2.0,
        block_id="5",
        logdir="/logs/block-5",
        key_file="/keys/manager.key",
    )
    unlimited = options_from([*FULL.to_argv(), *shlex.split("--max_workers inf -m None -p None --drain_period None")])
    assert (unlimited.max_workers, unlimited.mem_per_worker, unlimited.prefetch, unlimited.drain_period) == (None,) * 4


def test_addresses_that_are_news_are_tried_first() -> None:
    tunnel = Endpoint("tcp://tunnel:54001", "tcp://tunnel:54002")
    assert options_from([*WORDS, "-a", "10.0.0.1,tunnel"]).addresses == (tunnel, *OPTIONS.addresses)
    ports = options_from([*WORDS, "-a", "::1", "-t", "1", "-r", "2"])
    assert ports.addresses[0] == Endpoint("tcp://[::1]:1", "tcp://[::1]:2")
    urls = options_from([*WORDS, "--task_url=tcp://x:3", "--result_url=tcp://x:4"])
    assert urls.addresses == (Endpoint("tcp://x:3", "tcp://x:4"), *OPTIONS.addresses)
    local = replace(OPTIONS, addresses=OPTIONS.addresses[:1])
    assert options_from([*local.to_argv(), "-a", "host"]) == local  # nobody knows the ports


@pytest.mark.parametrize("pointing", [["--cert_dir", "{}/certificates"], ["--logdir={}"]])
def test_lost_words_are_found_beside_the_keys(tmp_path: Path, pointing: list[str]) -> None:
    keys = tmp_path / "certificates"
    keys.mkdir()
    (keys / OPTIONS_FILE).write_text(WORDS[1])
    found = options_from([*(word.format(tmp_path) for word in pointing), "--block_id=7", "-c", "3"])
    logdir = tmp_path if pointing[0].startswith("--logdir") else "/runs/000/htex"
    assert found == replace(
        OPTIONS, key_file=f"{keys}/manager.key", block_id="7", logdir=f"{logdir}/block-7", cores_per_worker=3.0
    )


def test_without_a_run_it_says_what_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([]) == 2
    assert "does not say which run" in capsys.readouterr().err
    assert main(["--logdir", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert main([FLAG, "nonsense"]) == 2


def test_mpi_mode_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MPIExecutor"):
        options_from([*WORDS, "--enable_mpi_mode"])


@pytest.mark.parametrize("line", [["-c", "many"], ["--unheard-of"], ["--max_workers", "few"]])
def test_nonsense_is_named(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        options_from([*WORDS, *line])
    assert caught.value.code == 2
    assert line[0] in capsys.readouterr().err


@pytest.mark.parametrize("command", [COMMAND, "interchange.py", "exec_parsl_function.py"])
def test_it_is_installed_under_the_name_that_programs_know(command: str) -> None:
    setup = Path(__file__).parents[3] / "setup.py"
    strings = [node.value for node in ast.walk(ast.parse(setup.read_text())) if isinstance(node, ast.Constant)]
    (place,) = [text.partition(" = ")[2] for text in map(str, strings) if text.startswith(f"{command} = ")]
    module, _, function = place.partition(":")
    assert callable(getattr(importlib.import_module(module), function))
