"""What a tunnel takes and gives: from compute nodes through the SSH connection of a channel to this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmark import Benchmark
from figure import Figure
from options import main
from secure_shell import SecureShell

PEER = str(Path(__file__).with_name("peer.py"))
MEGABYTES, QUICK_MEGABYTES = 200, 2
TRIPS, QUICK_TRIPS = 2000, 50
RESETS, QUICK_RESETS = 3, 1
CASES = {"direct": "without", "ssh": "SSHChannel", "openssh": "OpenSSHChannel"}


def measure(_name: str, case: str, quick: bool) -> Mapping[str, float]:
    """MB/s, microseconds and seconds of one way to connect."""
    with ExitStack() as stack:
        server = stack.enter_context(
            subprocess.Popen([sys.executable, PEER, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        sizes = [str(QUICK_MEGABYTES), str(QUICK_TRIPS)] if quick else [str(MEGABYTES), str(TRIPS)]
        if case == "direct":
            return _named(case, _peer("measure", f"127.0.0.1:{port}", *sizes))
        shell = stack.enter_context(SecureShell())
        tunnel = _opened(stack, case, shell, port)
        route = tunnel.routes()[port][0]
        values = _named(case, _peer("measure", route, *sizes))
        times = []
        for _ in range(QUICK_RESETS if quick else RESETS):
            shell.reset()
            times.append(_peer("again", route)["again"])
        return {**values, f"{case} again": max(times)}


def _opened(stack: ExitStack, case: str, shell: SecureShell, port: int) -> Any:
    from parsl_like.channels import OpenSSHChannel, SSHChannel
    from parsl_like.channels.tunnel import open_tunnel
    from parsl_like.clocks import SystemClock

    channel = SSHChannel(**shell.channel) if case == "ssh" else OpenSSHChannel(**shell.channel)
    session: Any = channel.open()
    stack.callback(session.close)
    tunnel = open_tunnel(session, [port], SystemClock(), python=sys.executable)
    stack.callback(tunnel.close)
    return tunnel


def _named(case: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{case} {key}": value for key, value in values.items()}


def _peer(*words: str) -> dict[str, float]:
    """What a process at the other end prints: as one on a compute node it shares no interpreter with the tunnel."""
    done = subprocess.run([sys.executable, PEER, *words], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


BENCHMARK = Benchmark(
    title="Tunnel",
    file=__file__,
    measure=measure,
    engines=("htex",),
    cases=tuple(CASES),
    figures=(
        *(Figure(f"{case} up", f"{text}: results to here, MB/s") for case, text in CASES.items()),
        *(Figure(f"{case} down", f"{text}: arguments from here, MB/s") for case, text in CASES.items()),
        *(Figure(f"{case} trip", f"{text}: round trip, us", "less") for case, text in CASES.items()),
        *(
            Figure(f"{case} again", f"{text}: reset to a new connection, s", "less", digits=2)
            for case, text in CASES.items()
            if case != "direct"
        ),
    ),
    note=f"One TCP connection over this machine's loopback, {MEGABYTES} MB each way, {TRIPS:,} messages of 64 bytes, "
    "through relay, sshd and the channel's own end. The time after a reset is the longest of "
    f"{RESETS}: from the end of the server's process to a message that has come back through the same route.",
)

if __name__ == "__main__":
    main(BENCHMARK)
