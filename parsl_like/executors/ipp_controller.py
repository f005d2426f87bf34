"""The controller of Parsl's IPyParallel executor as a user describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsl_like.core.arguments import spelled
from parsl_like.core.description import Description
from parsl_like.core.fields import expect_path, expect_port, expect_port_range, own_containers

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence


@spelled()
@dataclass
class Controller(Description):
    """Describes the IPyParallel controller that engines report to."""

    public_ip: str | None = field(
        default=None, metadata={"help": "Address of this machine as engines see it; None to find it."}
    )
    interfaces: Sequence[str] | str | None = field(
        default=None, metadata={"help": "Addresses to listen on; None for all."}
    )
    port: int | None = field(default=None, metadata={"help": "Port to listen on; None for any."})
    port_range: str | tuple[int, int] | None = field(
        default=None, metadata={"help": "Ports to choose from, as '50000,50020' or as two numbers; None for any."}
    )
    reuse: bool = field(default=False, metadata={"help": "Whether a controller that runs already is used."})
    log: bool = field(default=True, metadata={"help": "Whether the controller logs to a file."})
    ipython_dir: str | os.PathLike[str] = field(
        default="~/.ipython", metadata={"help": "IPython's directory, where its profiles are."}
    )
    mode: str = field(default="auto", metadata={"help": "Who starts it: auto, or manual for the user."})
    profile: str | None = field(default=None, metadata={"help": "IPython's profile; None for a new one."})

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_port(self, "port")
        if not isinstance(self.port_range, str | None):
            expect_port_range(self, "port_range")
        expect_path(self, "ipython_dir", optional=False)
