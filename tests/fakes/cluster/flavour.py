"""What the server has to know of a batch system beside its commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.cluster.call import Answer, Call
    from tests.fakes.cluster.model import Cluster, Job


@dataclass(frozen=True)
class Places:
    """Paths of one start of a job.

    Attributes:
        script: The copy of its script that runs.
        hosts: The file that names its nodes.
        tmp: Its own temporary folder.
    """

    script: str
    hosts: str
    tmp: str


@dataclass(frozen=True)
class Flavour:
    """A batch system.

    Attributes:
        commands: By their names.
        away: What a command says while the server is away.
        lost_answer: What one says whose request was carried out, and whose answer was lost.
        environment: The variables that tell a job what it got.
        hosts: The text of the file that names its nodes.
        settings: How its clusters differ from others.
        inherits: Whether a job begins with the environment of its submitter, not with that of a login.
        spools: Whether its output comes to its place only when it is over.
        appends: Whether output is added to what is in the file.
    """

    commands: Mapping[str, Callable[[Call], Answer]]
    away: Callable[[str], Answer]
    lost_answer: Callable[[str], Answer]
    environment: Callable[[Job, Cluster, Places], dict[str, str]]
    hosts: Callable[[Job, Cluster], str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    inherits: bool = False
    spools: bool = False
    appends: bool = False
