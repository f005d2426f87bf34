"""Ready-made configurations: modules with a ``config`` to load or to copy from; importing one starts nothing."""
