"""Files in and out over HTTP for tasks on two nodes that share no files, with each other or with the program.

The nodes are network namespaces, each with a file system in memory for its files, and another one that lies over the
directory of the run: of that it has the key of its own block, and nothing else.
"""

from __future__ import annotations

import collections
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.files import File
from parsl_like.data_provider.http import HTTPInTaskStaging
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import WrappedLauncher
from parsl_like.providers import LocalProvider
from tests.faults.namespaces import cluster
from tests.remote.transfers.web_server import WebServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.site

FILES = 1000

NODE = """#!/bin/sh
# Runs a command on the next node: {hosts}
set -eu
for host in {hosts}; do mkdir {taken}/$host 2>/dev/null && break; done
exec ip netns exec $host unshare --mount --propagation private sh -c '
    mount -t tmpfs tmpfs {place}
    cd {runs} && tar -cf {place}/keys.tar $(find . -name "*.key" -o -name "*.curve" -o -path "*.files/*" -type f)
    mount -t tmpfs tmpfs {runs}
    tar -C {runs} -xf {place}/keys.tar
    echo '$host' > {place}/host
    cd {place}
    exec "$@"' sh "$@"
"""


def shout(source: Any, common: Any, place: str, outputs: Any = ()) -> str:
    with open(source, "rb") as one, open(common, "rb") as other, open(outputs[0], "wb") as out:
        out.write(one.read().upper() + other.read())
    with open(f"{place}/host") as host:
        return host.read().strip()


def look(source: Any, place: str, runs: str) -> tuple[str, bytes, list[str]]:
    import os

    with open(source, "rb") as file, open(f"{place}/host") as host:
        return host.read().strip(), file.read(), [name for _, _, names in os.walk(runs) for name in names]


def transfers(records: Path) -> list[tuple[str, int]]:
    """URL and bytes of each transfer of a run."""
    with records.open() as file:
        lines = [json.loads(line) for line in file if line.startswith('["transfer"')]
    return [(subject, facts["bytes"]) for _, _, subject, facts in lines]


@pytest.mark.timeout(600)
def test_each_file_moves_once_per_node(tmp_path: Path) -> None:
    runs, place, taken = (tmp_path / name for name in ("runs", "place", "taken"))
    for folder in (runs, place, taken):
        folder.mkdir()
    files = {f"in/{number}": b"file %d" % number for number in range(FILES)}
    with cluster(2) as hosts, WebServer({**files, "common": b"!" * 10_000}, address=hosts.address) as web:
        script = tmp_path / "node"
        script.write_text(NODE.format(hosts=" ".join(hosts.hosts), taken=taken, place=place, runs=runs))
        script.chmod(0o755)
        htex = HighThroughputExecutor(
            label="nodes",
            address=hosts.address,
            max_workers_per_node=2,
            cores_per_worker=0.01,
            storage_access=[HTTPInTaskStaging()],
            working_dir=str(place / "files"),
            provider=LocalProvider(init_blocks=2, min_blocks=2, max_blocks=2, launcher=WrappedLauncher(str(script))),
        )
        with parsl_like.load(Config(executors=[htex], run_dir=str(runs), strategy="none")) as kernel:
            make = python_app(shout, data_flow_kernel=kernel)
            use = python_app(look, data_flow_kernel=kernel)
            common = File(web.url("common"))
            made = [
                make(File(web.url(f"in/{n}")), common, str(place), outputs=[File(web.url(f"out/{n}"))])
                for n in range(FILES)
            ]
            used = [use(each.outputs[0], str(place), str(runs)) for each in made]
            makers = [each.result(300) for each in made]
            users = [each.result(300) for each in used]
    assert set(makers) == set(hosts.hosts), "both nodes have worked"
    for number, (_, text, names) in enumerate(users):
        assert text == b"FILE %d" % number + b"!" * 10_000
        assert not {"run.json", "records.jsonl", "parsl_like.log"} & set(names), "the run's own directory is not seen"
    asked = collections.Counter(web.paths())
    for number in range(FILES):
        assert asked[f"/in/{number}"] == 1
        assert asked[f"/out/{number}"] == (0 if users[number][0] == makers[number] else 1)
    assert asked["/common"] == 2
    puts = collections.Counter(web.paths("PUT"))
    assert puts == {f"/out/{number}": 1 for number in range(FILES)}
    assert os.listdir(place) == []
    moved = transfers(runs / "000" / "records.jsonl")
    told = collections.Counter(subject for subject, _ in moved)
    assert told == {web.url(path[1:]): count for path, count in (asked + puts).items()}
    sizes = {web.url(path): len(content) for path, content in web.files.items()}
    assert all(size == sizes[subject] for subject, size in moved)
