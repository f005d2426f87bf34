"""Which executors' managers run on this machine, where a unix socket is of use to them."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.channels import OpenSSHChannel, SSHChannel
from parsl_like.dataflow import keptblocks
from parsl_like.providers import AdHocProvider, LocalProvider, SlurmProvider


@pytest.mark.parametrize(
    ("provider", "local"),
    [
        (LocalProvider(), True),
        (LocalProvider(channel=SSHChannel("login.example.org")), False),
        (LocalProvider(channel=OpenSSHChannel("login.example.org")), False),
        (AdHocProvider([SSHChannel("h1")]), False),
        (SlurmProvider("debug"), False),
    ],
)
def test_blocks_are_here_unless_a_channel_leads_elsewhere(provider: Any, local: bool) -> None:
    assert keptblocks._is_local(provider.sealed()) is local
