"""What is sent to the nodes of a test block, and what comes back."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import zlib
from typing import TYPE_CHECKING, Any, Final

from parsl_like.doctor.probes import on_node
from parsl_like.doctor.sightings import SeenNode
from parsl_like.executors.high_throughput.launch_template import COMMAND, DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_S: Final = 10.0
"""How long a node tries each address."""

_UNPACK: Final = "import base64,sys,zlib;exec(zlib.decompress(base64.b64decode(sys.argv[1])).decode())"

_BESIDE_THE_POOL: Final = f"""\
pool=$(command -v {COMMAND}) || {{ echo "{COMMAND}: command not found" >&2; exit 127; }}
python=$(dirname "$pool")/python3
[ -x "$python" ] || python=python3
exec "$python" "$@\""""

_WITH_A_COMMAND: Final = """\
command -v "$1" > /dev/null || { echo "$1: command not found" >&2; exit 127; }
shift
exec python3 "$@\""""


def node_command(launch_cmd: str | None, asked: dict[str, Any], python: str | None = None) -> str:
    """The command line that looks around on a node, with the Python that would run a manager there.

    Args:
        launch_cmd: The executor's own command for managers, None for the usual one.
        asked: What to look at.
        python: The interpreter there; None for the one that runs here.
    """
    with open(on_node.__file__, "rb") as file:
        text = base64.b64encode(zlib.compress(file.read(), 9)).decode()
    words = ["-c", _UNPACK, text, base64.b64encode(json.dumps(asked).encode()).decode()]
    if launch_cmd is None or launch_cmd == DEFAULT:
        return shlex.join([python or sys.executable, *words])
    named = re.search(rf"[^\s'\"]*{re.escape(COMMAND)}", launch_cmd)
    if named is None:
        first = (shlex.split(launch_cmd, posix=False) or ["true"])[0]
        return shlex.join(["sh", "-c", _WITH_A_COMMAND, "sh", first.strip("'\""), *words])
    before = launch_cmd[: named.start()] if "{" not in launch_cmd[: named.start()] else ""
    script = _BESIDE_THE_POOL.replace(f"command -v {COMMAND}", f"command -v {shlex.quote(named[0])}")
    return before + shlex.join(["sh", "-c", script, "sh", *words])


def lines_in(text: str) -> list[str]:
    """What nodes have told, in what a block has printed; a launcher may put something in front of each line."""
    return [line.partition(on_node.MARK)[2] for line in text.splitlines() if on_node.MARK in line]


def nodes_in(lines: Sequence[str], token: str, now: float | None = None) -> list[tuple[tuple[str, int], SeenNode]]:
    """What nodes have seen, by node and process; whatever does not bear the token is passed over.

    Args:
        lines: What came.
        token: The word that they were given.
        now: When it came, in seconds since the epoch; None if that is not known.
    """
    found = []
    for line in lines:
        told = _told(line)
        if told.get("token") != token:
            continue
        node = SeenNode(
            node=_text(told.get("node")) or "?",
            python=_text(told.get("python")) or "?",
            executable=_text(told.get("executable")),
            package=_text(told.get("package")) or None,
            package_trouble=_text(told.get("package_trouble")),
            packages={name: _text(version) or None for name, version in _mapping(told.get("packages")).items()},
            reached={url: _text(why) for url, why in _mapping(told.get("reached")).items()},
            folder_trouble=_text(told.get("folder")) or None,
            ahead=0.0 if now is None else _number(told.get("time"), now) - now,
        )
        found.append(((node.node, int(_number(told.get("pid"), 0))), node))
    return found


def _told(line: str) -> dict[str, Any]:
    try:
        return _mapping(json.loads(line))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "".join(letter for letter in value if letter.isprintable())[:500] if isinstance(value, str) else ""


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else otherwise
