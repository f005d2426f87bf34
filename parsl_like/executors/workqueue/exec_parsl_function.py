"""The command ``exec_parsl_function.py MAP FUNCTION RESULT``: one call in a process of its own, from file to file.

A batch system of another kind (Work Queue, TaskVine, a shell script) copies two files to a machine, runs the command,
and copies one back. :func:`write_call` makes the first two, :func:`read_result` reads the third.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from parsl_like.serialize.facade import deserialize, serialize
from parsl_like.serialize.failures import pack_failure, unpack_failure

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

RAISED: Final = 1
"""Exit code when the function raised: what it raised is in the result."""

MISUSED: Final = 2
"""Exit code when there is no result: the command line or a file is not what it should be."""

T = TypeVar("T")


def write_call(
    map_file: str | os.PathLike[str],
    function_file: str | os.PathLike[str],
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    places: Mapping[str, str] | None = None,
) -> None:
    """Write what the command needs for one call.

    Args:
        map_file: Path of its first argument.
        function_file: Path of its second argument.
        function: What to call.
        args: Positional arguments.
        kwargs: Keyword arguments.
        places: Where files among the arguments will be on the other machine, by their URL or path.

    Raises:
        SerializationError: the function or an argument cannot be sent.
    """
    Path(map_file).write_bytes(serialize(dict(places or {})))
    Path(function_file).write_bytes(serialize((function, tuple(args), dict(kwargs or {}))))


def read_result(result_file: str | os.PathLike[str]) -> Any:
    """What the function returned.

    Raises:
        BaseException: what it raised.
        DeserializationError: the file is no result.
    """
    ok, value = deserialize(Path(result_file).read_bytes())
    if not ok:
        raise unpack_failure(value)
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run one call; gives the exit code.

    Args:
        argv: The three paths; None for the command line of this process.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if len(words) != 3 or words[0].startswith("-"):
        print("usage: exec_parsl_function.py MAP FUNCTION RESULT", file=sys.stderr)  # noqa: T201
        return 0 if words in (["-h"], ["--help"]) else MISUSED
    try:
        places, (function, args, kwargs) = (deserialize(Path(word).read_bytes()) for word in words[:2])
        outcome = _outcome(function, located(args, places), located(kwargs, places))
        Path(words[2]).write_bytes(outcome)
    except Exception as error:  # noqa: BLE001 - whatever it is, who started the command reads its stderr and exit code
        print(f"exec_parsl_function.py: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return MISUSED
    return 0 if deserialize(outcome)[0] else RAISED


def _outcome(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    try:
        return serialize((True, function(*args, **kwargs)))
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, and so may packing its value
        return serialize((False, pack_failure(error)))


def located(value: T, places: Mapping[str, str]) -> T:
    """Arguments whose files say where they are on this machine; lists and dictionaries are looked into.

    Args:
        value: The arguments.
        places: Paths by URL or path.
    """
    if type(value) in (list, tuple):
        return type(value)([located(item, places) for item in value])  # type: ignore[attr-defined, call-arg]
    if isinstance(value, dict):
        return {key: located(item, places) for key, item in value.items()}  # type: ignore[return-value]
    if places and hasattr(value, "cleancopy") and hasattr(value, "local_path"):
        place = places.get(value.url) or places.get(value.path)  # type: ignore[attr-defined]
        if place is not None:
            value = value.cleancopy()
            value.local_path = place  # type: ignore[attr-defined]
    return value


if __name__ == "__main__":
    sys.exit(main())
