"""A batch system that misbehaves at each of its commands: no endless submission, no hang, a clear error, no job left.

The jobs thread and the real sessions run against the simulated cluster; blocks are jobs that only sleep, and the test
says whether their managers have connected. Afterwards the cluster itself is asked what there was and is.
"""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.clocks import SystemClock
from parsl_like.core.ids import BlockId
from parsl_like.errors import BadStateException
from parsl_like.jobs.policy import simple
from parsl_like.jobs.poller import JobPoller
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import (
    CobaltProvider,
    CondorProvider,
    GridEngineProvider,
    LSFProvider,
    PBSProProvider,
    SlurmProvider,
    TorqueProvider,
)
from parsl_like.providers.base import one_shot_context
from parsl_like.testing.stub_elastic import StubElasticSession
from tests.fakes.fixtures import *  # noqa: F403
from tests.fakes.fixtures import FLAVOURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parsl_like.core.records import Record
    from tests.fakes.cluster.simulated import SimulatedCluster
    from tests.fakes.fixtures import MakeCluster

pytestmark = pytest.mark.integration

WAIT = 60.0
MOST_SUBMISSIONS = 8
"""However a batch system behaves, it is not asked for a block more often than this before the executor is failed."""
PROVIDERS = {
    "slurm": SlurmProvider,
    "pbspro": PBSProProvider,
    "torque": TorqueProvider,
    "grid_engine": GridEngineProvider,
    "lsf": LSFProvider,
    "cobalt": CobaltProvider,
    "condor": CondorProvider,
}
COMMANDS = {
    "slurm": {"submit": "sbatch", "status": "squeue", "cancel": "scancel", "find": "squeue", "history": "sacct"},
    "pbspro": {"submit": "qsub", "status": "qstat", "cancel": "qdel", "find": "qselect"},
    "torque": {"submit": "qsub", "status": "qstat", "cancel": "qdel", "find": "qselect"},
    "grid_engine": {"submit": "qsub", "status": "qstat", "cancel": "qdel", "find": "qstat", "history": "qacct"},
    "lsf": {"submit": "bsub", "status": "bjobs", "cancel": "bkill", "find": "bjobs"},
    "cobalt": {"submit": "qsub", "status": "qstat", "cancel": "qdel", "find": "qstat"},
    "condor": {
        **{"submit": "condor_submit", "status": "condor_q", "cancel": "condor_rm", "find": "condor_q"},
        "history": "condor_history",
    },
}
WORDS = "the queue is closed for maintenance"
SAID = {
    "fail": "closed for maintenance",
    "away": r"onnect",  # connect failure, connection refused
    "hang": "took longer than",
    "html": "502 Bad Gateway|no job id|no XML|none of its|no job in",
    "binary": "no job id|no XML|none of its|no job in",
    "empty": "no job id|no XML|no job in",
}
"""What the error of a run must tell, by the fault that befell it."""
HOLD = {
    **{"slurm": "#SBATCH --hold", "pbspro": "#PBS -h", "torque": "#PBS -h", "grid_engine": "#$ -h"},
    **{"lsf": "#BSUB -H", "cobalt": "#COBALT -h", "condor": "hold = True"},
}
NOT_TAKEN = {"slurm": {"partition": "nope"}, "condor": {"requirements": "nope ("}}
"""Options by which a block is refused; a queue that there is not, elsewhere."""
DOWN = {"slurm": {"partition": "other"}}
"""Options by which a block waits in a queue that starts none; HTCondor has no queues."""
NEVER = {
    "down": "partition is down|[Qq]ueue not started|is disabled|is inactivated|other is stopped",
    "held": "held|on hold",
}
"""Why a job waits for ever, in the words of each batch system or of its provider."""


def cases(*kinds: str, everyday: str = "") -> list[Any]:
    """Each flavour with each fault; all but one, ``flavour kind``, belong to the fault tests."""
    return [
        pytest.param(flavour, kind, marks=[] if f"{flavour} {kind}" == everyday else [pytest.mark.scheduler])
        for flavour in FLAVOURS
        for kind in kinds
    ]


class Rig:
    """An executor without workers whose one block comes from a simulated cluster.

    Args:
        cluster: The cluster.
        folder: Where scripts go.
    """

    def __init__(self, cluster: SimulatedCluster, folder: Path) -> None:
        self.cluster = cluster
        self.commands = COMMANDS[cluster.flavour]
        self.folder = folder
        self.session = StubElasticSession("htex", "sleep 600")
        self.records: list[Record] = []
        self.poller = JobPoller(record=self.records.append, clock=SystemClock(), period=0.2)

    def begin(self, *, connect_timeout: float = 600.0, **options: Any) -> None:
        provider = PROVIDERS[self.cluster.flavour](
            **{"launcher": SimpleLauncher(), "walltime": "00:10:00", "cmd_timeout": 1, **options}
        ).sealed()
        pace = SimpleNamespace(
            label=provider.label,
            status_polling_interval=0.1,
            connect_timeout=connect_timeout,
            cmd_timeout=provider.cmd_timeout,
        )
        self.session.set_load(outstanding=1)
        self.poller.add(
            self.session, provider.open(one_shot_context(str(self.folder))), provider.limits(), simple, description=pace
        )

    def break_(self, role: str, kind: str, **fields: Any) -> str:
        """Have the command for something misbehave."""
        if kind == "fail":
            fields = {"code": 1, "stderr": f"{WORDS}\n", **fields}
        return self.cluster.fault(self.commands[role], kind, **fields)

    def asked(self, role: str) -> int:
        return len(self.cluster.calls(self.commands[role]))

    def connect(self, seconds: float = WAIT) -> int:
        """Wait until the executor knows of a block's job and that runs; its manager connects then."""
        self.cluster.wait(lambda: self._known_job() is not None, seconds, "a job that runs")
        block, number = self._known_job() or ("", 0)
        self.session.set_load(outstanding=1, slots=1, connected=(BlockId(block),), worked=(BlockId(block),))
        return number

    def _known_job(self) -> tuple[str, int] | None:
        running = {job.number for job in self.cluster.jobs() if job.phase == "running"}
        for block, facts in self.poller.status().get("htex", {}).get("blocks", {}).items():
            number = int(str(facts["job"] or "0").partition(".")[0])
            if number in running:
                return block, number
        return None

    def failure(self) -> str:
        """Wait until the executor is failed; gives the error's words."""
        self.session.wait_until(lambda session: bool(session.failures), WAIT)
        error = self.session.failures[0]
        assert isinstance(error, BadStateException)
        return str(error)

    def warnings(self) -> str:
        return "\n".join(record.fields["text"] for record in self.records if record.kind == "warning")

    def close(self, seconds: float = 30.0) -> None:
        began = time.monotonic()
        self.poller.close(began + seconds)
        assert time.monotonic() - began < seconds + 15.0

    def leaves_nothing(self) -> None:
        """End it, and ask the cluster itself."""
        self.close()
        self.cluster.wait_until_empty(WAIT)
        assert self.asked("submit") <= MOST_SUBMISSIONS
        assert len(self.cluster.submissions()) <= MOST_SUBMISSIONS


@pytest.fixture
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_cluster: MakeCluster
) -> Iterator[Rig]:
    monkeypatch.setattr("parsl_like.jobs.breaker.FIRST_WAIT_S", 0.1)
    flavour = request.getfixturevalue("flavour")
    rig = Rig(make_cluster(flavour, kill_wait=1.0), tmp_path)
    rig.cluster.use_number(12345)  # of several digits, so that a part of it is another number
    yield rig
    rig.cluster.mend()
    rig.close()


# --- submitting


@pytest.mark.parametrize(("flavour", "kind"), cases("fail", "away", "hang", "html", "binary", everyday="pbspro html"))
def test_submissions_never_succeed(flavour: str, kind: str, rig: Rig) -> None:
    rig.break_("submit", kind)
    rig.begin()
    text = rig.failure()
    assert "submissions in a row were refused" in text
    assert re.search(SAID[kind], text), text
    assert rig.asked("submit") > 2
    rig.leaves_nothing()
    assert rig.cluster.submissions() == []


@pytest.mark.parametrize(("flavour", "kind"), cases("fail", "away", "hang", "html", "binary", everyday="torque away"))
def test_submissions_fail_twice(flavour: str, kind: str, rig: Rig) -> None:
    rig.break_("submit", kind, times=2)
    rig.begin()
    assert rig.connect() == 12345
    assert rig.asked("submit") == 3
    assert rig.session.failures == []
    rig.leaves_nothing()


@pytest.mark.parametrize(
    ("flavour", "kind"),
    cases("lost", "dies", "accepts and hangs", "empty", "binary after", everyday="slurm lost"),
)
def test_a_job_whose_id_never_came_is_found_by_its_name(flavour: str, kind: str, rig: Rig) -> None:
    rig.break_("submit", kind)
    rig.begin()
    assert rig.connect() == 12345
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [12345]
    assert [job.fate for job in rig.cluster.jobs()] == ["cancelled"]


@pytest.mark.parametrize(("flavour", "kind"), cases("cut", "half", everyday="grid_engine half"))
def test_a_part_of_an_id_is_none(flavour: str, kind: str, rig: Rig) -> None:
    """It would be that of somebody else's job, which would be cancelled in the end."""
    rig.break_("submit", kind)
    rig.begin()
    assert rig.connect(10.0) == 12345
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [12345]


@pytest.mark.parametrize(("flavour", "kind"), cases("lost", "accepts and hangs", everyday="slurm lost"))
def test_jobs_whose_ids_never_came_and_that_cannot_be_found_for_a_while(flavour: str, kind: str, rig: Rig) -> None:
    rig.break_("submit", kind)
    rig.break_("find", "away")
    rig.begin()
    rig.failure()
    rig.cluster.mend()
    rig.leaves_nothing()
    assert len(rig.cluster.submissions()) > 1
    assert {job.fate for job in rig.cluster.jobs()} == {"cancelled"}


# --- asking


@pytest.mark.parametrize(
    ("flavour", "kind"),
    cases("fail", "away", "hang", "html", "binary", "empty", "half", "forget", everyday="slurm forget"),
)
def test_states_are_never_told_and_managers_are_connected(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    rig.connect()
    rig.break_("status", kind)
    before = rig.asked("status")
    rig.cluster.wait(lambda: rig.asked("status") >= before + 4, WAIT, "more questions")
    assert rig.session.failures == []
    assert rig.cluster.submissions() == [12345]
    assert [job.phase for job in rig.cluster.jobs()] == ["running"]
    rig.cluster.mend()
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [12345]


@pytest.mark.parametrize(("flavour", "kind"), cases("fail", "away", "hang", "html", "binary", everyday="torque fail"))
def test_states_are_never_told_and_no_manager_comes(flavour: str, kind: str, rig: Rig) -> None:
    rig.break_("status", kind)
    rig.begin(connect_timeout=2.0)
    text = rig.failure()
    assert "no manager of it is connected, and its state has not been known" in text
    assert re.search(SAID[kind], text), text
    rig.leaves_nothing()


@pytest.mark.parametrize(
    ("flavour", "kind"),
    cases("fail", "away", "hang", "html", "binary", "empty", "half", "forget", everyday="grid_engine away"),
)
def test_states_are_not_told_twice(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin(connect_timeout=20.0)
    rig.cluster.wait(lambda: rig.asked("status") > 1, WAIT, "a question")
    rig.break_("status", kind, times=2)
    before = rig.asked("status")
    rig.cluster.wait(lambda: rig.asked("status") >= before + 5, WAIT, "more questions")
    rig.connect()
    assert rig.session.failures == []
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [12345]


@pytest.mark.parametrize(("flavour", "kind"), cases("slow"))
def test_every_answer_is_slow(flavour: str, kind: str, rig: Rig) -> None:
    rig.cluster.fault("*", kind, seconds=0.4)
    rig.begin()
    rig.connect()
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [12345]


# --- ending


@pytest.mark.parametrize(
    ("flavour", "kind"), cases("fail", "away", "hang", "dies", "lost", "accepts and hangs", everyday="pbspro away")
)
def test_the_end_cannot_be_asked_for_at_first(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    rig.connect()
    rig.break_("cancel", kind, times=3)
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [12345]


@pytest.mark.parametrize(("flavour", "kind"), cases("fail", "hang", "html"))
def test_the_end_can_never_be_asked_for(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    number = rig.connect()
    rig.break_("cancel", kind)
    rig.close(5.0)
    assert f"{number}" in rig.warnings()
    assert [job.phase for job in rig.cluster.jobs()] == ["running"]
    rig.cluster.kill(number)  # such a job is ended by its managers; these have none
    rig.cluster.wait_until_empty(WAIT)


# --- everything at once


@pytest.mark.parametrize(("flavour", "kind"), cases("away", everyday="grid_engine away"))
def test_a_restart(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    number = rig.connect()
    rig.cluster.restart(3.0)
    before = rig.asked("status")
    rig.cluster.wait(lambda: rig.asked("status") > before + 2, WAIT, "questions meanwhile")
    rig.cluster.wait(lambda: rig.cluster.log()[-1].get("code") == 0, WAIT, "an answer afterwards")
    assert [(job.number, job.phase) for job in rig.cluster.jobs()] == [(number, "running")]
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [number]


@pytest.mark.parametrize(("flavour", "kind"), cases("hang", "away"))
def test_nothing_answers_while_it_is_ended(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    number = rig.connect()
    rig.cluster.fault("*", kind)
    rig.close(5.0)
    assert f"{number}" in rig.warnings()
    rig.cluster.kill(number)
    rig.cluster.wait_until_empty(WAIT)


# --- what is no fault of a command


@pytest.mark.parametrize(("flavour", "kind"), cases("requeue", everyday="slurm requeue"))
def test_a_job_is_put_back_into_the_queue(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    number = rig.connect()
    rig.session.set_load(outstanding=1, slots=0, connected=())
    rig.cluster.requeue(number)
    rig.cluster.wait(lambda: rig.cluster.job(number).starts == 2, WAIT, "its second start")
    rig.connect()
    assert rig.session.failures == []
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [number]


@pytest.mark.parametrize(("flavour", "kind"), cases("cancelled from outside", everyday="torque cancelled from outside"))
def test_somebody_else_cancels_a_job(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    number = rig.connect()
    rig.session.set_load(outstanding=1, slots=0, connected=())
    rig.cluster.cancel(number)
    rig.session.wait_until(lambda session: "0" in session.ended, WAIT)
    assert "CANCELLED" in rig.session.ended[BlockId("0")]
    assert rig.connect() == number + 1
    rig.leaves_nothing()


@pytest.mark.parametrize(("flavour", "kind"), cases("id used again", everyday="slurm id used again"))
def test_an_id_is_used_again(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin()
    number = rig.connect()
    rig.session.set_load(outstanding=1, slots=0, connected=())
    rig.cluster.use_number(number)
    rig.cluster.cancel(number)
    rig.session.wait_until(lambda session: "0" in session.ended, 1.5 * WAIT)
    assert rig.connect() == number
    before = rig.asked("status")
    rig.cluster.wait(lambda: rig.asked("status") >= before + 3, WAIT, "more questions")
    assert set(rig.session.ended) == {"0"}
    rig.leaves_nothing()
    assert rig.cluster.submissions() == [number, number]


@pytest.mark.parametrize(("flavour", "kind"), cases("unknown queue"))
def test_a_queue_that_is_not_known_is_told_and_not_asked_for_again_and_again(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin(**NOT_TAKEN.get(flavour, {"queue": "nope"}))
    text = rig.failure()
    assert "3 submissions in a row were refused" in text
    assert "nope" in text or "Unknown queue" in text
    rig.leaves_nothing()
    assert rig.asked("submit") == 3


@pytest.mark.parametrize(
    ("flavour", "kind"), [case for case in cases("down", "held") if case.values != ("condor", "down")]
)
def test_a_job_that_can_never_start_is_explained_and_ended(flavour: str, kind: str, rig: Rig) -> None:
    rig.cluster.set_queue("other", up=False)
    rig.begin(
        **(DOWN.get(flavour, {"queue": "other"}) if kind == "down" else {}),
        **({"scheduler_options": HOLD[flavour]} if kind == "held" else {}),
    )
    text = rig.failure()
    assert re.search(NEVER[kind], text), text
    rig.leaves_nothing()
    assert {job.fate for job in rig.cluster.jobs()} == {"cancelled"}
    assert {job.starts for job in rig.cluster.jobs()} == {0}


@pytest.mark.parametrize(("flavour", "kind"), cases("worker_init fails"))
def test_a_worker_init_that_fails_is_told_with_its_words(flavour: str, kind: str, rig: Rig) -> None:
    rig.begin(worker_init="echo the module system is broken >&2; exit 17")
    text = rig.failure()
    assert "3 blocks in a row ended before a manager had connected" in text
    assert "the module system is broken" in text
    assert "exit code 17" in text
    rig.leaves_nothing()
    assert len(rig.cluster.submissions()) == 3
