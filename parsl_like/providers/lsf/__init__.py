"""Blocks from LSF, at Parsl's path."""
