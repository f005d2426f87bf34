"""The local channel keeps the contract of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.channels import LocalChannel
from parsl_like.testing.contracts import ChannelContract

if TYPE_CHECKING:
    from pathlib import Path


class TestLocalChannel(ChannelContract):
    def make_channel(self) -> LocalChannel:
        return LocalChannel()

    def remote_folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "there"
        folder.mkdir()
        return folder
