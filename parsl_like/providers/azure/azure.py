"""Blocks from Microsoft Azure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.fields import expect_path, expect_word
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    import os


@parsl_order(
    newest=(
        "vm_reference init_blocks min_blocks max_blocks parallelism worker_init location group_name key_name key_file"
        " vnet_name linger launcher"
    )
)
@dataclasses.dataclass(kw_only=True)
class AzureProvider(Unbuilt, ExecutionProvider):
    """Describes blocks that are virtual machines of Microsoft Azure.

    See :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "start virtual machines of Microsoft Azure"
    meanwhile: ClassVar[str] = "use LocalProvider on a virtual machine of your own."

    vm_reference: Mapping[str, Any] = dataclasses.field(
        metadata={"help": "What a machine is like: publisher, offer, sku, version, vm_size and so on."}
    )
    max_blocks: int = dataclasses.field(
        default=10, metadata={"help": "Never more blocks than this; min_blocks and init_blocks raise it."}
    )
    location: str = dataclasses.field(default="westus", metadata={"help": "Where the machines are."})
    group_name: str = dataclasses.field(
        default="parsl.group", metadata={"help": "The resource group; made where it is missing."}
    )
    key_name: str | None = dataclasses.field(
        default=None, metadata={"help": "The public key for ssh to the machines; None for none."}
    )
    key_file: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "A JSON file with the credentials; None for those of the environment."}
    )
    vnet_name: str = dataclasses.field(
        default="parsl.vnet", metadata={"help": "The virtual network; made where it is missing."}
    )
    linger: bool = dataclasses.field(
        default=False, metadata={"help": "Whether a machine is kept when its command has ended."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "location", "group_name", "vnet_name")
        expect_path(self, "key_file")
