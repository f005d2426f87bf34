"""All contracts in one place, for test suites of plugins; each is loaded when it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.testing.channel_contract import ChannelContract
    from parsl_like.testing.executor_contract import ExecutorContract
    from parsl_like.testing.launcher_contract import LauncherContract
    from parsl_like.testing.memo_contract import MemoContract
    from parsl_like.testing.provider_contract import ProviderContract
    from parsl_like.testing.remote_channel_contract import RemoteChannelContract
    from parsl_like.testing.sink_contract import SinkContract
    from parsl_like.testing.staging_contract import StagingContract

__all__ = [
    "ChannelContract",
    "ExecutorContract",
    "LauncherContract",
    "MemoContract",
    "ProviderContract",
    "RemoteChannelContract",
    "SinkContract",
    "StagingContract",
]

_HOMES: Final = {
    "ChannelContract": "parsl_like.testing.channel_contract",
    "ExecutorContract": "parsl_like.testing.executor_contract",
    "LauncherContract": "parsl_like.testing.launcher_contract",
    "MemoContract": "parsl_like.testing.memo_contract",
    "ProviderContract": "parsl_like.testing.provider_contract",
    "RemoteChannelContract": "parsl_like.testing.remote_channel_contract",
    "SinkContract": "parsl_like.testing.sink_contract",
    "StagingContract": "parsl_like.testing.staging_contract",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
