"""Globus keeps the contract of staging providers; its collections are directories of this machine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from parsl_like.data_provider.files import File
from parsl_like.data_provider.globus import GlobusStaging
from parsl_like.testing.staging_contract import StagingContract
from tests.data_provider.globus_service import HERE, THERE, GlobusService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestGlobus(StagingContract):
    refused = ("http://host/file", "/file", "zip:/a.zip/b")

    @pytest.fixture(autouse=True)
    def globus(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        tokens = tmp_path / "login.json"
        login = {"client_id": "c", "refresh_token": "refresh", "access_token": "access", "scopes": []}
        tokens.write_text(json.dumps({**login, "expires_at": int(time.time()) + 3600}))
        tokens.chmod(0o600)
        monkeypatch.setenv("PARSL_LIKE_GLOBUS_TOKENS", str(tokens))
        self.place = tmp_path / "there"
        self.place.mkdir()
        with GlobusService({THERE: tmp_path / "there", HERE: tmp_path}):
            yield

    def make_staging(self, place: Path) -> GlobusStaging:
        return GlobusStaging(HERE, endpoint_path="/", local_path=str(place))

    def file_in(self, place: Path) -> File:
        (place / "there" / "far").write_bytes(b"contents")
        return File(f"globus://{THERE}/far")

    def file_out(self, place: Path) -> File:
        return File(f"globus://{THERE}/out/far")

    def read_back(self, file: File) -> bytes:
        return (self.place / file.path.lstrip("/")).read_bytes()
