"""Results of calls that are remembered: by what, in memory, and on disk.

``keys.py`` makes the key of a call, ``table.py`` holds what this process remembers, ``store.py`` what is on disk, and
``session.py`` puts them together as the kernel knows them (``core/ports.py``, ``Memo``).
"""
