"""Channels over ssh with a login by hand, at Parsl's path."""
