"""What batch systems answer, as queues."""

from __future__ import annotations

import pytest

from parsl_like.doctor.sightings import NodeKind, Queue
from parsl_like.doctor.systems import system_of
from parsl_like.doctor.systems.lists import read_bqueues, read_cobalt, read_names
from parsl_like.doctor.systems.pbs import read_queues
from parsl_like.doctor.systems.slurm import FORMAT, read_partitions, read_words, seconds
from parsl_like.providers import (
    CobaltProvider,
    CondorProvider,
    GridEngineProvider,
    LocalProvider,
    LSFProvider,
    PBSProProvider,
    SlurmProvider,
    TorqueProvider,
)

SINFO = """\
CLUSTER: east
short*|up|1:00:00|1-infinite|3/5/0/8|64|256000|(null)|haswell,ib
short*|up|1:00:00|1-infinite|0/0/2/2|128|512000|(null)|rome,ib
gpu|up|2-00:00:00|1-4|0/4/0/4|48+|384000+|gpu:a100:4(S:0-1),shm:1|(null)
long|inact|infinite|1-infinite|0/8/0/8|64|256000|(null)|(null)
"""


def test_partitions_of_slurm() -> None:
    short, gpu, long = read_partitions(SINFO)
    assert short == Queue(
        name="short",
        open=True,
        state="up",
        default=True,
        longest=3600,
        most_nodes=None,
        usable=8,
        kinds=(
            NodeKind(8, 64, 256000, frozenset({"haswell", "ib"})),
            NodeKind(2, 128, 512000, frozenset({"rome", "ib"})),
        ),
    )
    assert short.nodes == 10
    assert gpu.kinds == (NodeKind(4, 48, 384000, frozenset(), ("gpu:a100:4", "shm:1")),)
    assert (gpu.most_nodes, gpu.longest, gpu.default) == (4, 2 * 86400, False)
    assert (long.open, long.state, long.longest) == (False, "inact", None)


@pytest.mark.parametrize("text", ["", "\n\n", "slurm_load_partitions: Unable to contact slurm controller\n", "a|b\n"])
def test_what_is_no_answer_of_sinfo_has_no_partition(text: str) -> None:
    assert read_partitions(text) == ()


def test_numbers_that_are_none_are_not_known() -> None:
    (queue,) = read_partitions("odd|up|n/a|?|x/y|n/a|n/a|(null)|(null)\n")
    assert queue == Queue(name="odd", state="up", usable=0)
    assert queue.nodes is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 30),
        ("1:00", 60),
        ("2:03:04", 7384),
        ("1-00:00:00", 86400),
        ("infinite", None),
        ("", None),
        ("7-12:00:00", 648000),
    ],
)
def test_time_limits_of_slurm(text: str, expected: int | None) -> None:
    assert seconds(text) == expected


def test_words_one_on_each_line() -> None:
    assert read_words("astro\n\nphysics\nastro\n") == {"astro", "physics"}


QSTAT = """\
Queue: workq
    queue_type = Execution
    total_jobs = 0
    state_count = Transit:0 Queued:0 Held:0 Waiting:0 Running:0 Exiting:0 Begun:0
    resources_max.walltime = 24:00:00
    resources_max.nodect = 16
    enabled = True
    started = True

Queue: old
    queue_type = Execution
    enabled = True
    started = False

"""


def test_queues_of_pbs() -> None:
    assert read_queues(QSTAT) == (
        Queue("workq", longest=86400, most_nodes=16),
        Queue("old", open=False, state="not started"),
    )
    assert read_queues("qstat: cannot connect to server") == ()


def test_queues_of_grid_engine_and_lsf() -> None:
    assert read_names("all.q\n\nlong.q\n") == (Queue("all.q"), Queue("long.q"))
    table = (
        "QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP  RSV PJOBS\n"
        "debug            60  Open:Active       -    -    -    -     0     0     0     0    0     0\n"
        "batch            40  Open:Inact        -    -    -    -     5     5     0     0    0     0\n"
    )
    assert read_bqueues(table) == (
        Queue("debug", state="Open:Active"),
        Queue("batch", open=False, state="Open:Inact"),
    )


@pytest.mark.parametrize(
    ("provider", "name", "command"),
    [
        (SlurmProvider(), "Slurm", ("sinfo", "--all", "--exact", "--noheader", f"--format={FORMAT}")),
        (PBSProProvider(), "PBS", ("qstat", "-Q", "-f")),
        (TorqueProvider(), "Torque", ("qstat", "-Q", "-f")),
        (GridEngineProvider(), "Grid Engine", ("qconf", "-sql")),
        (LSFProvider(), "LSF", ("bqueues", "-w")),
        (CobaltProvider(), "Cobalt", ("qstat", "-Q")),
        (CondorProvider(), "HTCondor", ("condor_q", "-totals")),
    ],
)
def test_each_provider_has_its_questions(provider: object, name: str, command: tuple[str, ...]) -> None:
    system = system_of(provider)
    assert system is not None
    assert (system.name, system.queues) == (name, command)
    assert name == "HTCondor" or hasattr(provider, system.field)


def test_a_class_derived_from_one_has_them_too() -> None:
    class Mine(SlurmProvider):
        pass

    system = system_of(Mine(clusters="east"))
    assert system is not None
    assert "--clusters=east" in system.queues


def test_of_others_nothing_is_known() -> None:
    class SlurmProvider:  # somebody else's, of the same name
        pass

    assert system_of(LocalProvider()) is None
    assert system_of(SlurmProvider()) is None


COBALT = """\
Name     Users  Groups  MinTime  MaxTime  MaxRunning  State
===========================================================
default  None   None    None     06:00    None        running
backfill None   None    None     None     None        draining
"""


def test_queues_of_cobalt() -> None:
    assert read_cobalt(COBALT) == (
        Queue("default", state="running"),
        Queue("backfill", open=False, state="draining"),
    )
    assert read_cobalt("") == read_cobalt("cannot connect\n") == ()


def test_htcondor_has_no_queues() -> None:
    system = system_of(CondorProvider())
    assert system is not None
    assert system.read_queues("Total for query: 0 jobs") == ()
