"""Names that no configuration has: what is said of one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from parsl_like.profiles.files import ProfileFile

VERY_NEAR: Final = 0.8
"""How near a name of somebody else's must be to be meant: there are many, and most users want none of them."""


def unknown_name(name: str, files: Sequence[ProfileFile], others: Collection[str], searched: str) -> ConfigurationError:
    """The error for a name that nothing has: the user's own profiles come before what everybody has.

    Args:
        name: The name.
        files: The files of profiles that were looked into.
        others: Names of all other configurations.
        searched: Where files of profiles were looked for, to be told where there is none.
    """
    own = list(dict.fromkeys(profile for file in files for profile in file.profiles))
    rest = [other for other in others if other not in own]
    near = _near(name, own, 0.6) or _near(name, rest, VERY_NEAR)
    sentence = f"There is no configuration {name!r}."
    if not files:
        sentence += f" There is no {searched}."
    if near is not None:
        return ConfigurationError(sentence, hint=f"did you mean {near!r}?")
    more = f"parsl-like config list shows {len(rest)} that come with the package or a plugin."
    if own:
        return ConfigurationError(sentence, hint=f"your profiles are {', '.join(own)}; {more}")
    first = "put the profile into a file" if files else "go to the folder that has the file, or name it: FILE:PROFILE"
    return ConfigurationError(sentence, hint=f"{first}; {more}")


def _near(name: str, known: Sequence[str], cutoff: float) -> str | None:
    by_case = {one.lower(): one for one in known}
    return next((by_case[one] for one in difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=cutoff)), None)
