"""Measurements as UDP datagrams."""

from __future__ import annotations

from dataclasses import dataclass, field

from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect, expect_port, expect_word, is_number
from parsl_like.monitoring.radios.base import RadioConfig


@spelled()
@dataclass(kw_only=True)
class UDPRadio(RadioConfig):
    """Describes measurements that come back as signed UDP datagrams; some may be lost on the way."""

    port: int | None = field(default=None, metadata={"help": "Port that the program listens on; None for any."})
    atexit_timeout: float = field(
        default=3, metadata={"help": "Seconds to wait at the end for datagrams on their way."}
    )
    address: str = field(metadata={"help": "Address of this machine as nodes see it."})
    debug: bool = field(default=False, metadata={"help": "Whether both ends log every detail."})
    hmac_digest: str = field(default="sha512", metadata={"help": "The hash that signatures are made with."})

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        expect_port(self, "port")
        expect(
            self, "atexit_timeout", is_number(self.atexit_timeout) and self.atexit_timeout >= 0, "seconds, at least 0"
        )
        expect_word(self, "address")
