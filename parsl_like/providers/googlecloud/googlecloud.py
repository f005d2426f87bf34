"""Blocks from Google Compute Engine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.fields import expect_path, expect_word
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    import os


@parsl_order(
    newest=(
        "project_id key_file region os_project os_family google_version instance_type init_blocks min_blocks max_blocks"
        " launcher parallelism"
    )
)
@dataclasses.dataclass(kw_only=True)
class GoogleCloudProvider(Unbuilt, ExecutionProvider):
    """Describes blocks that are virtual machines of Google Compute Engine.

    See :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "start virtual machines of Google Compute Engine"
    meanwhile: ClassVar[str] = "use LocalProvider on a virtual machine of your own."

    project_id: str = dataclasses.field(metadata={"help": "The project to charge, by its id."})
    key_file: str | os.PathLike[str] = dataclasses.field(
        metadata={"help": "The JSON file with a service account's key."}
    )
    region: str = dataclasses.field(metadata={"help": "The region of the machines, 'us-central1' say."})
    os_project: str = dataclasses.field(metadata={"help": "The project that the image comes from."})
    os_family: str = dataclasses.field(metadata={"help": "The family of images; its newest is taken."})
    google_version: str = dataclasses.field(default="v1", metadata={"help": "The version of the interface."})
    instance_type: str = dataclasses.field(default="n1-standard-1", metadata={"help": "The kind of machine."})
    max_blocks: int = dataclasses.field(
        default=10, metadata={"help": "Never more blocks than this; min_blocks and init_blocks raise it."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "project_id", "region", "os_project", "os_family", "google_version", "instance_type")
        expect_path(self, "key_file", optional=False)
