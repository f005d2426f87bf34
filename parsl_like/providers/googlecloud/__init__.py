"""Blocks from Google Compute Engine, at Parsl's path."""
