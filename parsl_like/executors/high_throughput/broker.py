"""The interchange as the driver sees it: its process, the two links to it, and what to tell blocks about it."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from parsl_like.core.ports import BlockRequest
from parsl_like.executors.high_throughput.keys import create_keys, load_keys, manager_key_file
from parsl_like.executors.high_throughput.launch import manager_command
from parsl_like.executors.high_throughput.links.local import SCHEME, LocalListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.options import Endpoint, InterchangeOptions, ManagerOptions
from parsl_like.executors.high_throughput.places import socket_directory
from parsl_like.executors.high_throughput.protocol import INTERCHANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.core.ids import BlockId
    from parsl_like.core.ports import RunContext
    from parsl_like.executors.high_throughput.authentication import Authenticator
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.executors.high_throughput.links.port import Channel, Link
    from parsl_like.executors.high_throughput.links.tcp import Context
    from parsl_like.executors.high_throughput.protocol import InterchangeReady

logger = logging.getLogger(__name__)

Waiting = deque[tuple[bytes, Sequence[Any]]]
"""Messages for a link that is not up."""

MODULE = "parsl_like.executors.high_throughput.interchange"
KEY_FILE = "manager.key"
STDERR_TAIL = 4000
TURNS = 10
"""How often the links are asked for more before the rest of the kernel has its turn."""

DYING_SECONDS = 0.5
"""How long a process may take to be gone after its links."""

STOP_SECONDS = 5.0
"""How long the interchange may take to end its managers before it is told less politely."""


class Broker:
    """The interchange's process and links. All but ``block_request`` belong to the owner thread.

    Args:
        description: The executor's sealed description.
        context: The run.
    """

    def __init__(self, description: HighThroughputExecutor, context: RunContext) -> None:
        self._description = description
        self._context = context
        self._directory = context.directory
        self.log_path = os.path.join(context.directory, "interchange.log")
        self._errors = os.path.join(context.directory, "interchange.stderr")
        self._keys_directory = os.path.join(context.directory, "certificates")
        self._socket_directory: str | None = None
        self._process: subprocess.Popen[bytes]
        self._stopped = True
        self._opened = contextlib.ExitStack()
        self._authenticator: Authenticator | None = None
        self._waiter: Waiter
        self._links: dict[Link, Channel] = {}
        self._up: set[Link] = set()
        self._cut: Link | None = None
        self._waiting: dict[Link, Waiting] = {"data": deque(), "control": deque()}
        self._addresses: tuple[Endpoint, ...] = ()

    # --- start -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the keys, bind the links, start the process; does not wait for it."""
        self._opened.callback(shutil.rmtree, self._keys_directory, ignore_errors=True)
        create_keys(self._keys_directory)
        self._socket_directory = socket_directory()
        self._opened.callback(shutil.rmtree, self._socket_directory, ignore_errors=True)
        self._waiter = Waiter()
        self._opened.callback(self._waiter.close)
        endpoint = self._listen()
        for channel in self._links.values():
            channel.watch(self._waiter)
        options = self._options(endpoint)
        command = [*self._launch_words(), *options.to_argv()]
        with open(self._errors, "ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # its end tells the interchange that the driver is gone
                stdout=subprocess.PIPE,  # its end tells the driver that the interchange is gone
                stderr=errors,
                env=child_environment(self._context.run.run_id),
                start_new_session=True,  # a Ctrl-C is for the driver, which ends the interchange in good order
            )
        self._stopped = False
        self._lifeline = cast("IO[bytes]", self._process.stdin)
        self._liveness = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._liveness.fileno(), False)
        self._waiter.add(self._liveness.fileno(), self._liveness)

    def _listen(self) -> Endpoint:
        if self._remote_interchange():
            return self._listen_tcp()
        urls = [f"{SCHEME}{self._socket_directory}/driver-{link}" for link in ("data", "control")]
        names: tuple[Link, Link] = ("data", "control")
        for link, url in zip(names, urls, strict=True):
            self._links[link] = LocalListener(url)
            self._opened.callback(self._links[link].close)
        return Endpoint(*urls)

    def _listen_tcp(self) -> Endpoint:
        import zmq

        from parsl_like.executors.high_throughput.authentication import Authenticator
        from parsl_like.executors.high_throughput.links.tcp import TcpListener

        description = self._description
        context: Context = zmq.Context()
        self._opened.callback(context.destroy, linger=0)
        keys = load_keys(self._keys_directory, "driver") if description.encrypted else None
        if keys is not None:
            self._authenticator = Authenticator(context, {"interchange": [keys.peers["interchange"]]})
            self._opened.callback(self._authenticator.close)
            self._authenticator.watch(self._waiter)
        data, control = (TcpListener(context, link, keys, "interchange") for link in ("data", "control"))
        self._links = {"data": data, "control": control}
        for channel in (data, control):
            self._opened.callback(channel.close)
        where = (description.loopback_address, None, description.interchange_port_range)
        return Endpoint(data.bind(*where), control.bind(*where))

    def _remote_interchange(self) -> bool:
        return self._description.transport == "tcp"

    def _launch_words(self) -> list[str]:
        words = self._description.interchange_launch_cmd
        if not words:
            return [sys.executable, "-m", MODULE]
        return shlex.split(words) if isinstance(words, str) else list(words)

    def _options(self, endpoint: Endpoint) -> InterchangeOptions:
        description = self._description
        return InterchangeOptions(
            run_id=self._context.run.run_id,
            label=str(self._context.label),
            logdir=self._directory,
            debug=description.worker_debug,
            heartbeat_period=description.heartbeat_period,
            heartbeat_threshold=description.silence_allowed,
            poll_period=description.poll_period,
            transport=description.transport,
            driver=endpoint,
            driver_pid=os.getpid(),
            driver_started=_started(os.getpid()),
            address=description.address or "*",
            loopback_address=description.loopback_address,
            worker_port=description.worker_port,
            control_port=description.control_port,
            worker_port_range=description.worker_port_range,
            ipc_dir=None if description.transport == "tcp" else self._socket_directory,
            cert_dir=self._keys_directory if description.encrypted else None,
            encrypted=description.encrypted,
            manager_selector=description.manager_selector.order or "random",
        )

    # --- the links -------------------------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """What becomes readable when something has come, or the process has ended."""
        return (self._waiter.fileno(),)

    def send_data(self, frame: bytes, parts: Sequence[Any]) -> None:
        """Send on the data link, now or as soon as the interchange has been heard on it."""
        self._send("data", frame, parts)

    def send_control(self, frame: bytes) -> None:
        """Send on the control link, now or as soon as the interchange has been heard on it."""
        self._send("control", frame, ())

    def receive(self) -> Iterator[list[Any]]:
        """All messages that have come, each a frame and its parts."""
        # Until there is nothing: who sleeps after this relies on descriptors, and those of TCP links forget.
        for _ in range(TURNS):
            ready = self._waiter.wait(0)
            if not ready:
                return
            if self._authenticator is not None and self._authenticator in ready:
                self._authenticator.handle()
            if self._liveness in ready:
                self._look_after_process()
            for link, channel in self._links.items():
                if channel in ready:
                    yield from self._received(link, channel)
        self._context.wake()

    def _received(self, link: Link, channel: Channel) -> Iterator[list[Any]]:
        while (message := channel.receive()) is not None:
            if self._waiting[link]:
                self._send_what_waits(link)
            if message[1]:
                yield message[1:]
        if channel.is_connected():
            self._up.add(link)
        elif link in self._up:
            self._cut = link

    def _look_after_process(self) -> None:
        if self._process.poll() is None:
            self._liveness.read()  # it only wrote something, or is about to be gone
        else:
            self._waiter.remove(self._liveness.fileno())

    def _send(self, link: Link, frame: bytes, parts: Sequence[Any]) -> None:
        # Each of the two links comes up by itself, and until it does there is nobody to send to.
        waiting = self._waiting[link]
        if waiting or not self._links[link].send(frame, parts, to=INTERCHANGE):
            waiting.append((frame, parts))
        if self._remote_interchange():
            self._context.wake()  # a socket that sends may take notice of what has come, and tell nobody

    def _send_what_waits(self, link: Link) -> None:
        waiting = self._waiting[link]
        while waiting and self._links[link].send(*waiting[0], to=INTERCHANGE):
            waiting.popleft()

    def listening(self, ready: InterchangeReady) -> None:
        """Learn where managers reach the interchange."""
        addresses = []
        for urls in (ready.local, ready.remote):
            addresses += [Endpoint(data, control) for data, control in zip(urls[::2], urls[1::2], strict=True)]
        self._addresses = tuple(addresses)

    def failure(self) -> str | None:
        """Why the interchange is of no more use, in words, with the last it wrote; None as long as it is."""
        if self._cut and self._process.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DYING_SECONDS)
        if self._process.returncode is not None:
            return self._obituary()
        if self._cut:
            reason = f"its {self._cut} link to the interchange broke, though that lives"
            return f"{reason}; too many open files in this process, most likely (ulimit -n)."
        return None

    def _obituary(self) -> str:
        code = self._process.returncode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return f"its interchange ended by {how}; tasks that were running are lost. {self._last_words()}"

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), open(self._errors, "rb") as file:
            file.seek(max(0, os.path.getsize(self._errors) - STDERR_TAIL))
            text = file.read().decode(errors="replace").strip()
            return f"Its last words: {text}" if text else "It left no word."
        return ""

    # --- blocks ----------------------------------------------------------------------------------------------------

    def block_request(self, block: BlockId) -> BlockRequest:
        """The command that starts a manager of this executor, and the key it needs."""
        description = self._description
        files = {}
        if description.encrypted:
            files[KEY_FILE] = manager_key_file(self._keys_directory)
        options = ManagerOptions(
            run_id=self._context.run.run_id,
            label=str(self._context.label),
            logdir=os.path.join(self._log_root(), f"block-{block}"),
            debug=description.worker_debug,
            heartbeat_period=description.heartbeat_period,
            heartbeat_threshold=description.silence_allowed,
            poll_period=description.poll_period,
            transport=description.transport,
            addresses=self._addresses,
            block_id=str(block),
            key_file=os.path.join(self._keys_directory, KEY_FILE) if description.encrypted else None,
            cores_per_worker=description.cores_per_worker,
            mem_per_worker=description.mem_per_worker,
            max_workers=description.worker_limit,
            prefetch=description.prefetch_capacity,
            cpu_affinity=description.cpu_affinity,
            accelerators=tuple(description.accelerator_names),
            drain_period=description.drain_period,
            python_path=module_path(),
            address_probe_timeout=description.address_probe_timeout,
        )
        return BlockRequest(
            block_id=block,
            command=manager_command(options, launch_cmd=description.launch_cmd),
            job_name=f"parsl_like.{self._context.label}",
            files=files,
            addresses=tuple(address.data for address in self._addresses),
        )

    def _log_root(self) -> str:
        """Where managers and workers log: in the run directory, or in one of the same names below the user's root."""
        root = self._description.worker_logdir_root
        if root is None:
            return self._directory
        return os.path.join(root, os.path.basename(self._context.run.run_dir), str(self._context.label))

    # --- the end ---------------------------------------------------------------------------------------------------

    def stop(self, deadline: float) -> None:
        """End the process by closing its stdin, then by force, and remove links, keys and directory."""
        if not self._stopped:
            self._stopped = True
            self._end(self._process, deadline)
        self._opened.close()

    def _end(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._lifeline.close()
        patience = max(0.2, min(STOP_SECONDS, deadline - time.monotonic() - 2))
        for force in (None, process.terminate, process.kill):
            if force is not None:
                logger.warning("the interchange of %s does not end; %s", self._context.label, force.__name__)
                force()
            try:
                process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                patience = 1.0
        self._liveness.close()


def _started(pid: int) -> float:
    """When a process started, in ticks since boot, 0 where that cannot be known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return float(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    return 0.0


def package_root() -> str:
    """The directory that holds this package."""
    return str(Path(__file__).resolve().parents[3])


def child_environment(run_id: str) -> dict[str, str]:
    """The environment of processes that must find this package where the driver found it, and know whose they are."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), package_root()]))
    return {**os.environ, "PYTHONPATH": path, "PARSL_LIKE_PARENT_RUN": run_id}


def module_path() -> tuple[str, ...]:
    """Where the driver's program finds modules beyond those that every interpreter finds."""
    own = [os.path.abspath(entry or os.curdir) for entry in sys.path]
    return tuple(dict.fromkeys(e for e in own if os.path.isdir(e) and not e.startswith((sys.prefix, sys.base_prefix))))
