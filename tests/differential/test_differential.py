"""The same workflows under today's Parsl and here: equal results, exceptions, files and states of tasks.

Parsl comes from the package index (``.ci/parsl-oracle``); without it the tests are skipped, in CI they fail.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.differential.differences import ALONE, agreed
from tests.differential.drawing import Step, literal, step, workflows
from tests.differential.peers import Peer, parsl_python

EXECUTORS = ("threads", "htex")
COUNT = 100
FULL = bool(os.environ.get("PARSL_LIKE_FULL"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600 if FULL else 600)]


@pytest.fixture(scope="module")
def peers() -> Iterator[tuple[Peer, Peer]]:
    """Today's Parsl, and this package, each with a kernel that runs threads and worker processes."""
    interpreter = parsl_python()
    if interpreter is None:
        if os.environ.get("CI"):
            pytest.fail("Parsl is missing: .ci/parsl-oracle installs it", pytrace=False)
        pytest.skip("needs today's Parsl: .ci/parsl-oracle installs it into build/parsl; PARSL_PYTHON names another")
    with ExitStack() as ending:
        both = (Peer.start("parsl", interpreter), Peer.start("parsl_like", sys.executable))
        for peer in both:
            ending.callback(peer.close)
        for peer in both:
            peer.ready()
        yield both


def compare(peers: tuple[Peer, Peer], steps: list[Step]) -> None:
    """Run a workflow under both, on both executors.

    Raises:
        AssertionError: something differs that should not.
    """
    for executor in EXECUTORS:
        theirs, ours = (agreed(steps, executor, peer.ask(steps, executor)) for peer in peers)
        assert ours == theirs, executor


def test_drawn_workflows(peers: tuple[Peer, Peer]) -> None:
    agree: set[str] = set()

    @given(steps=workflows())
    @settings(
        max_examples=15 * COUNT if FULL else COUNT + COUNT // 2,  # some are drawn twice
        derandomize=not FULL,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def each(steps: list[Step]) -> None:
        if (text := json.dumps(steps)) not in agree:
            compare(peers, steps)
            agree.add(text)

    each()
    assert len(agree) >= COUNT


RARE: dict[str, list[Step]] = {
    "walltime of a Python app": [step("spins", literal(3), walltime=literal(1)), step("same", ["step", 0])],
    "walltime that is not used up": [step("spins", literal(0), walltime=literal(9))],
    "result that cannot be sent": [step("unsendable", literal("generator")), step("takes", ["step", 0])],
    "lock as a result": [step("unsendable", literal("lock"))],
    "class as a result": [step("unsendable", literal("class"))],
    "future within a list": [step("same", literal(1)), step("takes", ["list", [["step", 0]]])],
    "walltime by position": [step("spins", literal(0), literal(9)), step("sh_sleeps", literal(0), literal(9))],
    "wrong arguments": [step("same"), step("same", literal(1), unknown=literal(2)), step("sh_exit")],
    "exception of a class without a module": [step("raises", literal("LocalFlaw"), literal("why"))],
    "failures at the end of a long chain": [step("divide", literal(1), literal(0))]
    + [step("same", ["step", number]) for number in range(20)],
    "wide and deep": [step("join_wide", literal(3)), step("join_deep", literal(6), ["step", 0])],
}


@pytest.mark.parametrize("steps", RARE.values(), ids=RARE.keys())
def test_rare_workflows(peers: tuple[Peer, Peer], steps: list[Step]) -> None:
    compare(peers, steps)


@pytest.mark.parametrize(("app", "args", "executors", "kind"), ALONE.values(), ids=ALONE.keys())
def test_what_parsl_cannot_be_asked(
    peers: tuple[Peer, Peer], app: str, args: tuple[object, ...], executors: tuple[str, ...], kind: str
) -> None:
    _, ours = peers
    for executor in executors:
        (outcome,) = ours.ask([step(app, *map(literal, args))], executor)["outcomes"]
        assert outcome["error"]["type"] == kind
        assert outcome["status"] == "failed"
