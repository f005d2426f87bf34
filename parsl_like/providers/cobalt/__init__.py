"""Blocks from Cobalt, at Parsl's path."""
