"""Blocks from PBS Pro and OpenPBS, at Parsl's path."""
