"""Where Parsl has its measuring command; ``parsl-like perf`` is the same."""
