"""What a run would submit for a block, found out without starting anything."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from parsl_like.clocks import SystemClock
from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.ports import BlockContext, RunContext, RunInfo
from parsl_like.core.unbuilt import is_unbuilt
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsl_like.config import Config
    from parsl_like.core.ports import BlockRequest, CommandResult, ProviderSession
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.providers.batch_session import BatchSession
    from parsl_like.providers.local import LocalProvider

RUN: Final = "NNN"
"""Stands for the number that a run gets when it starts."""
UNSAID: Final = "/RUN_DIRECTORIES"
"""Stands for the folder of all runs, should that have a name that would have to be quoted in several ways."""
FIRST_BLOCK: Final = BlockId("0")
NO_SCHEDULER: Final = "no batch system is asked; bash finds the script to be well formed."


@dataclass(frozen=True, slots=True)
class RenderedBlock:
    """What an executor's block would be submitted with.

    Attributes:
        executor: The executor's label.
        provider: The class of its provider.
        script_path: Where the script would be.
        script: Its text; where the provider is the user's own, the command that it would be given.
        submit: The command that submits it; empty where there is none.
        status: Commands that ask for its state, in the order in which they are tried; ``JOB`` is its id.
        cancel: The command that ends it.
        files: Names of the files beside the script, which only the user may read.
        chosen: What stands in place of what is known only when a run starts, in sentences.
        verdict: What the batch system said of it, None if it was not asked.
        refused: Whether the batch system would not take it.
    """

    executor: str
    provider: str
    script_path: str
    script: str
    submit: Sequence[str] = ()
    status: Sequence[Sequence[str]] = ()
    cancel: Sequence[str] = ()
    files: Sequence[str] = ()
    chosen: Sequence[str] = ()
    verdict: str | None = None
    refused: bool = False


def rendered_blocks(config: Config, label: str | None = None, *, judged: bool = False) -> Iterator[RenderedBlock]:
    """What each executor's blocks would be submitted with; nothing is started, and no file stays.

    Args:
        config: The configuration.
        label: Of one executor; None for all that have blocks.
        judged: Whether batch systems are asked what they think of it.

    Raises:
        ConfigurationError: an executor cannot run, or there is none of that label.
    """
    sealed = config.sealed()
    executors = [e for e in sealed.executors or () if label is None or getattr(e, "label", None) == label]
    if not executors:
        labels = ", ".join(str(getattr(e, "label", type(e).__name__)) for e in sealed.executors or ())
        raise ConfigurationError("--executor", label, f"one of {labels}")
    for executor in executors:
        if getattr(executor, "provider", None) is not None:
            with _place(str(sealed.run_dir)) as place:
                yield place.shown(_rendered(executor, place, judged=judged))


class _Place:
    """Folders of a run that there will never be.

    Args:
        folder: A temporary folder in the place of the one for all runs.
        runs: The one for all runs.
    """

    def __init__(self, folder: str, runs: str) -> None:
        self._folder = folder
        self._runs = os.path.abspath(runs)
        self.run = RunInfo(run_id="RUN_ID", run_dir=os.path.join(folder, RUN), started=0.0)
        self.scripts = os.path.join(self.run.run_dir, "submit_scripts")

    def shown(self, block: RenderedBlock) -> RenderedBlock:
        """The same block with the paths that it would have."""
        import dataclasses

        plain = shlex.quote(self._runs) == self._runs == quote(json.dumps(self._runs)[1:-1], safe="/:,")
        shown = self._runs if plain else UNSAID
        notes = [f"{RUN} is the run's number, RUN_ID its name."]
        if not plain:
            notes.append(f"{UNSAID} is {self._runs}.")

        def put(text: str) -> str:
            return text.replace(self._folder, shown)

        return dataclasses.replace(
            block,
            script_path=put(block.script_path),
            script=put(block.script),
            submit=[put(word) for word in block.submit],
            chosen=[*notes, *block.chosen],
            verdict=None if block.verdict is None else put(block.verdict),
        )


@contextmanager
def _place(runs: str) -> Iterator[_Place]:
    with tempfile.TemporaryDirectory(prefix="parsl-like-render-") as folder:
        place = _Place(os.path.realpath(folder), runs)
        os.makedirs(place.scripts)
        yield place


def _rendered(executor: Any, place: _Place, *, judged: bool) -> RenderedBlock:
    from parsl_like.plugins.manager import PluginManager

    provider = executor.provider
    request, chosen = _request(executor, place)
    label = ExecutorLabel(executor.label)
    context = BlockContext(run=place.run, label=label, script_dir=place.scripts, clock=SystemClock())
    with closing(PluginManager().open_provider(provider, context)) as session:
        facts = _facts(session, provider, request, place)
        verdict, refused = _judged(session, request, facts["script"]) if judged else (None, False)
    return RenderedBlock(
        executor=str(label),
        provider=type(provider).__name__,
        files=sorted(request.files),
        chosen=chosen,
        verdict=verdict,
        refused=refused,
        **facts,
    )


def _facts(session: ProviderSession, provider: Any, request: BlockRequest, place: _Place) -> dict[str, Any]:
    from parsl_like.providers.base import is_foreign
    from parsl_like.providers.batch_session import BatchSession
    from parsl_like.providers.local import LocalProvider

    if isinstance(session, BatchSession):
        return _of_a_batch_system(session, request)
    preview = getattr(session, "preview", None)
    if callable(preview):  # blocks on another machine, which has no command to submit them with either
        path, text = preview(request)
        return {"script_path": path, "script": text}
    if isinstance(provider, LocalProvider) and not is_foreign(provider):
        return _local(provider, request, place)
    return {"script_path": "", "script": f"{request.command}\n"}


def _of_a_batch_system(session: BatchSession, request: BlockRequest) -> dict[str, Any]:
    rendered = session.render(request)
    return {
        "script_path": rendered.paths.script,
        "script": rendered.script,
        "submit": rendered.submit,
        "status": rendered.status,
        "cancel": rendered.cancel,
    }


def _local(provider: LocalProvider, request: BlockRequest, place: _Place) -> dict[str, Any]:
    """The script that would be run here: there is no command to submit it with."""
    from pathlib import Path

    from parsl_like.launchers.base import wrap_command
    from parsl_like.providers.job_files import JobFiles, safe_name
    from parsl_like.providers.script import Script, block_environment

    files = JobFiles(Path(place.scripts), safe_name(f"{request.job_name}.block-{request.block_id}"))
    script = Script(
        name=f"block {request.block_id} ({request.job_name})",
        path=str(files.script),
        exit_code_path=str(files.exit_code),
        timeout_path=str(files.timeout),
        directory=os.getcwd(),
        command=wrap_command(provider.launcher, request.command, request.tasks_per_node, provider.nodes_per_block),
        worker_init=provider.worker_init,
        exports=block_environment(files.extra, provider),
        walltime=request.walltime,
    )
    return {"script_path": str(files.script), "script": script.text()}


def _judged(session: ProviderSession, request: BlockRequest, script: str) -> tuple[str, bool]:
    """What the batch system says of a block, and whether that is a refusal."""
    judge = getattr(session, "judge", None)
    if judge is None:
        return _read_by_bash(script)
    result: CommandResult = judge(request)
    said = "\n".join(part.strip() for part in (result.stdout, result.stderr) if part.strip())
    if result.exit_code == 0:
        return f"the batch system would take it. {said}".strip(), False
    return f"the batch system refuses it (exit code {result.exit_code}): {said or 'it gave no reason'}", True


def _read_by_bash(script: str) -> tuple[str, bool]:
    import subprocess

    try:
        done = subprocess.run(["bash", "-n"], input=os.fsencode(script), capture_output=True, check=False, timeout=60)
    except OSError as error:
        return f"there is no bash to read it: {error}", True
    said = done.stderr.decode(errors="replace").strip()
    return (f"bash cannot read it: {said}", True) if done.returncode else (NO_SCHEDULER, False)


def _request(executor: Any, place: _Place) -> tuple[BlockRequest, list[str]]:
    """What an executor would ask for, and what in it is known only when it runs.

    Raises:
        ConfigurationError: only the running executor can tell.
    """
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor

    if is_unbuilt(executor) or not isinstance(executor, HighThroughputExecutor):
        kind = type(executor).__name__
        raise ConfigurationError(f"Executor {executor.label!r} ({kind}) says what its blocks run only when it runs.")
    return _request_of_htex(executor, place)


def _request_of_htex(executor: HighThroughputExecutor, place: _Place) -> tuple[BlockRequest, list[str]]:
    from parsl_like.executors.high_throughput import protocol
    from parsl_like.executors.high_throughput.broker import Broker
    from parsl_like.executors.high_throughput.keys import create_keys

    directory = os.path.join(place.run.run_dir, executor.label)
    context = RunContext(
        run=place.run,
        label=ExecutorLabel(executor.label),
        directory=directory,
        wake=_nothing,
        defer=_nothing_with,
        record=_nothing_with,
        clock=SystemClock(),
    )
    urls, chosen = _addresses(executor)
    broker = Broker(executor, context)
    create_keys(os.path.join(directory, "certificates"), encrypted=executor.encrypted)
    broker.listening(protocol.InterchangeReady(protocol.PROTOCOL_VERSION, 0, 1, local=[], remote=urls, python=""))
    return broker.block_request(FIRST_BLOCK), chosen


def _addresses(executor: HighThroughputExecutor) -> tuple[list[str], list[str]]:
    """Where managers would look for their executor, as pairs of URLs, and what stands for something else in them."""
    from parsl_like.addresses import tcp_url

    low, high = executor.worker_port_range
    ports = [executor.worker_port or low, executor.control_port or min(low + 1, high)]
    chosen = []
    if None in (executor.worker_port, executor.control_port):
        chosen.append(f"Port {ports[0]}, or {ports[1]}, stands for one from {low} to {high} that is free then.")
    if executor.transport != "tcp":
        chosen.append("Blocks on this host are told of unix sockets, too.")
    return [tcp_url(host, port) for host in _hosts(executor) for port in ports], chosen


def _hosts(executor: HighThroughputExecutor) -> list[str]:
    from parsl_like.addresses import own_addresses

    if executor.transport == "ipc":
        return []
    if executor.address:
        return [executor.address]
    return own_addresses(ipv6=False) if executor.encrypted else [executor.loopback_address]


def _nothing() -> None:
    """Nobody waits for news of a run that there is not."""


def _nothing_with(_: Any) -> None:
    """The same."""
