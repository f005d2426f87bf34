"""Blocks from HTCondor, at Parsl's path."""
