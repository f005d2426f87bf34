"""The version of the package, read as text by ``setup.py`` so that building imports nothing."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
