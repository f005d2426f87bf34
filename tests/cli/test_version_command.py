from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import TYPE_CHECKING

from parsl_like.cli import main
from parsl_like.cli import version as version_module
from parsl_like.version import VERSION

if TYPE_CHECKING:
    import pytest


def test_versions_of_all_that_matters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    versions = json.loads(capsys.readouterr().out)
    assert versions["parsl_like"] == VERSION
    assert versions["python"] == platform.python_version()
    assert versions["pyzmq"] == metadata.version("pyzmq")
    assert main(["version"]) == 0
    assert f"msgspec      {versions['msgspec']}\n" in capsys.readouterr().out


def test_what_is_not_installed_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_module, "DISTRIBUTIONS", ("no-such-distribution",))
    assert main(["version"]) == 0
    assert "no-such-distribution not installed" in capsys.readouterr().out
