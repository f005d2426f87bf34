"""Channels over ssh, at Parsl's path."""
