"""What an examination is to do, and what all its parts have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.config import Config
    from parsl_like.doctor.sightings import SeenScript
    from parsl_like.plugins.manager import PluginManager

Scripts = Callable[["Config", str, bool], "SeenScript"]
"""Says what is thought of the script of an executor's block: from the Config, the executor's label, and whether the
batch system may be asked."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an examination is to do beyond looking.

    Attributes:
        submit: Whether to submit a test block of each executor.
        patience: Seconds that such a block may wait in the queue.
        label: Of the only executor to look at; None for all.
        tell: Takes sentences on how it goes.
    """

    submit: bool = False
    patience: float = 600.0
    label: str | None = None
    tell: Callable[[str], None] = field(default=lambda _: None)


@dataclass(slots=True)
class Setting:
    """What the parts of one examination share.

    Attributes:
        config: The configuration.
        scripts: What is thought of scripts.
        wishes: What to do beyond looking.
        plugins: The plugins there are.
        hindered: Whether a fault of the Config itself would keep any block from working.
        checked: What was looked at, in a few words each.
        unchecked: What could not be looked at, and why, in a sentence each.
    """

    config: Config
    scripts: Scripts
    wishes: Wishes
    plugins: PluginManager
    hindered: bool = False
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
