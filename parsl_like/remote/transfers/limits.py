"""How long, and how often, a transfer is tried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one transfer.

    Attributes:
        silence: Seconds without a byte after which a connection is given up; making one may take as long.
        total: Seconds that all tries together may take; None for no such bound.
        tries: How many in a row may bring nothing new.
        first_wait: Seconds between the first try and the second; doubled each time, and made a bit random.
        longest_wait: The longest of these, and the longest that a server may ask for.
        redirects: How often one server may point to another.
        ca_file: Certificates of authorities to trust instead of the system's; None for the system's.
        keep_partial: Whether what has come of a file is kept when its transfer fails, for the next one.
        progress_period: Seconds between two records of how far the transfer is.
    """

    silence: float = 60.0
    total: float | None = None
    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0
    redirects: int = 10
    ca_file: str | None = None
    keep_partial: bool = False
    progress_period: float = 10.0


DEFAULT = Limits()
