"""The simulated cluster as data: who runs where, who waits for what, and how jobs end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.cluster.call import clock_seconds, clock_text, directives, parse
from tests.fakes.cluster.model import KILL, TERM, Cluster, Fate, Job, Phase, Queue, Settings, Signal, Start, Wanted
from tests.fakes.cluster.slurm_jobs import node_list


def make(**settings: Any) -> Cluster:
    return Cluster(Settings(**{"nodes": 2, "slots": 2, **settings}))


def wanted(**fields: Any) -> Wanted:
    return Wanted(**{"name": "job", "owner": "ann", "queue": "main", **fields})


def started(cluster: Cluster, now: float = 0.0) -> list[int]:
    cluster.tick(now)
    return [effect.job.number for effect in cluster.take_effects() if isinstance(effect, Start)]


def running(cluster: Cluster, **fields: Any) -> Job:
    job = cluster.submit(wanted(**fields), 0.0)
    assert started(cluster) == [job.number]
    return job


def test_jobs_wait_while_all_nodes_are_taken() -> None:
    cluster = make()
    jobs = [cluster.submit(wanted(slots=0), 0.0) for _ in range(3)]
    assert started(cluster) == [1, 2]
    assert cluster.why_waiting(jobs[2]) == "room"
    cluster.script_ended(jobs[0], 1, 0, 5.0)
    assert started(cluster, 5.0) == [3]
    assert jobs[2].nodes == jobs[0].nodes


def test_jobs_share_a_node_by_slots() -> None:
    cluster = make(nodes=1)
    for _ in range(3):
        cluster.submit(wanted(slots=1), 0.0)
    assert started(cluster) == [1, 2]


def test_a_job_gets_all_its_nodes_at_once() -> None:
    cluster = make()
    running(cluster, slots=1)
    large = cluster.submit(wanted(nodes=2), 0.0)
    assert started(cluster) == []
    cluster.script_ended(cluster.jobs[1], 1, 0, 1.0)
    assert started(cluster, 1.0) == [2]
    assert large.nodes == ("n1", "n2")


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"nodes": 3}, "size"), ({"slots": 3}, "size"), ({"walltime": 61.0}, "walltime"), ({"queue": "down"}, "queue")],
)
def test_what_never_starts(fields: dict[str, Any], why: str) -> None:
    cluster = make(queues={"main": Queue(longest=60.0), "down": Queue(up=False)})
    job = cluster.submit(wanted(**{"walltime": 1.0, **fields}), 0.0)
    assert started(cluster, 1e6) == []
    assert cluster.why_waiting(job) == why


@pytest.mark.parametrize(("code", "exit_code", "signal"), [(0, 0, 0), (3, 3, 0), (-9, None, 9)])
def test_how_a_script_ends(code: int, exit_code: int | None, signal: int) -> None:
    cluster = make()
    job = running(cluster)
    cluster.script_ended(job, 1, code, 7.0, stragglers=2)
    assert (job.phase, job.fate, job.exit_code, job.signal) == (Phase.DONE, Fate.EXIT, exit_code, signal)
    assert (job.ended, job.stragglers) == (7.0, 2)


def test_walltime() -> None:
    cluster = make(kill_wait=2.0)
    job = running(cluster, walltime=10.0)
    assert cluster.next_due(0.0) == 10.0
    cluster.tick(10.0)
    assert cluster.take_effects() == [Signal(1, 1, TERM)]
    assert (job.phase, cluster.next_due(10.0)) == (Phase.ENDING, 12.0)
    cluster.tick(12.0)
    cluster.tick(13.0)
    assert cluster.take_effects() == [Signal(1, 1, KILL)]
    cluster.script_ended(job, 1, -9, 13.0)
    assert (job.phase, job.fate) == (Phase.DONE, Fate.TIMEOUT)


def test_cancel() -> None:
    cluster = make()
    job, waits = running(cluster), cluster.submit(wanted(held=True), 0.0)
    for each in (job, waits, job):
        cluster.cancel(each, 1.0)
    assert cluster.take_effects() == [Signal(1, 1, TERM)]
    assert (waits.phase, waits.fate) == (Phase.DONE, Fate.CANCELLED)
    cluster.script_ended(job, 1, 143, 2.0)
    assert (job.phase, job.fate, job.exit_code) == (Phase.DONE, Fate.CANCELLED, 143)


def test_some_kill_at_once() -> None:
    cluster = make(kills_at_once=True)
    cluster.cancel(running(cluster), 1.0)
    assert cluster.take_effects() == [Signal(1, 1, KILL)]


def test_hold_and_release() -> None:
    cluster = make()
    job = cluster.submit(wanted(held=True), 0.0)
    assert started(cluster) == []
    assert cluster.release(job)
    assert cluster.hold(job)
    assert started(cluster) == []
    assert cluster.release(job)
    assert started(cluster) == [1]
    assert not cluster.hold(job)


def test_requeue_keeps_the_number_and_old_news_are_none() -> None:
    cluster = make(requeue_wait=1.0)
    job = running(cluster)
    assert cluster.requeue(job, 5.0)
    assert cluster.take_effects() == [Signal(1, 1, KILL)]
    cluster.script_ended(job, 1, -9, 5.1)
    assert job.phase is Phase.PENDING
    assert started(cluster, 5.5) == []
    assert started(cluster, 6.0) == [1]
    cluster.script_ended(job, 1, -9, 6.1)
    assert (job.phase, job.starts) == (Phase.RUNNING, 2)


@pytest.mark.parametrize(("requeue", "phase"), [(True, Phase.PENDING), (False, Phase.DONE)])
def test_a_lost_node(requeue: bool, phase: Phase) -> None:
    cluster = make(node_timeout=3.0)
    job = running(cluster, requeue=requeue)
    cluster.lose_node("n1", 1.0)
    cluster.script_ended(job, 1, -9, 1.0)
    cluster.tick(3.9)
    assert job.phase is Phase.RUNNING
    assert cluster.next_due(3.9) == 4.0
    cluster.tick(4.0)
    assert job.phase is phase
    assert job.fate is (Fate.NONE if requeue else Fate.NODE_LOST)


def test_some_never_give_up_a_lost_node() -> None:
    cluster = make(gives_up_nodes=False)
    job = running(cluster)
    cluster.lose_node("n1", 1.0)
    cluster.tick(1e6)
    cluster.cancel(job, 1e6)
    assert (job.phase, cluster.take_effects()) == (Phase.ENDING, [])
    cluster.restore_node("n1")
    cluster.script_ended(job, 1, -9, 1e6)
    assert job.over


def test_history_expires_and_a_number_may_come_again() -> None:
    cluster = make(history=10.0)
    job = running(cluster)
    cluster.script_ended(job, 1, 0, 1.0)
    cluster.tick(10.9)
    assert cluster.jobs == {1: job}
    cluster.tick(11.0)
    assert (cluster.jobs, cluster.archive) == ({}, {1: job})
    cluster.next_number = 1
    assert cluster.submit(wanted(), 12.0).number == 1


def test_options() -> None:
    options = parse(["-ab3", "--name=x", "--long", "y", "one", "-b", "4", "two"], ["a"], ["b", "name n", "long"])
    assert options.values == {"a": "", "b": "4", "name": "x", "long": "y"}
    assert options.operands == ["one", "two"]
    assert options.all["b"] == ["3", "4"]
    assert parse(["-a", "script", "-a"], ["+", "a"], []).operands == ["script", "-a"]


def test_directives_end_with_the_head() -> None:
    script = (
        "#!/bin/bash\n#SBATCH --a=1 # why\n# comment\n#SBATCHER --x\n\n#SBATCH -b 'two words'\necho\n#SBATCH --late\n"
    )
    assert directives(script, "#SBATCH") == ["--a=1", "-b", "two words"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:05", 5.0), ("10", 10.0), ("1:30", 90.0), ("1-00:00:01", 86401.0), ("soon", None), ("1:2:3:4", None)],
)
def test_times(text: str, seconds: float | None) -> None:
    assert clock_seconds(text) == seconds
    if seconds == 5.0:
        assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("nodes", "text"), [((), ""), (("n3",), "n3"), (("n1", "n2", "n4"), "n[1-2,4]"), (("n1", "n3"), "n[1,3]")]
)
def test_node_lists(nodes: tuple[str, ...], text: str) -> None:
    assert node_list(nodes) == text
