"""The engine as a pool of the standard library's kind, for programs that know nothing else."""

from parsl_like.concurrent.pool import ParslPoolExecutor

__all__ = ["ParslPoolExecutor"]
