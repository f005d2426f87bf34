"""Runs a program twice: the descriptions that it builds must be equal both times, and show themselves alike."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys

from parsl_like.core.description import Description


def built(program: str) -> dict[str, Description]:
    """The descriptions among the names of a program that has been run."""
    names = runpy.run_path(program, run_name="__main__")
    return {name: value for name, value in names.items() if isinstance(value, Description)}


def compare(first: dict[str, Description], second: dict[str, Description]) -> str:
    """What is wrong with them; "" if nothing is."""
    for name, value in first.items():
        if value != second.get(name):
            return f"{name} differs: {value!r} and {second.get(name)!r}"
        if repr(value) != repr(second[name]):
            return f"{name} shows itself as {value!r} and {second[name]!r}"
        if not repr(value).startswith(f"{type(value).__name__}("):
            return f"{name} does not say what it is: {value!r}"
    return ""


if __name__ == "__main__":
    once = built(sys.argv[1])
    with contextlib.redirect_stdout(io.StringIO()):
        again = built(sys.argv[1])
    sys.exit(compare(once, again) or None)
