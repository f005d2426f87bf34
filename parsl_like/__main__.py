"""``python -m parsl_like`` is ``parsl-like``, for where no scripts are on the PATH."""

from __future__ import annotations

import sys

from parsl_like.cli import main

if __name__ == "__main__":
    sys.exit(main())
