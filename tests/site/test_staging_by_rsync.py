"""Files by rsync from and to a real server of OpenSSH, over a way that can be broken, as tasks have them."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from parsl_like.app.app import python_app
from parsl_like.config import Config
from parsl_like.data_provider.files import File
from parsl_like.data_provider.rsync import RSyncStaging
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import StagingError
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider
from parsl_like.remote.transfers.limits import Limits
from parsl_like.remote.transfers.rsync import Far, fetch, send

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.site.ssh_servers import SSHServers

pytest_plugins = ["tests.site.ssh_servers"]
pytestmark = pytest.mark.site

Words = tuple[str, ...]


@pytest.fixture
def ssh(ssh_servers: SSHServers, tmp_path: Path) -> Callable[..., Words]:
    """The words of an ssh that has a configuration as a user would have it, with some keys."""

    def words(port: int | None = None, key: str = "key", known: str = "known", more: str = "") -> Words:
        config = tmp_path / "config"
        config.write_text(
            f"IdentityFile {ssh_servers.folder / key}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {ssh_servers.folder / known}\nGlobalKnownHostsFile /dev/null\n{more}"
        )
        config.chmod(0o600)
        return ("ssh", "-F", str(config), "-p", str(port or ssh_servers.port))

    return words


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "far").mkdir()
    path = tmp_path / "far" / "a b$(touch x)*"
    path.write_bytes(os.urandom(20_000_000))
    return path


def test_files_come_and_go(ssh: Callable[..., Words], file: Path, tmp_path: Path) -> None:
    here, limits = tmp_path / "here", Limits(silence=30, tries=1)
    assert fetch(Far("root@127.0.0.1:", str(file), ssh()), str(here / "x"), limits).size == 20_000_000
    assert (here / "x").read_bytes() == file.read_bytes()
    out = tmp_path / "far" / "out; rm -rf *"
    send(str(here / "x"), Far("root@127.0.0.1:", str(out), ssh()), limits)
    assert out.read_bytes() == file.read_bytes()
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == sorted([file.name, out.name])


def test_keys_that_are_not_known_are_refused_at_once(
    ssh_servers: SSHServers, ssh: Callable[..., Words], file: Path, tmp_path: Path
) -> None:
    limits = Limits(silence=30, tries=3)

    def refused(words: Words) -> str:
        with pytest.raises(StagingError) as caught:
            fetch(Far("root@127.0.0.1:", str(file), words), str(tmp_path / "x"), limits)
        assert "tried" not in caught.value.reason
        assert not (tmp_path / "x").exists()
        return caught.value.reason

    assert "Permission denied" in refused(ssh(key="wrong_key"))
    assert "Host key verification failed" in refused(ssh(known="known_none"))
    assert "HOST IDENTIFICATION HAS CHANGED" in refused(ssh(port=ssh_servers.other_port))


def test_who_does_not_want_hosts_checked_may_say_so(ssh: Callable[..., Words], file: Path, tmp_path: Path) -> None:
    words = ssh(known="known_none", more="StrictHostKeyChecking no\n")
    known = tmp_path / "known"  # what is learnt is to be nobody else's
    shutil.copy(words[2], tmp_path / "other")
    (tmp_path / "other").write_text(
        "".join(
            line if "UserKnownHostsFile" not in line else f"UserKnownHostsFile {known}\n"
            for line in (tmp_path / "other").read_text().splitlines(keepends=True)
        )
    )
    words = (*words[:2], str(tmp_path / "other"), *words[3:])
    assert fetch(Far("root@127.0.0.1:", str(file), words), str(tmp_path / "x"), Limits(tries=1)).size == 20_000_000


def test_a_connection_that_is_reset_or_frozen_is_gone_on_with(
    ssh_servers: SSHServers, ssh: Callable[..., Words], tmp_path: Path
) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(300_000_000))
    far = Far("root@127.0.0.1:", str(big), ssh(port=ssh_servers.proxy_port))
    stop = threading.Timer(1.2, ssh_servers.drop)
    stop.start()
    moved = fetch(far, str(tmp_path / "here" / "x"), Limits(silence=20, tries=4, first_wait=0.5))
    stop.join()
    assert moved.size == 300_000_000
    assert (tmp_path / "here" / "x").read_bytes() == big.read_bytes()
    ssh_servers.freeze()
    try:
        with pytest.raises(StagingError, match=r"ended with (30|255|12)"):
            fetch(far, str(tmp_path / "here" / "y"), Limits(silence=2, tries=2, first_wait=0.1))
    finally:
        ssh_servers.thaw()
    assert [path.name for path in (tmp_path / "here").iterdir() if path.name != ".parsl_like"] == ["x"]


def test_tasks_of_a_program_copy_their_files(ssh: Callable[..., Words], tmp_path: Path) -> None:
    def shout(inputs: tuple[File, ...] = (), outputs: tuple[File, ...] = ()) -> str:
        with open(inputs[0]) as given, open(outputs[0], "w") as made:
            made.write(given.read().upper())
        return str(inputs[0])

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "in.txt").write_text("quiet")
    executor = HighThroughputExecutor(
        label="htex",
        max_workers_per_node=2,
        cores_per_worker=0.1,
        working_dir=str(tmp_path / "nodes"),
        provider=LocalProvider(init_blocks=1, max_blocks=1),
        storage_access=[RSyncStaging("root@127.0.0.1", ssh=ssh(), timeout=30)],
    )
    with DataFlowKernel(Config(executors=[executor], run_dir=str(tmp_path / "runs"))) as dfk:
        app = python_app(shout, data_flow_kernel=dfk)
        futures = [
            app(inputs=[File(tmp_path / "mine" / "in.txt")], outputs=[File(tmp_path / "mine" / f"new/out{number}")])
            for number in range(4)
        ]
        assert {future.result(120) for future in futures} == {str(tmp_path / "nodes" / "in.txt")}
        futures[0].outputs[0].result(60)
        assert dfk.recorder.flush(10)
        told = [record.fields for record in dfk.records.last("transfer") if "bytes" in record.fields]
    assert [(tmp_path / "mine" / f"new/out{number}").read_text() for number in range(4)] == ["QUIET"] * 4
    assert len([fields for fields in told if fields["path"].endswith("in.txt")]) == 1, "once for the node"
    assert len(told) == 5
