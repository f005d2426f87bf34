"""Files in and out by rsync for tasks on two nodes that see no file of the program, nor of each other.

The nodes are those of ``test_staging_on_hosts.py``, and the directory of the program's files is hidden from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.files import File
from parsl_like.data_provider.rsync import RSyncStaging
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import WrappedLauncher
from parsl_like.providers import LocalProvider
from tests.faults.namespaces import cluster
from tests.remote.transfers.rsync_daemon import Daemon, needs_rsync
from tests.site.test_staging_on_hosts import NODE, shout, transfers

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.site, needs_rsync]

FILES = 60


@pytest.mark.timeout(600)
def test_files_of_the_program_are_copied_once_per_node(tmp_path: Path) -> None:
    runs, place, taken, mine = (tmp_path / name for name in ("runs", "place", "taken", "mine"))
    for folder in (runs, place, taken, mine):
        folder.mkdir()
    for number in range(FILES):
        (mine / f"in {number}").write_text(f"file {number}")
    (mine / "common").write_text("!")
    hidden = NODE.replace("    cd {place}\n", "    mount -t tmpfs tmpfs {mine}\n    cd {place}\n")
    with cluster(2) as hosts, Daemon(tmp_path / "daemon", mine, hosts.address) as daemon:
        script = tmp_path / "node"
        names = {"hosts": " ".join(hosts.hosts), "taken": taken, "place": place, "runs": runs, "mine": mine}
        script.write_text(hidden.format(**names))
        script.chmod(0o755)
        htex = HighThroughputExecutor(
            label="nodes",
            address=hosts.address,
            max_workers_per_node=2,
            cores_per_worker=0.01,
            storage_access=[RSyncStaging(f"rsync://{hosts.address}:{daemon.port}/data", module_root=str(mine))],
            working_dir=str(place / "files"),
            provider=LocalProvider(init_blocks=2, min_blocks=2, max_blocks=2, launcher=WrappedLauncher(str(script))),
        )
        with parsl_like.load(Config(executors=[htex], run_dir=str(runs), strategy="none")) as kernel:
            make = python_app(shout, data_flow_kernel=kernel)
            common = File(mine / "common")
            made = [
                make(File(mine / f"in {n}"), common, str(place), outputs=[File(mine / "new" / f"out {n}")])
                for n in range(FILES)
            ]
            makers = [each.result(400) for each in made]
    assert set(makers) == set(hosts.hosts), "both nodes have worked"
    assert [(mine / "new" / f"out {n}").read_text() for n in range(FILES)] == [f"FILE {n}!" for n in range(FILES)]
    told = transfers(runs / "000" / "records.jsonl")
    assert len(told) == 2 * FILES + 2, "the common file has come once for each node"
    assert len([url for url, _ in told if url.endswith("/common")]) == 2
