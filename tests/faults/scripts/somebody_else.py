"""What another user of this machine can do: becomes that user, tries what is asked on stdin, tells on stdout.

Starts as root, because the interpreter may live where others cannot go.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress

NOBODY = 65534


def main() -> None:
    asked = json.load(sys.stdin)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    done = []
    for path in asked["paths"]:
        with suppress(OSError):
            os.listdir(path)
            done.append(f"listed {path}")
        with suppress(OSError), open(path, "rb") as file:
            file.read(1)
            done.append(f"read {path}")
        with suppress(OSError), open(path, "r+b"):
            done.append(f"opened {path} for writing")
    for path in asked["sockets"]:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.connect(path)
            done.append(f"connected to {path}")
    for pid in asked["pids"]:
        for name in ("environ", "mem", "maps"):
            with suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
                if file.read(1):
                    done.append(f"read {name} of {pid}")
        with suppress(OSError):
            done += [f"saw descriptor {number} of {pid}" for number in os.listdir(f"/proc/{pid}/fd")]
        for number in range(64):
            with suppress(OSError):
                os.close(os.open(f"/proc/{pid}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK))
                done.append(f"opened descriptor {number} of {pid}")
            with suppress(OSError):
                os.close(os.open(f"/proc/{pid}/root", os.O_RDONLY))
                done.append(f"entered the root of {pid}")
        with suppress(OSError):
            os.kill(pid, 0)
            done.append(f"signalled {pid}")
    for place in asked["folders"]:
        with suppress(OSError):
            os.close(os.open(os.path.join(place, "planted"), os.O_WRONLY | os.O_CREAT))
            done.append(f"made a file in {place}")
        with suppress(OSError):
            os.rename(place, f"{place}-moved")
            done.append(f"moved {place}")
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
