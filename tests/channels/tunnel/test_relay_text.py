"""The relay's text is understood by every Python from 3.6 on, and by shells."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

import parsl_like.channels.tunnel
from parsl_like.channels.tunnel.relay_text import PARTS, plain, relay_program
from parsl_like.channels.tunnel.relay_words import Listening, understood
from tests.channels.tunnel.near import PATIENCE_S, Echo, NearProcess, echoed

FOLDER = Path(parsl_like.channels.tunnel.__file__).parent


@pytest.mark.parametrize("part", PARTS)
def test_it_is_words_of_an_old_python(part: str) -> None:
    text = plain((FOLDER / part).read_text(encoding="utf-8"))
    ast.parse(text, feature_version=(3, 6))
    with pytest.raises(SyntaxError):
        ast.parse("(n := 1)", feature_version=(3, 6))
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, ast.AnnAssign | ast.JoinedStr | ast.NamedExpr | ast.Match)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.posonlyargs
        if isinstance(node, ast.arg):
            assert node.annotation is None
    assert "__future__" not in text
    assert "collections.abc" not in text
    assert "parsl_like." not in text


def test_what_is_left_does_what_it_did() -> None:
    source = '''
"""Text."""
from __future__ import annotations

class Thing:
    """Text."""

def double(x: int, *rest: str) -> int:
    """Text."""
    y: int = 2 * x
    z: int
    return y

def empty() -> None:
    """Text."""
'''
    text = plain(source)
    assert '"""' not in text
    names: dict[str, object] = {}
    exec(text, names)
    assert names["double"](4) == 8  # type: ignore[operator]
    assert names["empty"]() is None  # type: ignore[operator]
    assert isinstance(names["Thing"], type)


def test_it_is_one_short_word_that_no_shell_changes() -> None:
    program = relay_program()
    assert not set(program) & set("\n\r'!$`\\ ")
    assert len(program) < 10_000
    printed = subprocess.run(
        ["sh", "-c", f"printf %s '{program}'"], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert printed.stdout == program


@pytest.mark.integration
@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_python_runs_it(version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip(f"there is no Python {version}")
    with Echo() as echo:
        process = NearProcess([python, "-c", relay_program(), "parsl_like-relay-versions", f"1:{echo.port}:0"])
        try:
            said = understood(process.read_line(PATIENCE_S))
            assert isinstance(said, Listening)
            assert echoed(said.routes()[1][0], b"hello" * 100_000) == b"hello" * 100_000
        finally:
            process.close()
