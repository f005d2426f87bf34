"""Blocks from Kubernetes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from parsl_like.core.fields import expect_positive, expect_word
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.positional import parsl_order


@parsl_order(
    newest=(
        "image namespace nodes_per_block init_blocks min_blocks max_blocks max_cpu max_mem init_cpu init_mem"
        " extra_requests extra_limits parallelism worker_init pod_name user_id group_id run_as_non_root secret"
        " persistent_volumes service_account_name annotations"
    )
)
@dataclasses.dataclass(kw_only=True)
class KubernetesProvider(Unbuilt, ExecutionProvider):
    """Describes blocks that are pods of Kubernetes.

    See :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "start pods of Kubernetes"
    meanwhile: ClassVar[str] = "start the program in a pod of your own with LocalProvider."

    image: str = dataclasses.field(metadata={"help": "The image of the pods' container."})
    namespace: str = dataclasses.field(default="default", metadata={"help": "The namespace of the pods."})
    init_blocks: int = dataclasses.field(default=4, metadata={"help": "Blocks to start with."})
    max_blocks: int = dataclasses.field(
        default=10, metadata={"help": "Never more blocks than this; min_blocks and init_blocks raise it."}
    )
    max_cpu: float = dataclasses.field(default=2, metadata={"help": "Most processors a pod may use."})
    max_mem: str = dataclasses.field(default="500Mi", metadata={"help": "Most memory a pod may use."})
    init_cpu: float = dataclasses.field(default=1, metadata={"help": "Processors a pod is sure of."})
    init_mem: str = dataclasses.field(default="250Mi", metadata={"help": "Memory a pod is sure of."})
    extra_requests: Mapping[str, str] | None = dataclasses.field(
        default=None, metadata={"help": "More that a pod is sure of, by resource; None for nothing."}
    )
    extra_limits: Mapping[str, str] | None = dataclasses.field(
        default=None, metadata={"help": "More that a pod may use at most, by resource; None for nothing."}
    )
    pod_name: str | None = dataclasses.field(
        default=None, metadata={"help": "What pods' names begin with; None for a name of the run."}
    )
    user_id: int | str | None = dataclasses.field(
        default=None, metadata={"help": "The user in the container; None for the image's own."}
    )
    group_id: int | str | None = dataclasses.field(
        default=None, metadata={"help": "The group in the container; None for the image's own."}
    )
    run_as_non_root: bool = dataclasses.field(
        default=False, metadata={"help": "Whether the container is refused if it would run as root."}
    )
    secret: str | None = dataclasses.field(
        default=None, metadata={"help": "The secret, by its name, with which the image is fetched; None for none."}
    )
    persistent_volumes: Sequence[tuple[str, str]] = dataclasses.field(
        default_factory=list, metadata={"help": "Pairs of a volume claim's name and the folder where it is seen."}
    )
    service_account_name: str | None = dataclasses.field(
        default=None, metadata={"help": "The service account of the pods; None for the default one."}
    )
    annotations: Mapping[str, Any] | None = dataclasses.field(
        default=None, metadata={"help": "Annotations of the pods, by name; None for none."}
    )

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "image", "namespace", "max_mem", "init_mem")
        expect_positive(self, "max_cpu", "init_cpu")
