"""Channels over ssh with a token for the login, at Parsl's path."""
