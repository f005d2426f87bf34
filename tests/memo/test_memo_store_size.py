"""A million results: an index in memory, values on disk."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from parsl_like.memo.store import Entry, Store

if TYPE_CHECKING:
    from pathlib import Path

MANY = 1_000_000
MOST_MB = 400

READER = """
import hashlib, json, sys
from parsl_like.memo.store import Store

store = Store(sys.argv[1] + "/none", [sys.argv[1]])
loaded = store.load()
digests = [hashlib.blake2b(b"%d" % number, digest_size=20) for number in range(0, int(sys.argv[2]), 997)]
keys = ["b2:" + digest.hexdigest() for digest in digests]
right = all(store.value(key) == {"number": 997 * place} for place, key in enumerate(keys))
with open("/proc/self/status") as status:  # not what getrusage says: that begins with the size of the parent
    megabytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(json.dumps([loaded.results, right, megabytes, loaded.seconds]))
store.close()
"""


def key(number: int) -> str:
    return "b2:" + hashlib.blake2b(b"%d" % number, digest_size=20).hexdigest()


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/status")
def test_a_million_results_fit_in_memory(tmp_path: Path) -> None:
    parts = tuple((label, b"d" * 16) for label in ("name", "function", "argument 0", "argument 1"))
    store = Store(tmp_path, warn=pytest.fail)
    for start in range(0, MANY, 1000):
        numbers = range(start, start + 1000)
        store.add([Entry(key(number), parts, "app", number, {"number": number}) for number in numbers])
    assert store.flush()
    store.close()
    command = [sys.executable, "-c", READER, str(tmp_path), str(MANY)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    results, right, megabytes, seconds = json.loads(said)
    print(f"{results} results, {megabytes:.0f} MB, {seconds:.1f} s")  # noqa: T201 - shown by pytest -rP
    assert (results, right) == (MANY, True)
    assert megabytes < MOST_MB
