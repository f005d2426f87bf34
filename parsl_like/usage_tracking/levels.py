"""The values of ``Config(usage_tracking=...)``, at Parsl's path; here none of them sends anything."""

from __future__ import annotations

from typing import Final

DISABLED: Final = 0
"""Nothing."""

LEVEL_1: Final = 1
"""In Parsl: versions of Parsl, Python and the platform."""

LEVEL_2: Final = 2
"""In Parsl: the parts of the configuration that are in use, too."""

LEVEL_3: Final = 3
"""In Parsl: how many tasks ran, and for how long, too."""
