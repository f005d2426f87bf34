"""Programs in files: read with their encoding and line ends, written whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsl_like.cli.migration.errors import CannotMigrate

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ProgramFile:
    """A file that holds a program.

    Attributes:
        path: The file.
        text: What it says, its line ends as they are.
        encoding: How it is written.
    """

    path: Path
    text: str
    encoding: str

    @classmethod
    def read(cls, path: Path) -> ProgramFile:
        """The program of a file.

        Raises:
            CannotMigrate: it cannot be read, or is no text.
        """
        if path.suffix == ".ipynb":
            raise CannotMigrate("it is a notebook; `jupyter nbconvert --to script` makes a program of it")
        try:
            content = path.read_bytes()
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            return cls(path, content.decode(encoding), encoding)
        except OSError as error:
            raise CannotMigrate(f"it cannot be read: {error.strerror}") from error
        except (SyntaxError, UnicodeDecodeError) as error:
            raise CannotMigrate(f"its encoding is not what it says: {error}") from error

    def write(self, text: str) -> None:
        """Put another text in its place, with its permissions; after a failure the file is as it was.

        Raises:
            CannotMigrate: it cannot be written.
        """
        target = self.path.resolve()  # a link stays a link
        scratch = None
        try:
            handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode(self.encoding))
            os.chmod(scratch, target.stat().st_mode & 0o7777)
            os.replace(scratch, target)
        except OSError as error:
            if scratch is not None and os.path.exists(scratch):
                os.unlink(scratch)
            raise CannotMigrate(f"it cannot be written: {error.strerror}") from error
