"""An executor's interchange as the driver sees it: its keys and sockets, its restarts, and what blocks are told."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from parsl_like.core.ids import BlockId
from parsl_like.core.ports import BlockRequest
from parsl_like.core.reattachment import Rendezvous
from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.incarnation import Incarnation, Launch
from parsl_like.executors.high_throughput.keys import create_keys, load_keys, manager_key_file, write_private
from parsl_like.executors.high_throughput.launch import KEY_FILE, manager_command, options_at, tcp_ports
from parsl_like.executors.high_throughput.launch_template import DEFAULT, INTERCHANGE
from parsl_like.executors.high_throughput.links.local import SCHEME, LocalListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.options import (
    OPTIONS_FILE,
    Endpoint,
    InterchangeOptions,
    ManagerOptions,
)
from parsl_like.executors.high_throughput.places import socket_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from parsl_like.core.ports import BlockPlace, RunContext
    from parsl_like.executors.high_throughput.authentication import Authenticator
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.links.port import Channel, Link
    from parsl_like.executors.high_throughput.links.tcp import Context
    from parsl_like.executors.high_throughput.protocol import InterchangeReady

logger = logging.getLogger(__name__)

MODULE = "parsl_like.executors.high_throughput.interchange"

MOST_RESTARTS, WITHIN_S = 3, 120.0
"""So many restarts in so many seconds: an interchange that dies more often dies of something that does not go away."""

START_S = 60.0
"""Seconds an interchange may be silent after its start, while it is imported from a slow disk."""


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
        self._reattachment = context.reattachment
        self._opened = contextlib.ExitStack()
        self._waiter: Waiter
        self._tcp: Context | None = None
        self._authenticator: Authenticator | None = None
        self._told_until = 0.0
        self._now: Incarnation | None = None
        self._ready = False
        self._came_up = True
        self._addresses: tuple[Endpoint, ...] = ()
        self._restarts: list[float] = []

    # --- start -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the keys, bind the links, start the process; does not wait for it."""
        try:
            number = self._meet()
            self._waiter = Waiter()
            self._opened.callback(self._waiter.close)
            self._launch(number)
        except BaseException:
            self.stop(time.monotonic())
            raise

    def _meet(self) -> int:
        """Make keys and a place for sockets, or take those where managers wait; gives the interchange's number."""
        self._opened.callback(self._remove_places)
        former = self._reattachment.former if self._reattachment is not None else None
        if former is None:
            create_keys(self._keys_directory, encrypted=self._description.encrypted)
            self._socket_directory = socket_directory()
            return 1
        self._keys_directory = former.keys
        self._socket_directory = former.sockets or socket_directory()
        self._addresses = tuple(Endpoint(*urls) for urls in former.urls)
        return self._free_number(former.incarnation + 1)

    def _free_number(self, number: int) -> int:
        """The first one under which nobody has listened: a driver may have died when it restarted its interchange."""
        while any(os.path.lexists(url.removeprefix(SCHEME)) for url in self._urls(number)):
            number += 1
        return number

    def _urls(self, number: int) -> list[str]:
        return [f"{SCHEME}{self._socket_directory}/driver-{link}-{number}" for link in ("data", "control")]

    def _remove_places(self) -> None:
        for directory in (self._keys_directory, self._socket_directory):
            if directory is not None and not self._leaves:
                shutil.rmtree(directory, ignore_errors=True)

    @property
    def _leaves(self) -> bool:
        """Whether everything is to be left as it is, for another driver."""
        return self._reattachment is not None and self._reattachment.leaving

    def _launch(self, number: int) -> None:
        endpoint, links = self._listen(number)
        self._ready = False
        self._allowed = max(self._description.silence_allowed, START_S)
        words = self._launch_words()
        command = [*words, *self._options(endpoint, number).to_argv()]
        self._now = Incarnation(
            number,
            links,
            Launch(command, child_environment(self._context.run.run_id), self._errors),
            waiter=self._waiter,
            authenticator=self._authenticator,
            wake=self._context.wake,
            forgetful=self._remote_interchange(),
        )
        try:
            self._now.start()
        except OSError as error:
            reason = f"its interchange cannot be started: {error}. The command is: {shlex.join(words)}"
            raise ExecutorError(self._context.label, reason, hint="see interchange_launch_cmd and PATH.") from error

    def _listen(self, number: int) -> tuple[Endpoint, Mapping[Link, Channel]]:
        if self._remote_interchange():
            return self._listen_tcp()
        urls = self._urls(number)
        data, control = map(LocalListener, urls)
        return Endpoint(*urls), {"data": data, "control": control}

    def _listen_tcp(self) -> tuple[Endpoint, Mapping[Link, Channel]]:
        from parsl_like.executors.high_throughput.links.tcp import TcpListener

        description = self._description
        keys = load_keys(self._keys_directory, "driver")
        if self._tcp is None:
            self._tcp = self._open_tcp(keys)
        data, control = (TcpListener(self._tcp, link, keys, "interchange") for link in ("data", "control"))
        if self._authenticator is not None:
            self._authenticator.guard(data)
            self._authenticator.guard(control)
        where = (description.loopback_address, None, description.interchange_port_range)
        return Endpoint(data.bind(*where), control.bind(*where)), {"data": data, "control": control}

    def _open_tcp(self, keys: RoleKeys) -> Context:
        import zmq

        from parsl_like.executors.high_throughput.authentication import Authenticator

        context: Context = zmq.Context()
        self._opened.callback(context.destroy, linger=0)
        allowed = {role: [key] for role, key in keys.peers.items()}
        self._authenticator = Authenticator(context, allowed, keys.mechanism)
        self._opened.callback(self._authenticator.close)
        self._authenticator.watch(self._waiter)
        return context

    def _remote_interchange(self) -> bool:
        return self._description.transport == "tcp"

    def _launch_words(self) -> list[str]:
        words = self._description.interchange_launch_cmd
        if not words or tuple(words) == INTERCHANGE:  # that one is found wherever this package is
            return [sys.executable, "-m", MODULE]
        return shlex.split(words) if isinstance(words, str) else list(words)

    def _options(self, endpoint: Endpoint, number: int) -> InterchangeOptions:
        description = self._description
        # Managers look for a restarted interchange where the last one was.
        data, control = self._ports() or (description.worker_port, description.control_port)
        kept = self._reattachment
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
            worker_port=data,
            control_port=control,
            worker_port_range=description.worker_port_range,
            ipc_dir=None if description.transport == "tcp" else self._socket_directory,
            cert_dir=self._keys_directory,
            encrypted=description.encrypted,
            manager_selector=description.manager_selector.order or "random",
            incarnation=number,
            reattach=kept.seconds if kept is not None else 0.0,
            former_runs=self._former_runs,
            manager_logdir=self._log_root(),
            python_path=module_path(),
        )

    def _ports(self) -> tuple[int | None, int | None] | None:
        if not self._came_up:  # another program may have taken its ports meanwhile
            return None
        for address in self._addresses:
            if not address.data.startswith(SCHEME):
                return urlsplit(address.data).port, urlsplit(address.control).port
        return None

    # --- the links -------------------------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """What becomes readable when something has come, or the process has ended."""
        return (self._waiter.fileno(),)

    def send_data(self, frame: bytes, parts: Sequence[Any]) -> None:
        """Send on the data link, now or as soon as the interchange has been heard on it."""
        self._running.send("data", frame, parts)

    def send_control(self, frame: bytes) -> None:
        """Send on the control link, now or as soon as the interchange has been heard on it."""
        self._running.send("control", frame, ())

    def receive(self) -> Iterator[list[Any]]:
        """All messages that have come, each a frame and its parts."""
        return self._running.receive()

    def strangers(self) -> Mapping[str, int]:
        """How many were refused at the driver's own door, by what was wrong: at once, then once per heartbeat."""
        if self._authenticator is None or (now := time.monotonic()) < self._told_until:
            return {}
        if found := self._authenticator.strangers():
            self._told_until = now + self._description.heartbeat_period
        return found

    @property
    def _running(self) -> Incarnation:
        if self._now is None:
            raise RuntimeError("the interchange has not been started")
        return self._now

    @property
    def incarnation(self) -> int:
        """How many interchanges there have been."""
        return self._running.number

    @property
    def pid(self) -> int:
        """The interchange's process."""
        return self._running.pid

    def listening(self, ready: InterchangeReady) -> None:
        """Learn where managers reach the interchange."""
        self._ready = True
        self._allowed = self._description.silence_allowed
        addresses = []
        for urls in (ready.local, ready.remote):
            addresses += [Endpoint(data, control) for data, control in zip(urls[::2], urls[1::2], strict=True)]
        self._addresses = tuple(addresses)
        self._tell_where(ready)

    def _tell_where(self, ready: InterchangeReady) -> None:
        """Have it kept where managers look for their interchange, for another driver."""
        if self._reattachment is not None:
            where = Rendezvous(
                runs=(self._context.run.run_id, *self._former_runs),
                keys=self._keys_directory,
                sockets=self._socket_directory,
                urls=tuple((address.data, address.control) for address in self._addresses),
                incarnation=ready.incarnation,
                interchange=ready.pid,
                interchange_started=_started(ready.pid),
            )
            self._reattachment.tell(where)

    @property
    def _former_runs(self) -> tuple[str, ...]:
        former = self._reattachment.former if self._reattachment is not None else None
        return former.runs if former is not None else ()

    # --- its end and its return --------------------------------------------------------------------------------------

    def deadline(self) -> float:
        """When silence becomes suspicious, in monotonic seconds."""
        return self._running.heard + self._allowed

    def failure(self) -> str | None:
        """Why the interchange is of no more use, in words; None as long as it is. To be asked after ``receive``."""
        now = self._running
        if now.is_useless():
            return now.failure()
        silence = time.monotonic() - now.heard
        return None if silence < self._allowed else f"nothing was heard of its interchange for {silence:.0f} s."

    def restart(self) -> str | None:
        """Start another interchange in the place of one that has failed; what was on its way is lost.

        Returns:
            None, or why that makes no sense or cannot be done.
        """
        now = time.monotonic()
        self._restarts = [when for when in self._restarts if when > now - WITHIN_S]
        self._running.kill()
        if not self._addresses:
            return "it had not come up."
        if len(self._restarts) >= MOST_RESTARTS:
            return f"it has been restarted {len(self._restarts)} times in {now - self._restarts[0]:.0f} s."
        self._came_up = self._ready
        self._restarts.append(now)
        try:
            self._launch(self._running.number + 1)
        except Exception as error:  # noqa: BLE001 - whatever the reason, the executor ends with it
            return f"it could not be restarted: {error}"
        return None

    # --- blocks ----------------------------------------------------------------------------------------------------

    def block_request(self, block: BlockId) -> BlockRequest:
        """The command that starts a manager of this executor, here or elsewhere, and the key it needs."""
        options = self._manager_options(block)
        return BlockRequest(
            block_id=block,
            command=self._manager_command(options),
            job_name=f"parsl_like.{self._context.label}",
            files={KEY_FILE: manager_key_file(self._keys_directory)},
            addresses=tuple(address.data for address in self._addresses),
            ports=tcp_ports(self._addresses),
            at=partial(self._request_at, options),
        )

    def _request_at(self, options: ManagerOptions, place: BlockPlace) -> BlockRequest:
        """The same block on another machine; a user's command that loses its options finds them beside the key."""
        description, files = self._description, {KEY_FILE: manager_key_file(self._keys_directory)}
        if description.worker_logdir_root is not None:  # the user's own, on the nodes
            place = dataclasses.replace(place, folder=None)
        there = options_at(options, place)
        if description.launch_cmd not in (None, DEFAULT):
            files[OPTIONS_FILE] = there.to_argv()[1].encode()
        return BlockRequest(
            block_id=BlockId(options.block_id),
            command=manager_command(
                there,
                launch_cmd=description.launch_cmd,
                python=place.python,
                nodes_per_block=description.nodes_per_block,
            ),
            job_name=f"parsl_like.{self._context.label}",
            files=files,
            addresses=tuple(address.data for address in there.addresses),
            ports=tcp_ports(self._addresses),
        )

    def _manager_options(self, block: BlockId) -> ManagerOptions:
        description = self._description
        return ManagerOptions(
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
            key_file=os.path.join(self._keys_directory, KEY_FILE),
            cores_per_worker=description.cores_per_worker,
            mem_per_worker=description.mem_per_worker,
            max_workers=description.worker_limit,
            prefetch=description.prefetch_capacity,
            cpu_affinity=description.cpu_affinity,
            accelerators=tuple(description.accelerator_names),
            drain_period=description.drain_period,
            python_path=module_path(),
            address_probe_timeout=description.address_probe_timeout,
            worker_memory=description.worker_memory_limit,
            worker_processes=description.worker_process_limit,
            reattach=self._reattachment.seconds if self._reattachment is not None else 0.0,
        )

    def _manager_command(self, options: ManagerOptions) -> str:
        """What a block runs; should a user's command lose its options on the way, they are found beside the keys."""
        description = self._description
        launch_cmd, nodes = description.launch_cmd, description.nodes_per_block
        if launch_cmd is not None and launch_cmd != DEFAULT:
            try:
                self._leave_options(options)
            except OSError as error:  # most commands hand their arguments on, and need no file
                logger.warning("executor %s: %s could not be written: %s", self._context.label, OPTIONS_FILE, error)
        return manager_command(options, launch_cmd=launch_cmd, nodes_per_block=nodes)

    def _leave_options(self, options: ManagerOptions) -> None:
        # Blocks are submitted from one thread at a time; a manager may be reading the file.
        new = Path(self._keys_directory, f"{OPTIONS_FILE}.new")
        new.unlink(missing_ok=True)
        write_private(new, options.to_argv()[1].encode())
        new.replace(new.with_name(OPTIONS_FILE))

    def _log_root(self) -> str:
        """Where managers and workers log: in the run directory, or in one of the same names below the user's root."""
        root = self._description.worker_logdir_root
        if root is None:
            return self._directory
        return os.path.join(root, os.path.basename(self._context.run.run_dir), str(self._context.label))

    # --- the end ---------------------------------------------------------------------------------------------------

    def stop(self, deadline: float) -> None:
        """End the process by closing its stdin, then by force, and remove links, keys and directory."""
        now, self._now = self._now, None
        if now is not None:
            now.leave() if self._leaves else now.end(deadline)
        self._opened.close()


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
