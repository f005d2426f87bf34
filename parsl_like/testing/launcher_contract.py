"""What every launcher promises, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

import pickle
import shlex
import subprocess
from typing import TYPE_CHECKING

from parsl_like.launchers.base import Launcher, wrap_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE_S = 60.0


class LauncherContract:
    """Subclass it, say how to make the launcher, and its tests run the text it makes in a real bash.

    Attributes:
        copies: How many copies run for 3 tasks per node on 1 node.
    """

    copies: int = 3

    def make_launcher(self) -> Callable[[str, int, int], str]:
        """The launcher to be tested."""
        raise NotImplementedError

    def run(self, command: str, folder: Path) -> int:
        """The exit code of a command, launched three times on one node."""
        text = wrap_command(self.make_launcher(), command, 3, 1)
        script = folder / "script.sh"
        script.write_text(text, encoding="utf-8")
        return subprocess.run(["bash", str(script)], cwd=folder, timeout=PATIENCE_S, check=False).returncode

    def test_each_copy_runs_the_command_once(self, tmp_path: Path) -> None:
        """As many copies as are wanted, none twice."""
        assert self.run("echo ran >> counted", tmp_path) == 0
        assert (tmp_path / "counted").read_text().split() == ["ran"] * self.copies

    def test_the_command_reaches_the_shell_as_it_is(self, tmp_path: Path) -> None:
        """Quotes, dollars, backslashes, line ends and semicolons of a command mean what they mean."""
        awkward = "a 'b' \"c\" $HOME `d` \\e;f\n&& * g"
        command = f"printf %s {shlex.quote(awkward)} > said"
        assert self.run(command, tmp_path) == 0
        assert (tmp_path / "said").read_text() == awkward

    def test_the_block_waits_for_its_copies(self, tmp_path: Path) -> None:
        """When the text is over, every copy is."""
        assert self.run("echo a >> begun; read -t 0.2 <> <(:); echo b >> ended", tmp_path) == 0
        assert len((tmp_path / "ended").read_text().split()) == self.copies

    def test_success_and_failure_reach_the_block(self, tmp_path: Path) -> None:
        """All copies succeed: 0. All fail: the exit code."""
        assert self.run("true", tmp_path) == 0
        assert self.run("exit 7", tmp_path) == 7
        assert self.run("( exit 9 )", tmp_path) == 9

    def test_it_is_pure(self) -> None:
        """The same arguments give the same text, by either way of calling."""
        launcher = self.make_launcher()
        assert launcher("true", 2, 2) == launcher("true", 2, 2) == self.make_launcher()("true", 2, 2)
        if isinstance(launcher, Launcher):
            assert launcher.wrap("true", 2, 2) == launcher("true", 2, 2)

    def test_it_is_a_value(self) -> None:
        """Two that were made alike are equal, also after pickling, and one can be sealed."""
        launcher = self.make_launcher()
        if isinstance(launcher, Launcher):
            assert launcher == self.make_launcher() == pickle.loads(pickle.dumps(launcher)) == launcher.sealed()
