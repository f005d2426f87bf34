"""Blocks from Torque, at Parsl's path."""
