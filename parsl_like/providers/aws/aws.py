"""Blocks from Amazon EC2."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.fields import expect, expect_path, expect_walltime, expect_word, is_number
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    import os


@parsl_order(
    newest=(
        "image_id key_name init_blocks min_blocks max_blocks nodes_per_block parallelism worker_init instance_type"
        " region spot_max_bid key_file profile iam_instance_profile_arn state_file walltime linger launcher"
    )
)
@dataclasses.dataclass(kw_only=True)
class AWSProvider(Unbuilt, ExecutionProvider):
    """Describes blocks that are instances of Amazon EC2.

    See :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "start instances of Amazon EC2"
    meanwhile: ClassVar[str] = "use LocalProvider on an instance of your own."

    image_id: str = dataclasses.field(metadata={"help": "The image of the instances, 'ami-...'."})
    key_name: str = dataclasses.field(metadata={"help": "The key pair, by its name at EC2, for ssh to instances."})
    max_blocks: int = dataclasses.field(
        default=10, metadata={"help": "Never more blocks than this; min_blocks and init_blocks raise it."}
    )
    instance_type: str = dataclasses.field(default="t2.small", metadata={"help": "The kind of instance."})
    region: str = dataclasses.field(default="us-east-2", metadata={"help": "The region of the instances."})
    spot_max_bid: float = dataclasses.field(
        default=0, metadata={"help": "Most to pay for an hour of a spot instance, in dollars; 0 for no spot instances."}
    )
    key_file: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "A JSON file with AWSAccessKeyId and AWSSecretKey; None for other ways in."}
    )
    profile: str | None = dataclasses.field(
        default=None,
        metadata={"help": "The profile of the AWS configuration; None for its default or the environment."},
    )
    iam_instance_profile_arn: str = dataclasses.field(
        default="", metadata={"help": "What the instances may do, as the ARN of an instance profile."}
    )
    state_file: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "Where the network's ids are kept; None for the run directory."}
    )
    walltime: str = dataclasses.field(
        default="01:00:00", metadata={"help": "How long a block may run, as '[days-]hours:minutes:seconds'."}
    )
    linger: bool = dataclasses.field(
        default=False, metadata={"help": "Whether an instance is kept when its command has ended."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "image_id", "key_name", "instance_type", "region")
        expect_path(self, "key_file", "state_file")
        bid = self.spot_max_bid
        expect(self, "spot_max_bid", is_number(bid) and bid >= 0, "a number of at least 0")
        expect_walltime(self)
