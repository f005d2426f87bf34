"""Files moved over networks by whoever wants them: a task of their own, the task that reads them, or a program.

Needs the standard library alone. ``fetch.py`` is the door. What arrives lies under a temporary name until all of it is
there and right (``landing.py``, ``partial.py``); one try to move it is in ``web.py``, ``ftp.py`` or ``sftp.py``, and
how often and how long is tried in ``limits.py``, ``pace.py`` and ``trouble.py``; ``progress.py`` says how far it is.
``intask.py`` moves files around a task's own function, each once per place (``places.py``), ``archives.py`` takes them
out of ZIP archives and puts them in, and with ``anywhere.py`` the package fsspec moves them, where there is one.
``rsync.py`` has rsync copy them. ``unless.py`` says what need not be taken away once more.
"""
