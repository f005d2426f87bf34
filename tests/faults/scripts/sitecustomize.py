"""On the path of a test's processes: notes who rebuilds objects from pickles (audit event ``pickle.find_class``)."""

from __future__ import annotations

import os
import sys

_PLACE = os.environ.get("PARSL_LIKE_TEST_PICKLES")


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "pickle.find_class" and _PLACE:
        with open(os.path.join(_PLACE, str(os.getpid())), "a", encoding="utf-8") as file:
            file.write(f"{'.'.join(map(str, arguments))}\n")


if _PLACE:
    sys.addaudithook(_note)
