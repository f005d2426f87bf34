"""Blocks from Microsoft Azure, at Parsl's path."""
