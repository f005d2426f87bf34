"""Commands of Parsl that come with a later version say so, whatever they are given."""

from __future__ import annotations

import pytest

from parsl_like.cli import main
from parsl_like.version import VERSION


@pytest.mark.parametrize(("command", "part"), [("visualize", "the dashboard")])
@pytest.mark.parametrize("arguments", [[], ["--help"], ["--listen", "0.0.0.0", "sqlite:///x"], ["-e", "--", "x"]])
def test_it_names_what_is_missing_and_ends_with_2(
    command: str, part: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"parsl-{command} needs {part}, which version {VERSION} does not have" in said.err
    assert "Until then: " in said.err
