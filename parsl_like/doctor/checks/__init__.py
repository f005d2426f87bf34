"""From descriptions and what was seen to findings. Pure: what is checked here can be checked without a machine."""
