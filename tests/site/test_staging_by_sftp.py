"""Files from and to a real server of OpenSSH, over a way that can be broken."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import sftp
from parsl_like.remote.transfers.fetch import fetch, send
from parsl_like.remote.transfers.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.site.ssh_servers import SSHServers

pytest_plugins = ["tests.site.ssh_servers"]
pytestmark = pytest.mark.site


@pytest.fixture
def using(ssh_servers: SSHServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has ssh read a configuration as a user would have it, with some keys."""
    plain = sftp.command

    def use(key: str = "key", known: str = "known") -> None:
        config = tmp_path / "config"
        config.write_text(
            f"User root\nIdentityFile {ssh_servers.folder / key}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {ssh_servers.folder / known}\nGlobalKnownHostsFile /dev/null\n"
        )
        config.chmod(0o600)
        monkeypatch.setattr(sftp, "command", lambda *args: ["ssh", "-F", str(config), *plain(*args)[1:]])

    use()
    return use


def test_files_come_and_go(ssh_servers: SSHServers, using: Any, tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    (tmp_path / "a b#").write_bytes(data)
    limits = Limits(silence=10, tries=1)
    there = f"sftp://127.0.0.1:{ssh_servers.port}{tmp_path}"
    assert fetch(f"{there}/a%20b%23", tmp_path / "x", limits).size == len(data)
    send(tmp_path / "x", f"{there}/new/y", limits)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "new" / "y").read_bytes() == data


def test_keys_that_are_not_known_are_refused_at_once(ssh_servers: SSHServers, using: Any, tmp_path: Path) -> None:
    limits = Limits(silence=10, tries=3)
    using(key="wrong_key")
    with pytest.raises(StagingError, match="Permission denied") as caught:
        fetch(f"sftp://127.0.0.1:{ssh_servers.port}/etc/hostname", tmp_path / "x", limits)
    assert "tried" not in caught.value.reason
    using(known="known_none")
    with pytest.raises(StagingError, match="Host key verification failed"):
        fetch(f"sftp://127.0.0.1:{ssh_servers.port}/etc/hostname", tmp_path / "x", limits)
    using()
    with pytest.raises(StagingError, match=r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED"):
        fetch(f"sftp://127.0.0.1:{ssh_servers.other_port}/etc/hostname", tmp_path / "x", limits)
    assert not (tmp_path / "x").exists()


def test_a_connection_that_is_reset_or_frozen_is_gone_on_with(
    ssh_servers: SSHServers, using: Any, tmp_path: Path
) -> None:
    (tmp_path / "big").write_bytes(os.urandom(300_000_000))
    url = f"sftp://127.0.0.1:{ssh_servers.proxy_port}{tmp_path}/big"
    stop = threading.Timer(0.7, ssh_servers.drop)
    stop.start()
    moved = fetch(url, tmp_path / "x", Limits(silence=5, tries=4, first_wait=0.5))
    stop.join()
    assert moved.size == 300_000_000
    assert (tmp_path / "x").read_bytes() == (tmp_path / "big").read_bytes()
    ssh_servers.freeze()
    try:
        with pytest.raises(StagingError, match=r"nothing came for too long|broke off"):
            fetch(url, tmp_path / "y", Limits(silence=2, tries=2, first_wait=0.1))
    finally:
        ssh_servers.thaw()
    assert not (tmp_path / "y").exists()
