"""Blocks from Grid Engine, at Parsl's path."""
