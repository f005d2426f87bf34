"""``parsl-like globus-auth``: log in, look into collections, consent, log out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from parsl_like.cli.globus_auth import command
from parsl_like.data_provider import globus_login
from tests.data_provider.globus_service import HERE, THERE, GlobusService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GlobusService]:
    with GlobusService({HERE: tmp_path, THERE: tmp_path}) as service:
        yield service


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "login.json"
    monkeypatch.setenv(globus_login.FILE_VARIABLE, str(path))
    monkeypatch.delenv(globus_login.CLIENT_VARIABLE, raising=False)
    return path


def run(*arguments: str, says: str = "") -> Result:
    return CliRunner().invoke(command, list(arguments), input=says)


def test_a_user_logs_in_and_is_not_asked_again(service: GlobusService, path: Path) -> None:
    done = run(says=f"my-client\n{service.code}\n")
    assert done.exit_code == 0, done.output
    assert "register a thick client" in done.output
    assert f"You are logged in; {path} says so" in done.output
    login = globus_login.read(path)
    assert login is not None
    assert login.client_id == "my-client"
    again = run()
    assert again.exit_code == 0, again.output
    assert "You are logged in already" in again.output
    forced = run("--force", says=f"{service.code}\n")
    assert forced.exit_code == 0, forced.output
    assert len(service.logins) == 2
    assert "Client ID" not in forced.output, "it is known"


def test_the_client_id_may_be_said_by_an_option_or_the_environment(
    service: GlobusService, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "client_id=by-option" in run("--client-id", "by-option", says=f"{service.code}\n").output
    monkeypatch.setenv(globus_login.CLIENT_VARIABLE, "by-variable")
    path.unlink()
    assert "client_id=by-variable" in run(says=f"{service.code}\n").output


def test_a_code_that_is_not_right_ends_it_with_1(service: GlobusService, path: Path) -> None:
    done = run("--client-id", "c", says="guess\n")
    assert done.exit_code == 1
    assert "Error: Globus does not take that: 401" in done.output
    assert not path.exists()


def test_collections_are_looked_into_and_consents_asked_for_together(service: GlobusService, path: Path) -> None:
    service.consents = {HERE, THERE}
    done = run(HERE, THERE, "--client-id", "c", says=f"{service.code}\n{service.code}\n")
    assert done.exit_code == 0, done.output
    assert "wants your consent" in done.output
    assert f"{HERE}: myserver" in done.output
    assert f"{THERE}: myserver" in done.output
    assert len(service.logins) == 2
    login = globus_login.read(path)
    assert login is not None
    assert [scope for scope in login.scopes if HERE in scope and "data_access" in scope]
    assert [scope for scope in login.scopes if THERE in scope and "data_access" in scope]


def test_one_that_cannot_be_used_is_told_and_ends_it_with_1(service: GlobusService, path: Path) -> None:
    done = run(HERE, "no-such", "--client-id", "c", says=f"{service.code}\n")
    assert done.exit_code == 1
    assert f"{HERE}: myserver" in done.output
    assert "no-such: Globus answers 404 EndpointNotFound: No such collection" in done.output


def test_a_login_that_is_not_known_any_more_is_told(service: GlobusService, path: Path) -> None:
    globus_login.write(path, globus_login.Login("c", "revoked", "old", 1, ()))
    done = run()
    assert done.exit_code == 1
    assert "does not know you any more" in done.output


def test_logging_out(service: GlobusService, path: Path) -> None:
    assert "You are not logged in." in run("--logout").output
    run("--client-id", "c", says=f"{service.code}\n")
    assert "You are logged out." in run("--logout").output
    assert not path.exists()
    assert service.revoked == ["access", "refresh"]


def test_without_the_package_it_says_how_to_get_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "globus_sdk", None)
    done = run("--client-id", "c")
    assert done.exit_code == 1
    assert "pip install 'parsl_like[globus]'" in done.output
