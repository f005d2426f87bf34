"""Parsl's path of :mod:`parsl_like.configs`."""
