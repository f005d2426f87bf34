"""Whether a machine is the one that is meant."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels.errors import BadHostKeyException, UnknownHostKeyException
from parsl_like.channels.ssh import host_keys
from parsl_like.channels.ssh.destination import Destination
from parsl_like.channels.ssh.known_hosts import HostKey, fitting, known_of
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = Destination(name="cluster", hostname="login", port=2222, username="me")
OFFERED = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
ONE, OTHER = HostKey("ssh-ed25519", "AAAAC3Nz"), HostKey("ssh-ed25519", "AAAAC3Ny")


@pytest.mark.parametrize(
    ("kinds", "ways"),
    [
        ({"ssh-rsa"}, ["rsa-sha2-512", "rsa-sha2-256"]),
        ({"ssh-ed25519", "ssh-rsa"}, ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]),
        ({"ssh-dss"}, []),
        (set(), []),
    ],
)
def test_the_server_is_asked_for_a_kind_that_is_known(kinds: set[str], ways: list[str]) -> None:
    assert fitting(kinds, OFFERED) == ways


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("login ssh-ed25519 AAAAC3Nz", True),
        ("LOGIN ssh-ed25519 AAAAC3Nz a comment", True),
        ("other,login ssh-ed25519 AAAAC3Nz", True),
        ("l*n ssh-ed25519 AAAAC3Nz", True),
        ("logi? ssh-ed25519 AAAAC3Nz", True),
        ("*,!login ssh-ed25519 AAAAC3Nz", False),
        ("log ssh-ed25519 AAAAC3Nz", False),
        ("[login]:2222 ssh-ed25519 AAAAC3Nz", False),
        ("# login ssh-ed25519 AAAAC3Nz", False),
        ("@cert-authority login ssh-ed25519 AAAAC3Nz", False),
        ("@cert-authority *", False),
        ("login", False),
        ("", False),
        ("|1|broken|x ssh-ed25519 AAAAC3Nz", False),
        ("|1|broken ssh-ed25519 AAAAC3Nz", False),
    ],
)
def test_lines_of_known_machines(line: str, meant: bool) -> None:
    assert known_of("login", [line]).keys == ({ONE} if meant else set())


def test_a_machine_may_have_several_keys_and_revoked_ones_are_none() -> None:
    lines = ["[login]:2222 ssh-ed25519 AAAAC3Nz", "[login]:2222 ssh-rsa AAAAB3", "[login]:2222 ssh-ed25519 AAAAC3Ny"]
    assert known_of("[login]:2222", lines).kinds == {"ssh-ed25519", "ssh-rsa"}
    assert len(known_of("[login]:2222", lines).keys) == 3
    known = known_of("[login]:2222", [*lines, "@revoked * ssh-ed25519 AAAAC3Nz"])
    assert ONE not in known.keys
    assert known.revoked == {ONE}


def test_names_that_ssh_keygen_has_hashed(tmp_path: Path) -> None:
    file = tmp_path / "known"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    kind, blob, _ = (tmp_path / "key.pub").read_text().split(None, 2)
    file.write_text(f"[login]:2222 {kind} {blob}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "login" not in file.read_text()
    assert known_of("[login]:2222", file.read_text().splitlines()).keys == {HostKey(kind, blob)}
    assert known_of("login", file.read_text().splitlines()).keys == set()
    said = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "key")], capture_output=True, text=True, check=True)
    assert str(HostKey(kind, blob)) == f"{kind} {said.stdout.split()[1]}"


def test_the_files_that_are_looked_into(tmp_path: Path) -> None:
    one, nothing = tmp_path / "one", tmp_path / "nothing"
    one.write_text("")
    named = Destination(name="c", hostname="h", port=22, username="me", known_hosts=(str(nothing), str(one)))
    assert host_keys.known_hosts_files(named, None) == [one]
    assert host_keys.known_hosts_files(MACHINE, str(one)) == [one]
    with pytest.raises(
        ConfigurationError, match=r"(?s)no file .*nothing of known machines.*ssh-keyscan -p 2222 login >> "
    ):
        host_keys.known_hosts_files(MACHINE, str(nothing))


def test_an_unknown_key_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text("")
    with pytest.raises(UnknownHostKeyException) as caught:
        host_keys.HostKeys(MACHINE, str(file)).compare(ONE)
    text = str(caught.value)
    assert f"[login]:2222 shows {ONE}, and is not in {file}" in text
    assert f"ssh-keyscan -p 2222 login >> {file}" in text
    assert not caught.value.transient
    assert file.read_text() == ""


def test_a_changed_key_and_a_revoked_one(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"[login]:2222 {ONE.kind} {ONE.blob}\n")
    host_keys.HostKeys(MACHINE, str(file)).compare(ONE)
    with pytest.raises(BadHostKeyException) as caught:
        host_keys.HostKeys(MACHINE, str(file)).compare(OTHER)
    assert not isinstance(caught.value, UnknownHostKeyException)
    assert f"[login]:2222 shows {OTHER}; known is {ONE}" in str(caught.value)
    assert "ssh-keygen -R '[login]:2222'" in str(caught.value)
    file.write_text(f"[login]:2222 {ONE.kind} {ONE.blob}\n@revoked * {ONE.kind} {ONE.blob}\n")
    with pytest.raises(BadHostKeyException, match="marked as revoked"):
        host_keys.HostKeys(MACHINE, str(file)).compare(ONE)
