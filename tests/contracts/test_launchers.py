"""Every launcher, and a user's function in the place of one, keeps the contract of launchers."""

from __future__ import annotations

from parsl_like.launchers import SimpleLauncher, SingleNodeLauncher, WrappedLauncher
from parsl_like.testing.contracts import LauncherContract


class TestSimpleLauncher(LauncherContract):
    copies = 1

    def make_launcher(self) -> SimpleLauncher:
        return SimpleLauncher()


class TestSingleNodeLauncher(LauncherContract):
    def make_launcher(self) -> SingleNodeLauncher:
        return SingleNodeLauncher()


class TestSingleNodeLauncherThatFailsOnAny(LauncherContract):
    def make_launcher(self) -> SingleNodeLauncher:
        return SingleNodeLauncher(debug=False, fail_on_any=True)


class TestWrappedLauncher(LauncherContract):
    copies = 1

    def make_launcher(self) -> WrappedLauncher:
        return WrappedLauncher("time")  # a word of the shell's own, which takes any command


def by_function(command: str, tasks_per_node: int, nodes_per_block: int) -> str:
    del tasks_per_node, nodes_per_block
    return f"( {command}\n)"


class TestFunction(LauncherContract):
    copies = 1

    def make_launcher(self) -> object:
        return by_function
