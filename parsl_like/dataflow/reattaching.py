"""Blocks that outlive their driver: what a run must share to take them over, and how it does so.

A run takes over the blocks of a run that has died and had the same key, in the same folder of runs. The newest such run
counts; whoever first leaves a claim in its directory has its blocks.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from parsl_like.dataflow.blockfile import BlockFile, BlocksOnFile, Continued, private_bytes, read_blocks
from parsl_like.dataflow.drivers import Life, life_of, said, this_driver
from parsl_like.dataflow.portraits import portrait
from parsl_like.dataflow.telling import tell
from parsl_like.errors import ConfigurationError
from parsl_like.folders import check_folder
from parsl_like.providers.processes import process_facts, wait_for_end
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from parsl_like.core.reattachment import Rendezvous

logger = logging.getLogger(__name__)

KEY_FORMAT: Final = 1
CLAIM: Final = "blocks.claim-"
INTERCHANGE_ENDS_S: Final = 5.0
"""How long the end of a dead run's interchange is waited for."""
UNFINISHED_S: Final = 10.0
"""A claim in which nothing can be read yet is being written, as long as it is no older."""


_WORDS: Final = {
    "program": "the program",
    "interpreter": "the interpreter",
    "package": "the version of parsl_like",
    "executor": "the description of the executor",
}
"""What is said of the parts of a key; the others cannot differ where a file of blocks is found and may be read."""


def run_key(run_dir: str, label: str, description: object) -> str:
    """What two runs of a program have in common if one may take over the blocks of the other.

    Equal are: the folder of all runs, the user, the program's file, the interpreter, this package's version, the
    executor's label and its whole description, provider included. Arguments of the program are not part of it.

    Args:
        run_dir: The folder of all runs.
        label: The executor's label.
        description: The executor's sealed description.
    """
    facts = _facts(run_dir, label, description)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def key_parts(run_dir: str, label: str, description: object) -> dict[str, str]:
    """What a key is made of, each part as text; of the description, which may be long, only a digest.

    Args:
        run_dir: The folder of all runs.
        label: The executor's label.
        description: The executor's sealed description.
    """
    facts = _facts(run_dir, label, description)
    digest = hashlib.sha256(json.dumps(facts["executor"], sort_keys=True).encode()).hexdigest()
    interpreter = " ".join(str(facts["interpreter"]).split())
    return {"program": facts["program"], "interpreter": interpreter, "package": facts["package"], "executor": digest}


def _facts(run_dir: str, label: str, description: object) -> dict[str, Any]:
    return {
        "format": KEY_FORMAT,
        "run_dir": os.path.realpath(run_dir),
        "user": os.geteuid(),
        "program": _program(),
        "interpreter": [sys.executable, sys.version],
        "package": VERSION,
        "label": label,
        "executor": portrait(description),
    }


def _program() -> str:
    """The file that Python was started with; for what is typed or piped in, where."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.realpath(main) if main else f"{os.getcwd()}{os.sep}-"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The blocks of a run that has died, claimed for this one.

    Attributes:
        found: What that run had on file.
        where: Where its managers look for their interchange, which has been ended.
    """

    found: BlocksOnFile
    where: Rendezvous

    def hand_over(self, directory: str) -> None:
        """Say in the dead run's file whose the blocks are now; the last step.

        Args:
            directory: This run's directory.
        """
        try:
            BlockFile(self.found.directory).add(Continued(time=time.time(), by=directory))
        except OSError as error:  # the claim says it, too
            logger.warning("%s could not be written: %s", self.found.path, error)


def inherit(run_dir: str, own: str, label: str, key: str, parts: Mapping[str, str] | None = None) -> Inheritance | None:
    """Claim the blocks of the newest run of this key that has died; None if there is none whose blocks can be had.

    Says in the log what was found and not taken, and why.

    Args:
        run_dir: The folder of all runs.
        own: This run's directory.
        label: The executor's label.
        key: Its key.
        parts: What that is made of, to say what differs in that of others.
    """
    superseded: set[str] = set()
    for folder in _candidates(run_dir, own, label):
        found = _read(folder)
        if found is None:
            continue
        if found.opened.key != key:
            _tell_of_another(found, label, parts or {})
            continue
        here = found.where.runs if found.where is not None else ()
        passed_on = found.opened.run_id in superseded
        superseded.update(here)
        if passed_on or found.closed or found.continued is not None or found.where is None:
            continue
        inheritance = _take(found, found.where, label)
        if inheritance is not None:
            return inheritance
    return None


def _tell_of_another(found: BlocksOnFile, label: str, parts: Mapping[str, str]) -> None:
    """Blocks wait, but not for this run.

    They hold nodes: whoever has just changed a line of the configuration, or waits for these nodes, wants to know.
    """
    if found.where is None or found.closed or found.continued is not None or not found.live():
        return
    if life_of(found.opened.driver) is Life.ENDED and _runs(found.where):
        run, seconds = os.path.dirname(found.directory), found.opened.seconds or 0
        tell(
            logger,
            f"executor {label}: {len(found.live())} block(s) of {found.directory} wait for another program, and are not"
            " taken over.",
            [
                f"What differs: {_differences(found.opened.parts, parts)}.",
                f"Try: parsl-like blocks cancel {run} --all, if that program is not to go on; they hold their nodes for"
                f" {seconds:g} s.",
            ],
        )


def _differences(theirs: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Which parts of two keys differ, in words."""
    names = [name for name in _WORDS if name in theirs and name in own and theirs[name] != own[name]]
    if not names:  # an older file does not tell
        return "the program, its interpreter or the description of the executor"
    told = [_WORDS[name] if name == "executor" else f"{_WORDS[name]} was {theirs[name]}" for name in names]
    return "; ".join(told)


def _candidates(run_dir: str, own: str, label: str) -> Iterator[str]:
    """The directories of an executor in all other runs, newest first."""
    names = [name for name in os.listdir(run_dir) if name.isascii() and name.isdigit()]
    for name in sorted(names, key=int, reverse=True):
        run = os.path.join(run_dir, name)
        if os.path.abspath(run) != os.path.abspath(own):
            yield os.path.join(run, label)


def _read(folder: str) -> BlocksOnFile | None:
    try:
        return read_blocks(folder)
    except (ConfigurationError, OSError) as error:
        logger.warning("the blocks of an earlier run are left alone: %s", error)
        return None


def _take(found: BlocksOnFile, where: Rendezvous, label: str) -> Inheritance | None:
    if not found.live():
        return None
    life = life_of(found.opened.driver)
    if life is not Life.ENDED:
        why = "still runs" if life is Life.RUNS else "is elsewhere, so nobody here can see whether it runs"
        driver = said(found.opened.driver)
        logger.warning(
            "executor %s: an equal run, %s, has %d block(s), but its driver, %s, %s; this run asks for blocks of its"
            " own",
            *(label, found.directory, len(found.live()), driver, why),
        )
        return None
    if not _claim(found.directory):
        logger.warning("executor %s: another run takes the blocks of %s over", label, found.directory)
        return None
    end_interchange(where)
    if reason := _spoilt(found.opened.scripts, where):
        logger.warning("executor %s: the blocks of %s cannot be taken over: %s", label, found.directory, reason)
        return None
    return Inheritance(found, where)


def _claim(folder: str) -> bool:
    """Leave a claim, numbered behind those of runs that have died meanwhile; False if somebody alive has one."""
    number = 0
    while True:
        path = os.path.join(folder, f"{CLAIM}{number}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            if _is_held(path):
                return False
            number += 1
            continue
        except OSError as error:
            logger.warning("%s could not be written: %s", path, error)
            return False
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(this_driver(), file)
        return True


def _is_held(path: str) -> bool:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
            holder: Any = json.loads(file.read(4096) or "null")
            age = time.time() - os.fstat(file.fileno()).st_mtime
    except (OSError, ValueError):
        return True
    if not isinstance(holder, dict):
        return age < UNFINISHED_S
    if holder == this_driver():
        return False  # an earlier try of this program, which came to nothing
    return life_of(holder) is not Life.ENDED


def end_interchange(where: Rendezvous, number: signal.Signals = signal.SIGKILL) -> None:
    """End the interchange that looks after the managers of a dead run, if it still does.

    Args:
        where: Where those managers look for it.
        number: SIGKILL leaves managers and keys to the next interchange; SIGTERM has it end and remove them.
    """
    if not _runs(where):
        return
    with suppress(ProcessLookupError):
        os.kill(where.interchange, number)
        wait_for_end(where.interchange, INTERCHANGE_ENDS_S)


def _runs(where: Rendezvous) -> bool:
    """Whether the interchange is still there, and not another process under its number."""
    facts = process_facts(where.interchange) if where.interchange > 0 and where.interchange_started else None
    return facts is not None and not facts.ended and float(facts.started) == where.interchange_started


def _spoilt(scripts: str, where: Rendezvous) -> str | None:
    """Why jobs' files, or managers where they look for their interchange, cannot be found; None if they can."""
    try:
        check_folder(scripts)
        for role in ("interchange", "driver", "manager"):
            private_bytes(os.path.join(where.keys, f"{role}.key"), "key file")
        if where.sockets is not None:
            if not os.path.lexists(where.sockets):
                os.mkdir(where.sockets, 0o700)
            check_folder(where.sockets)
            status = os.lstat(where.sockets)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                return f"{where.sockets} is open to others"
    except (ConfigurationError, OSError) as error:
        return str(error)
    return None
