"""What ``Config(initialize_logging=...)`` can be: a file of text (``file``) or of JSON (``json``), or ``noop``."""
