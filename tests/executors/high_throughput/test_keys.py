"""Keys: one pair per role, each readable by its user alone."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, get_args

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.keys import PEERS, Role, create_keys, load_keys, manager_key_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    create_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        create_keys(tmp_path / "keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    files = list((tmp_path / "keys").iterdir())
    assert {path.name for path in files} == {f"{role}.key" for role in get_args(Role)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_each_file_holds_what_its_role_needs_and_no_more(directory: Path) -> None:
    keys = {role: load_keys(directory, role) for role in get_args(Role)}
    for role, peers in PEERS.items():
        assert keys[role].peers == {peer: keys[peer].public for peer in peers}
        text = (directory / f"{role}.key").read_text()
        others = [keys[other] for other in keys if other != role]
        assert not [other.role for other in others if other.secret.decode() in text]
        strangers = [other for other in others if other.role not in peers]
        assert not [other.role for other in strangers if other.public.decode() in text]
    assert len({k.secret for k in keys.values()}) == 3


def test_the_secret_is_not_shown(directory: Path) -> None:
    keys = load_keys(directory, "manager")
    assert keys.secret.decode() not in repr(keys)


def test_the_managers_file_works_where_a_block_puts_it(directory: Path, tmp_path: Path) -> None:
    place = tmp_path / "node"
    place.mkdir()
    copy = place / "manager.key"
    copy.touch(mode=0o600)
    copy.write_bytes(manager_key_file(directory))
    assert load_keys(place, "manager") == load_keys(directory, "manager")


def test_keys_are_never_overwritten(directory: Path) -> None:
    before = load_keys(directory, "driver")
    with pytest.raises(FileExistsError):
        create_keys(directory)
    assert load_keys(directory, "driver") == before


def test_a_directory_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="directory of your own"):
        create_keys(tmp_path / "keys")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o660])
def test_a_file_open_to_others_is_refused(directory: Path, mode: int) -> None:
    (directory / "manager.key").chmod(mode)
    with pytest.raises(ConfigurationError, match="0600"):
        load_keys(directory, "manager")


def test_a_file_of_somebody_else_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(ConfigurationError, match=f"user {other}, not of {other - 1}"):
        load_keys(directory, "manager")


def test_a_link_to_a_key_is_not_followed(directory: Path) -> None:
    (directory / "manager.key").rename(directory / "real")
    (directory / "manager.key").symlink_to(directory / "real")
    with pytest.raises(OSError, match="symbolic link"):
        load_keys(directory, "manager")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        json.dumps(
            {"role": "manager", "public": "short", "secret": "x" * 40, "peers": {"interchange": "y" * 40}}
        ).encode(),
        json.dumps({"role": "manager", "public": 7, "secret": "x" * 40, "peers": {"interchange": "y" * 40}}).encode(),
    ],
)
def test_a_file_without_keys_is_refused_by_name(directory: Path, content: bytes) -> None:
    (directory / "manager.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"manager\.key"):
        load_keys(directory, "manager")


def test_the_file_of_another_role_is_refused(directory: Path) -> None:
    (directory / "manager.key").write_bytes((directory / "driver.key").read_bytes())
    with pytest.raises(ConfigurationError, match="the keys of the role manager"):
        load_keys(directory, "manager")


@pytest.mark.parametrize("spoil", [0o770, 0o703])
def test_a_folder_that_others_may_write_to_is_refused(directory: Path, spoil: int) -> None:
    directory.chmod(spoil)
    with pytest.raises(ConfigurationError, match="only you may write to"):
        load_keys(directory, "manager")


def test_something_that_is_no_file_is_refused_and_not_waited_for(directory: Path) -> None:
    (directory / "manager.key").unlink()
    os.mkfifo(directory / "manager.key", 0o600)
    with pytest.raises(ConfigurationError, match="regular file"):
        load_keys(directory, "manager")


def test_a_file_that_is_too_large_is_not_read(directory: Path) -> None:
    (directory / "manager.key").write_bytes(bytes(1 << 20))
    with pytest.raises(ConfigurationError, match="at most 65536 bytes"):
        load_keys(directory, "manager")


@pytest.mark.parametrize("key", ["#" * 40, " " * 40, "a" * 39 + "\\", "ä" * 40])
def test_what_is_no_key_is_refused_and_not_shown(directory: Path, key: str) -> None:
    content = json.loads((directory / "manager.key").read_text())
    (directory / "manager.key").write_text(json.dumps({**content, "secret": key}))
    with pytest.raises(ConfigurationError) as refused:
        load_keys(directory, "manager")
    assert key not in str(refused.value)
    assert refused.value.__cause__ is None


def test_without_encryption_each_role_has_the_passwords_of_those_who_come_to_it(tmp_path: Path) -> None:
    create_keys(tmp_path / "keys", encrypted=False)
    keys = {role: load_keys(tmp_path / "keys", role) for role in get_args(Role)}
    assert {role: set(known.peers) for role, known in keys.items()} == {
        "interchange": {"manager"},
        "driver": {"interchange"},
        "manager": set(),
    }
    assert keys["interchange"].peers["manager"] == keys["manager"].public
    assert {known.mechanism for known in keys.values()} == {b"PLAIN"}
    assert not any(known.encrypted for known in keys.values())
