"""Blocks from Kubernetes, at Parsl's path."""
