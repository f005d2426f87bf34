"""What channels to other machines have in common keeps their contract, over pipes to a shell of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.testing.contracts import RemoteChannelContract
from tests.channels.pipes import PipeChannel

if TYPE_CHECKING:
    from pathlib import Path


class TestPipeChannel(RemoteChannelContract):
    def make_channel(self) -> PipeChannel:
        return PipeChannel()

    def remote_folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "there"
        folder.mkdir()
        return folder

    def test_a_port_is_led_nowhere_once_the_session_is_closed(self) -> None:
        """It is this machine's own port."""
