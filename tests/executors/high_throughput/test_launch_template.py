"""What stands in the places of a user's ``launch_cmd``, as Parsl's documents spell them."""

from __future__ import annotations

import shlex
import string
from dataclasses import replace

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.launch_template import COMMAND, DEFAULT, NAMES, check_template, filled
from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions

OPTIONS = ManagerOptions(
    run_id="r",
    label="htex",
    logdir="/runs/000/htex/block-4",
    debug=True,
    heartbeat_period=5,
    heartbeat_threshold=30.0,
    addresses=(
        Endpoint("ipc:///tmp/d", "ipc:///tmp/c"),
        Endpoint("tcp://10.0.0.1:54001", "tcp://10.0.0.1:54002"),
        Endpoint("tcp://[fe80::1]:54001", "tcp://[fe80::1]:54002"),
    ),
    block_id="4",
    key_file="/runs/000/htex/certificates/manager.key",
    cores_per_worker=2.0,
    max_workers=3,
    accelerators=("GPU-1", "GPU 2"),
    cpu_affinity="list:0-1:2",
)
WORDS = shlex.join(OPTIONS.to_argv())

# As the user guide of 1.2 and its logs show it; today's differs in the words for the ports.
OLD = (
    f"{COMMAND} {{debug}} {{max_workers}} -a {{addresses}} -p {{prefetch_capacity}} -c {{cores_per_worker}} "
    "-m {mem_per_worker} --poll {poll_period} --task_port={task_port} --result_port={result_port} --logdir={logdir} "
    "--block_id={{block_id}} --hb_period={heartbeat_period} {address_probe_timeout_string} "
    "--hb_threshold={heartbeat_threshold} --cpu-affinity {cpu_affinity} "
)


def given(name: str, options: ManagerOptions = OPTIONS) -> str:
    return filled(f"{{{name}}} {{options}}", options, nodes_per_block=2).removesuffix(
        f" {shlex.join(options.to_argv())}"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("debug", "--debug"),
        ("max_workers", "--max_workers=3"),
        ("max_workers_per_node", "--max_workers_per_node=3"),
        ("addresses", "10.0.0.1,fe80::1"),
        ("prefetch_capacity", "None"),
        ("cores_per_worker", "2.0"),
        ("mem_per_worker", "None"),
        ("poll_period", "10"),
        ("task_port", "54001"),
        ("worker_port", "54001"),
        ("port", "54001"),
        ("result_port", "54002"),
        ("task_url", "tcp://10.0.0.1:54001"),
        ("result_url", "tcp://10.0.0.1:54002"),
        ("cert_dir", "/runs/000/htex/certificates"),
        ("logdir", "/runs/000/htex"),
        ("logconf", "None"),
        ("block_id", "4"),
        ("{block_id}", "4"),
        ("nodes_per_block", "2"),
        ("heartbeat_period", "5"),
        ("heartbeat_threshold", "30.0"),
        ("address_probe_timeout", "None"),
        ("address_probe_timeout_string", ""),
        ("drain_period", "None"),
        ("cpu_affinity", "list:0-1:2"),
        ("enable_mpi_mode", ""),
        ("mpi_launcher", "mpiexec"),
        ("accelerators", "GPU-1 'GPU 2'"),
    ],
)
def test_each_place(name: str, value: str) -> None:
    assert given(name) == value


def test_what_was_not_asked_for_is_left_out() -> None:
    bare = replace(OPTIONS, debug=False, max_workers=None, accelerators=(), addresses=(), key_file=None)
    assert [given(name, bare) for name in ("debug", "max_workers", "max_workers_per_node", "accelerators")] == [""] * 4
    assert [given(name, bare) for name in ("addresses", "task_port", "cert_dir")] == ["127.0.0.1", "0", "None"]
    assert given("address_probe_timeout_string", replace(OPTIONS, address_probe_timeout=3.0)) == (
        "--address_probe_timeout=3.0"
    )


@pytest.mark.parametrize("template", [OLD, DEFAULT])
def test_all_that_documents_use_is_known(template: str) -> None:
    check_template(template)
    used = {name for _, name, _, _ in string.Formatter().parse(template.replace("{{", "{").replace("}}", "}")) if name}
    assert used <= NAMES
    command = filled(template, OPTIONS)
    assert command.startswith(f"{COMMAND} {WORDS} --debug --max_workers")
    assert "{" not in command


@pytest.mark.parametrize(
    "before",
    ["", "singularity exec image.sif ", "/opt/a b/bin/", "cd /x; source a; export P=1:$P; python3 -u '/opt/bin'/", "'"],
)
def test_the_options_follow_the_command_wherever_it_stands(before: str) -> None:
    after = "'" if before == "'" else ""
    command = filled(f"{before}{COMMAND}{after} -d", OPTIONS)
    assert command == f"{before}{COMMAND}{after} {WORDS} -d"


def test_a_command_of_another_name_gets_them_at_its_end() -> None:
    assert filled("./start.sh {addresses}", OPTIONS) == f"./start.sh 10.0.0.1,fe80::1 {WORDS}"
    assert filled(f"cat my_{COMMAND}.bak", OPTIONS) == f"cat my_{COMMAND}.bak {WORDS}"


def test_where_the_command_is_only_mentioned_nothing_is_added() -> None:
    before, after = f"which {COMMAND} || exit 5; ", f" || echo {COMMAND} failed"
    assert filled(f"{before}{COMMAND} -d{after}", OPTIONS) == f"{before}{COMMAND} {WORDS} -d{after}"
    assert filled(f"{before}{COMMAND}", OPTIONS) == f"{before}{COMMAND} {WORDS}"
    assert filled(f"{COMMAND} -d & {COMMAND}  -d", OPTIONS) == f"{COMMAND} {WORDS} -d & {COMMAND} {WORDS}  -d"


def test_where_the_options_have_a_place_they_stand_there_only() -> None:
    assert filled(f"{COMMAND} -d; echo {{options}}", OPTIONS) == f"{COMMAND} -d; echo {WORDS}"


def test_other_braces_are_the_shells() -> None:
    text = "for f in {a,b} {1..3}; do { echo ${HOME} ${f%x}; }; done; awk '{print $1}' "
    check_template(text)
    assert filled(text, OPTIONS) == f"{text} {WORDS}"


@pytest.mark.parametrize(
    ("text", "hint"), [("run {adresses}", "{addresses}"), ("run {{blockid}}", "{block_id}"), ("{HOME}/x", "${HOME}")]
)
def test_a_place_for_nothing_is_refused(text: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match="stands for nothing") as caught:
        check_template(text)
    assert hint in str(caught.value)
