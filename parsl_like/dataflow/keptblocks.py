"""What a run has on file of its blocks, and those that are to outlive its driver.

Every run with blocks writes ``blocks.jsonl`` for each executor, so that other programs can list and cancel them. With
``Config(reattach=...)`` it is also how the next driver finds them.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.core.reattachment import Reattachment
from parsl_like.dataflow.signals import ENDING_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.config import Config
    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.ports import RunInfo
    from parsl_like.core.reattachment import Rendezvous
    from parsl_like.core.records import Record
    from parsl_like.dataflow.blockfile import AnyLine, BlockFile
    from parsl_like.dataflow.reattaching import Inheritance

logger = logging.getLogger(__name__)

SCRIPTS = "submit_scripts"


@dataclass(slots=True, eq=False)
class _Kept:
    """One executor's."""

    label: str
    run_dir: str
    file: BlockFile
    scripts: str
    local: bool
    reattachment: Reattachment | None = None
    inheritance: Inheritance | None = None
    give_up: Callable[[], None] | None = None
    speechless: bool = False
    parts: dict[str, str] = field(default_factory=dict)

    def write(self, line: AnyLine) -> None:
        try:
            self.file.add(line)
        except (OSError, ValueError) as error:  # a full disk, or text that has no encoding
            if not self.speechless:
                logger.warning("executor %s: what becomes of blocks is not on file: %s", self.label, error)
            self.speechless = True

    def note(self, record: Record) -> None:
        from parsl_like.dataflow.blockfile import Changed
        from parsl_like.monitoring.plain import plain

        fields = record.fields
        job, code = fields.get("job"), fields.get("exit_code")
        line = Changed(
            time=record.time,
            block=str(record.subject),
            state=str(fields.get("state", "")),
            job=None if job is None else str(job),
            connected=bool(fields.get("connected")),
            reason=str(plain(fields["reason"])) if fields.get("reason") else None,
            exit_code=code if isinstance(code, int) else None,
        )
        self.write(line)

    def close(self) -> None:
        from parsl_like.dataflow.blockfile import Closed

        self.write(Closed(time=time.time()))

    def listening(self, where: Rendezvous) -> None:
        """Managers look there from now on; now that this is on file, the dead run's file has done its duty."""
        from parsl_like.dataflow.blockfile import Listening

        self.write(Listening(time=time.time(), where=where))
        if self.inheritance is None or self.speechless:
            return
        if self.give_up is not None and not _can_be_found(self.inheritance.where, where, local=self.local):
            logger.warning(
                "executor %s: managers of earlier blocks cannot find this run, as their ports are taken", self.label
            )
            self.give_up()
        self.inheritance.hand_over(self.run_dir)
        self.inheritance = None


class KeptBlocks:
    """The files of a run's blocks.

    Args:
        config: The run's sealed configuration.
        run: The run.
        pass_on: Takes each record.

    Attributes:
        program_failed: Whether the program is ending because of an exception that nobody handled.
    """

    def __init__(self, config: Config, run: RunInfo, pass_on: Callable[[Record], None]) -> None:
        self._config = config
        self._run = run
        self._pass_on = pass_on
        self._executors: dict[str, _Kept] = {}
        self.program_failed = False

    def begin(self, description: Any, label: str, directory: str) -> Reattachment | None:
        """Begin an executor's file, and claim the blocks that wait for this run; None if none are to be kept.

        Args:
            description: The executor's sealed description.
            label: Its label.
            directory: Its directory.

        Raises:
            OSError: the file cannot be made.
        """
        provider = getattr(description, "provider", None)
        if provider is None:
            return None
        from parsl_like.dataflow.blockfile import BLOCK_FILE_VERSION, BlockFile, Opened
        from parsl_like.dataflow.drivers import this_driver
        from parsl_like.dataflow.portraits import portrait
        from parsl_like.monitoring.plain import plain

        scripts = os.path.join(self._run.run_dir, SCRIPTS)
        kept = _Kept(label, self._run.run_dir, BlockFile(directory), scripts, _is_local(provider))
        key = self._find(kept, description)
        opened = Opened(
            time=time.time(),
            version=BLOCK_FILE_VERSION,
            run_id=self._run.run_id,
            label=label,
            driver=this_driver(),
            provider=plain(portrait(provider)),
            scripts=kept.scripts,
            key=key,
            seconds=self._config.reattach if key is not None else None,
            parts=kept.parts,
        )
        kept.file.create(opened)
        self._executors[label] = kept
        for block in kept.inheritance.found.live() if kept.inheritance is not None else ():
            kept.file.change(block.block, block.state.name, job=block.job)
        return kept.reattachment

    def _find(self, kept: _Kept, description: Any) -> str | None:
        """The key of an executor whose blocks are to be kept; claims those that wait already."""
        seconds = self._config.reattach
        if seconds is None:
            return None
        if not _keeps_blocks(description):
            logger.warning("executor %s: its blocks end with this program: its kind of executor keeps none", kept.label)
            return None
        from parsl_like.dataflow.reattaching import inherit, key_parts, run_key

        run_dir = os.path.dirname(self._run.run_dir)
        key = run_key(run_dir, kept.label, description)
        kept.reattachment = Reattachment(seconds, tell=kept.listening)
        kept.parts = key_parts(run_dir, kept.label, description)
        kept.inheritance = inherit(run_dir, self._run.run_dir, kept.label, key, kept.parts)
        if kept.inheritance is not None:
            found = kept.inheritance.found
            kept.reattachment.former = kept.inheritance.where
            kept.scripts = found.opened.scripts
            names = ", ".join(block.block for block in found.live())
            logger.info("executor %s takes over the blocks of %s: %s", kept.label, found.directory, names)
        return key

    def scripts(self, label: str) -> str:
        """Where the files of an executor's jobs are: with those of the blocks it has taken over."""
        kept = self._executors.get(label)
        return os.path.join(self._run.run_dir, SCRIPTS) if kept is None else kept.scripts

    def taken_over(self, label: str) -> Mapping[BlockId, JobId]:
        """The blocks of a dead run that an executor goes on with, each with its job."""
        kept = self._executors.get(label)
        if kept is None or kept.inheritance is None:
            return {}
        return {block.block: block.job for block in kept.inheritance.found.live() if block.job is not None}

    def when_lost(self, label: str, give_up: Callable[[], None]) -> None:
        """Have a function called if the managers of blocks that were taken over turn out to look elsewhere."""
        if (kept := self._executors.get(label)) is not None and kept.inheritance is not None:
            kept.give_up = give_up

    # --- while it runs -------------------------------------------------------------------------------------------

    def record(self, record: Record) -> None:
        """Take a record of the jobs thread, and hand it on."""
        if record.kind == "block" and (kept := self._executors.get(str(record.fields.get("executor", "")))):
            kept.note(record)
        self._pass_on(record)

    # --- the end -------------------------------------------------------------------------------------------------

    def leave(self) -> list[str]:
        """If the driver is dying, have everything left as it is for the next one; gives the executors it is left by."""
        if not (ENDING_SIGNALS.ending or self.program_failed):
            return []
        left = []
        for label, kept in self._executors.items():
            if kept.reattachment is not None:
                kept.reattachment.leaving = True
                left.append(label)
                logger.warning(
                    "executor %s: its blocks wait %g s for this program to be started again",
                    label,
                    self._config.reattach,
                )
        return left

    def close(self) -> None:
        """The run has ended its blocks, but for those that it has left."""
        for kept in self._executors.values():
            if kept.reattachment is None or not kept.reattachment.leaving:
                kept.close()


def died_of_an_error() -> bool:
    """Whether the program is ending because of an exception; what went wrong at a prompt does not count, nor Ctrl-C."""
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return False
    return isinstance(getattr(sys, "last_value", None), Exception)


def _can_be_found(former: Rendezvous, where: Rendezvous, *, local: bool) -> bool:
    """Whether managers look where their interchange is; only on the same host a unix socket is of use to them."""
    ways = ("tcp:", "ipc:") if local else ("tcp:",)
    places = [{data for data, _ in each.urls if data.startswith(ways)} for each in (former, where)]
    return not places[0] or not places[0].isdisjoint(places[1])


def _is_local(provider: Any) -> bool:
    """Whether its blocks run on this machine, and not where a channel leads."""
    from parsl_like.channels.local import LocalChannel
    from parsl_like.providers.local import LocalProvider

    return isinstance(provider, LocalProvider) and isinstance(provider.channel, LocalChannel | None)


def _keeps_blocks(description: Any) -> bool:
    from parsl_like.executors.base import is_foreign

    keeps = False
    with suppress(AttributeError):  # an executor of a plugin's need not be one of ours
        keeps = bool(getattr(type(description), "keeps_blocks", False)) and not is_foreign(description)
    return keeps
