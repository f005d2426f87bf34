"""A login to Globus lasts, is kept where only its owner reads it, and a program without one says what to do."""

from __future__ import annotations

import io
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider import globus_login
from parsl_like.data_provider.globus_link import Link, transfer_client
from parsl_like.data_provider.globus_login import Login
from parsl_like.errors import ConfigurationError
from parsl_like.remote.transfers.trouble import Trouble
from tests.data_provider.globus_service import GlobusService

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGIN = Login("client", "refresh", "access", 2_000_000_000, ("scope",))


@pytest.fixture
def service() -> Iterator[GlobusService]:
    with GlobusService({}) as service:
        yield service


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "new" / "login.json"
    monkeypatch.setenv(globus_login.FILE_VARIABLE, str(path))
    monkeypatch.delenv(globus_login.CLIENT_VARIABLE, raising=False)
    return path


def test_what_was_written_is_read_by_its_owner_alone(path: Path) -> None:
    assert globus_login.read(path) is None
    mask = os.umask(0)
    try:
        globus_login.write(path, LOGIN)
        globus_login.write(path, LOGIN._replace(access_token="new"))
    finally:
        os.umask(mask)
    assert globus_login.read(path) == LOGIN._replace(access_token="new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="others have no rights that could be seen")
def test_one_that_others_can_read_is_refused(path: Path) -> None:
    globus_login.write(path, LOGIN)
    path.chmod(0o640)
    with pytest.raises(Trouble, match=r"can be read by others \(-rw-r-----\).*chmod 600"):
        globus_login.read(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_one_of_another_user_is_refused(path: Path) -> None:
    globus_login.write(path, LOGIN)
    os.chown(path, 12345, 12345)
    with pytest.raises(Trouble, match=r"belongs to another user|can be read"):
        _as_user(54321, path)


def _as_user(user: int, path: Path) -> None:
    """Judge the file as that user would."""
    real = os.geteuid
    try:
        os.geteuid = lambda: user  # type: ignore[method-assign]
        globus_login.read(path)
    finally:
        os.geteuid = real  # type: ignore[method-assign]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"client_id": 1}', '{"x": 1, "scopes": []}', "\udcff"])
def test_what_is_none_is_refused(text: str, path: Path) -> None:
    globus_login.write(path, LOGIN)
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Trouble, match="holds no login to Globus; run `parsl-like globus-auth --force`"):
        globus_login.read(path)


@pytest.mark.skipif(os.name != "posix", reason="others have no rights that could be seen")
def test_nothing_is_kept_where_others_could_change_it(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(ConfigurationError, match="anybody can change what is in it"):
        globus_login.write(tmp_path / "open" / "login.json", LOGIN)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HOME": "/srv/me"}, "/srv/me/.config/parsl_like/globus.json"),
        ({"HOME": "/srv/me", "XDG_CONFIG_HOME": "/c"}, "/c/parsl_like/globus.json"),
        ({"HOME": "/srv/me", globus_login.FILE_VARIABLE: "/secret/file"}, "/secret/file"),
    ],
)
def test_where_it_is_kept(variables: dict[str, str], expected: str) -> None:
    assert globus_login.token_path(variables) == Path(expected)


def test_a_user_logs_in_with_a_code(service: GlobusService, path: Path) -> None:
    shown: list[str] = []
    login = globus_login.log_in(path, "client", ["more"], shown.append, lambda _: f" {service.code} \n")
    assert globus_login.read(path) == login
    assert (login.refresh_token, login.access_token) == ("refresh", "access")
    assert login.scopes == (globus_login.TRANSFER, "more")
    assert login.expires_at > time.time() + 100_000
    assert "https://auth.globus.org/v2/oauth2/authorize?" in shown[0]
    assert "access_type=offline" in shown[0]
    assert "code_challenge=" in shown[0]
    assert len(service.logins[0]) >= 43, "RFC 7636, section 4.1"


def test_a_code_that_is_not_right_is_told_and_nothing_is_kept(service: GlobusService, path: Path) -> None:
    with pytest.raises(Trouble, match="Globus does not take that: 401"):
        globus_login.log_in(path, "client", (), lambda _: None, lambda _: "guess")
    assert not path.exists()


def test_a_token_that_has_ended_is_replaced_and_the_new_one_kept(service: GlobusService, path: Path) -> None:
    globus_login.write(path, LOGIN._replace(access_token="old", expires_at=1))
    link = Link(transfer_client(globus_login.authorizer()))
    link.new_id()
    assert service.refreshed == ["refresh"]
    kept = globus_login.read(path)
    assert kept is not None
    assert (kept.access_token, kept.refresh_token, kept.scopes) == ("fresh", "refresh", ("scope",))
    assert kept.expires_at > time.time()


def test_so_is_one_that_ended_before_its_time(service: GlobusService, path: Path) -> None:
    globus_login.write(path, LOGIN._replace(access_token="revoked"))
    Link(transfer_client(globus_login.authorizer())).new_id()
    assert service.refreshed == ["refresh"]


def test_one_that_cannot_be_kept_is_good_for_the_run(
    service: GlobusService, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    globus_login.write(path, LOGIN._replace(expires_at=1))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(globus_login, "write", full)
    Link(transfer_client(globus_login.authorizer())).new_id()
    assert "could not be kept" in caplog.text
    assert "fresh" not in caplog.text


def test_a_login_that_globus_does_not_know_any_more_is_told(service: GlobusService, path: Path) -> None:
    globus_login.write(path, LOGIN._replace(refresh_token="revoked", expires_at=1))
    link = Link(transfer_client(globus_login.authorizer()))
    with pytest.raises(Trouble, match=r"does not know you any more.*run `parsl-like globus-auth --force`") as caught:
        link.new_id()
    assert not caught.value.transient


def test_without_a_login_the_command_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("nobody is asked\n"))
    with pytest.raises(Trouble, match=f"{path} is not there.*run `parsl-like globus-auth`"):
        globus_login.authorizer()


def test_at_a_terminal_the_user_is_asked(service: GlobusService, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(f"my-client\n{service.code}\n"))
    monkeypatch.setattr("sys.stderr", shown)
    Link(transfer_client(globus_login.authorizer())).new_id()
    kept = globus_login.read(path)
    assert kept is not None
    assert kept.client_id == "my-client"
    assert "register a thick client" in shown.getvalue()


def test_logging_out_removes_the_file_and_tells_globus(service: GlobusService, path: Path) -> None:
    globus_login.write(path, LOGIN)
    globus_login.log_out(path, LOGIN)
    assert not path.exists()
    assert service.revoked == ["access", "refresh"]
    service.break_off("revoke", times=10)
    globus_login.write(path, LOGIN)
    with pytest.raises(Trouble, match="is gone, but Globus could not be told"):
        globus_login.log_out(path, LOGIN)
    assert not path.exists()


def test_tokens_are_in_no_text_of_an_error(service: GlobusService, path: Path) -> None:
    globus_login.write(path, LOGIN._replace(access_token="s3cret", refresh_token="s3cret-too"))
    with pytest.raises(Trouble) as caught:
        Link(transfer_client(globus_login.authorizer())).new_id()
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in f"{error!s} {error!r} {getattr(error, '__notes__', '')}"
        error = error.__cause__
