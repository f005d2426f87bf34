"""An append-only log on disk: framed, checksummed, versioned, and readable after a cut or a flipped byte anywhere.

``frames`` says what the bytes are and makes no system call; ``log`` writes and reads files; ``trust`` refuses files
that somebody else may have written. The format is in ``docs/internals/journal.md``.
"""
