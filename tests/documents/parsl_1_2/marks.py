"""Where the text of Parsl 1.2's documents looks like a program, found without knowledge of the index.

The text has neither punctuation nor line ends, and its words are stems. What is left of the markup around a program
(``code-block``, ``literalinclude``, ``autosummary``) and words that stand only in programs tell where one is. As a
command, with the text's path as its argument, it prints them as the file MARKS has them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MARKS = Path(__file__).with_name("MARKS")

SIGNS = re.compile(
    rb"\b(?:"
    rb"codeblock|literalinclud|autosummari"  # markup
    rb"|code python (?:config site|usernam|class|active_task|parslconfig)|code (?:bash (?:creat|tag)|import parsl)"
    rb"|(?:python_app|bash_app|join_app|apppython)[a-z_ ]{0,40} def [a-z_]+"  # decorated functions
    rb"|parsl[a-z_]* import [a-z_]+|libsubmit[a-z_]* import [a-z_]+|import parsl"
    rb"|parslload(?:config)?|dfkcheckpoint|configcheckpoint_\w+"
    rb"|config config executor"
    rb")\b"
)

PROSE = ((91571, "dfkcheckpoint"), (149740, "parslloadconfig"))
"""Signs that turned out to stand in a sentence."""

IN_PROSE = ("1.2/usage/1", "1.2/design/2", "1.2/changelog/22", "1.2/changelog/23")
"""Examples that a sentence tells."""


def marks(document: bytes) -> list[tuple[int, str]]:
    """Offset and text of each sign of a program."""
    return [(found.start(), found[0].decode()) for found in SIGNS.finditer(document)]


def recorded() -> list[tuple[int, str]]:
    """Those that were found in the document when it was read."""
    lines = MARKS.read_text(encoding="utf-8").splitlines()
    return [(int(offset), text) for offset, text in (line.split("\t") for line in lines)]


if __name__ == "__main__":
    for offset, text in marks(Path(sys.argv[1]).read_bytes()):
        sys.stdout.write(f"{offset}\t{text}\n")
