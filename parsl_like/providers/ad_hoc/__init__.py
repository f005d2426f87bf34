"""Blocks from hosts that are reached by ssh, at Parsl's path."""
