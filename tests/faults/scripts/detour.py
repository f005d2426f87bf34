"""Runs a manager that goes to other addresses: detour.py DATA CONTROL --options ..."""

from __future__ import annotations

import sys
from dataclasses import replace

from parsl_like.executors.high_throughput import manager
from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions

if __name__ == "__main__":
    options = ManagerOptions.from_argv(sys.argv[3:])
    words = replace(options, addresses=(Endpoint(*sys.argv[1:3]),)).to_argv()
    sys.exit(manager.main(words))
