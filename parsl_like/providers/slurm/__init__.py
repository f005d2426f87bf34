"""Blocks from Slurm, at Parsl's path."""
