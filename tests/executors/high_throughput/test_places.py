"""Whether two processes share a host, and where their unix sockets are."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput import places
from parsl_like.executors.high_throughput.places import (
    SOCKET_NAME_LENGTH,
    allow_many_files,
    host_identity,
    socket_directory,
)

SCRIPT = "from parsl_like.executors.high_throughput.places import host_identity; print(host_identity())"


def identity_of_another_process(*prefix: str) -> str:
    command = [*prefix, sys.executable, "-c", SCRIPT]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def test_processes_of_one_host_agree() -> None:
    assert identity_of_another_process() == host_identity()


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs unshare and root")
def test_another_network_namespace_is_another_host() -> None:
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("network namespaces cannot be made here")
    assert identity_of_another_process("unshare", "--net") != host_identity()


def test_another_host_name_is_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    here = host_identity()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert host_identity() != here


def test_without_proc_there_is_still_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_kwargs: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(os, "stat", missing)
    assert host_identity() == host_identity()
    assert host_identity().endswith(":-")


def test_the_directory_is_private_and_takes_a_socket(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        directory = socket_directory()
    finally:
        os.umask(before)
    try:
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.join(directory, "x" * SOCKET_NAME_LENGTH))
    finally:
        shutil.rmtree(directory)


def directory_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name in ("TMPDIR", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    directory = socket_directory()
    os.rmdir(directory)
    return os.path.dirname(directory)


def test_a_path_too_long_for_a_socket_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    assert directory_with(monkeypatch, TMPDIR=str(long)) == "/tmp"


def test_a_directory_in_which_others_may_replace_things_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(os.environ["TMPDIR"]) / "b"
    base.mkdir()
    try:
        assert directory_with(monkeypatch, TMPDIR=str(base)) == str(base)
        base.chmod(0o777)
        assert directory_with(monkeypatch, TMPDIR=str(base)) == "/tmp"
        base.chmod(0o1777)
        assert directory_with(monkeypatch, TMPDIR=str(base)) == str(base)
        assert directory_with(monkeypatch, TMPDIR=str(base / "missing")) == "/tmp"
    finally:
        base.rmdir()


def test_no_place_at_all_is_said_with_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_is_trusted", lambda place: False)
    with pytest.raises(ExecutorError, match=r"/tmp.*transport='tcp'"):
        socket_directory()


def test_a_process_may_have_all_the_descriptors_it_is_granted() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        assert allow_many_files() == min(256, before[1])
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
