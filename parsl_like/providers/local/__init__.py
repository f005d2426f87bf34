"""Blocks on the machine where the program runs; the module inside has Parsl's path."""

from parsl_like.providers.local.local import LocalProvider, parsl_like_open_provider, parsl_like_provider_types

__all__ = ["LocalProvider", "parsl_like_open_provider", "parsl_like_provider_types"]
