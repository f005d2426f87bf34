"""Records of what happens in a run: gathered by one thread (``recorder``), written to sinks (``sinks``)."""
