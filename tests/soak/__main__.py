"""Runs one soak: ``python -m tests.soak --minutes 10``. Exit code 1 if anything was not as it must be."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.soak import report
from tests.soak.judge import violations
from tests.soak.places import Site
from tests.soak.schedule import KINDS
from tests.soak.soak import Soak


def main(argv: list[str] | None = None) -> int:
    """One soak; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults go on")
    parser.add_argument("--seed", type=int, help="what faults and tasks are drawn from; without it a new one")
    parser.add_argument("--rate", type=float, default=25.0, help="items a second, at most")
    parser.add_argument("--log", type=Path, default=report.LOG, help="the file that takes a line about the soak")
    parser.add_argument("--only", action="append", metavar="KIND", choices=[kind.name for kind in KINDS])
    parser.add_argument("--table", action="store_true", help="only write the table of docs/internals/soak.md anew")
    parser.add_argument("--keep", action="store_true", help="leave logs and run directory where they are")
    options = parser.parse_args(argv)
    if options.table:
        report.rewrite(report.DOCUMENT, report.read(options.log))
        return 0
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4))
    began = time.time()
    with Site() as site:
        site.keep = options.keep
        _tell(f"seed {seed}, {options.minutes:g} minutes, in {site.base}")
        for what, why in site.missing.items():
            _tell(f"no faults of the {what} here: {why}")
        only = set(options.only) if options.only else None
        soak = Soak(site, seed=seed, seconds=options.minutes * 60, rate=options.rate, tell=_tell, only=only)
        soak.run()
        evidence = soak.evidence
        found = violations(evidence)
        facts = report.line(
            evidence, seed=seed, minutes=options.minutes, began=began, done=soak.done, missing=site.missing
        )
        site.keep = site.keep or bool(found)
    facts |= {"violations": found, "verdict": "violated" if found else "held"}
    report.append(options.log, facts)
    for name, value in facts.items():
        _tell(f"  {name}: {value}")
    for note in (evidence.closed or {}).get("notes", ()):
        _tell(f"  the run's summary: {note}")
    return 1 if found else 0


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
