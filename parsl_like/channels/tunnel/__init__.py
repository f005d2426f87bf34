"""The tunnel: how blocks on another machine's network reach this machine, which they cannot connect to."""

from parsl_like.channels.tunnel.tunnel import Tunnel, open_tunnel

__all__ = ["Tunnel", "open_tunnel"]
