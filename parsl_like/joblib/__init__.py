"""The engine as a backend of joblib: ``with joblib.parallel_config(backend="parsl_like"):``.

Importing this does not import joblib; :func:`register` does.
"""

from __future__ import annotations

from parsl_like.errors import OptionalModuleMissing

__all__ = ["register"]


def register(name: str = "parsl_like", *, make_default: bool = False) -> None:
    """Let joblib know the backend; doing so again changes nothing.

    Args:
        name: What programs call it.
        make_default: Whether calls that name no backend use it.

    Raises:
        OptionalModuleMissing: joblib is not installed.
    """
    try:
        from joblib import register_parallel_backend
    except ImportError as error:
        raise OptionalModuleMissing(["joblib"], "it is what the backend is for: pip install joblib") from error
    from parsl_like.joblib.backend import ParslLikeBackend

    register_parallel_backend(name, ParslLikeBackend, make_default=make_default)
