"""Who gets which processors and which accelerator."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from parsl_like.executors.high_throughput.node.pinning import Pin, apply, pins, usable_processors


@pytest.mark.parametrize(
    ("affinity", "workers", "expected"),
    [
        ("none", 2, [(), ()]),
        ("block", 2, [(0, 1, 2), (3, 4, 5)]),
        ("block", 4, [(0,), (1,), (2,), (3,)]),
        ("block", 8, [(0,), (1,), (2,), (3,), (4,), (5,), (0,), (1,)]),
        ("block-reverse", 2, [(3, 4, 5), (0, 1, 2)]),
        ("alternating", 2, [(0, 2, 4), (1, 3, 5)]),
        ("alternating", 4, [(0, 4), (1, 5), (2,), (3,)]),
        ("alternating", 7, [(0,), (1,), (2,), (3,), (4,), (5,), (0,)]),
        ("list:0-2,5:4", 3, [(0, 1, 2, 5), (4,), (0, 1, 2, 5)]),
    ],
)
def test_processors(affinity: str, workers: int, expected: list[tuple[int, ...]]) -> None:
    found = pins(workers, range(6), affinity, ())
    assert [pin.processors for pin in found] == expected


def test_numbers_are_those_that_may_be_used() -> None:
    assert [pin.processors for pin in pins(2, [8, 9, 12, 13], "block", ())] == [(8, 9), (12, 13)]


@pytest.mark.parametrize("affinity", ["list:0:6", "list:", "scatter"])
def test_what_cannot_be_meant_is_refused(affinity: str) -> None:
    with pytest.raises(ValueError, match=affinity):
        pins(2, range(6), affinity, ())


def test_libraries_are_told() -> None:
    first, second = pins(2, range(4), "block", ("gpu0", "gpu1"))
    assert first.environment == {
        "OMP_NUM_THREADS": "2",
        "GOMP_CPU_AFFINITY": "0 1",
        "KMP_AFFINITY": "explicit,proclist=[0,1]",
        "CUDA_VISIBLE_DEVICES": "gpu0",
        "ROCR_VISIBLE_DEVICES": "gpu0",
        "ZE_AFFINITY_MASK": "gpu0",
    }
    assert second.environment["CUDA_VISIBLE_DEVICES"] == "gpu1"
    assert pins(1, range(4), "none", ()) == [Pin()]


def test_accelerators_are_dealt_out_again_when_there_are_too_few() -> None:
    found = pins(3, range(4), "none", ("0", "1"))
    assert [pin.environment["ROCR_VISIBLE_DEVICES"] for pin in found] == ["0", "1", "0"]


def test_a_process_stays_where_it_was_put() -> None:
    processor = usable_processors()[-1]
    script = "import os, sys; sys.stdin.read(); print(sorted(os.sched_getaffinity(0)))"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        apply(process.pid, Pin((processor,)))
        apply(process.pid, Pin())
        output, _ = process.communicate("go", timeout=60)
    assert output.strip() == f"[{processor}]"


def test_a_system_without_affinities_counts_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert usable_processors() == [0, 1, 2]
