"""``python -m tests.fakes.cluster FOLDER``: serves the cluster of a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fakes.cluster.server import Server

Server(Path(sys.argv[1])).serve()
