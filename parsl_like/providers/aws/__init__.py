"""Blocks from Amazon EC2, at Parsl's path."""
