"""Places where records go: JSON lines in the run directory (``jsonl``), the last ones in memory (``memory``)."""
