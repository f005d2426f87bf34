"""A command of the simulated cluster: asks the server what to do, and does it. Imports next to nothing, to be quick."""

import _socket
import marshal
import os
import sys

FOLDER = "PARSL_LIKE_FAKE_CLUSTER"


def ask(request):
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect(os.environ[FOLDER] + "/socket")
    content = memoryview(marshal.dumps(request))
    while content:
        content = content[server.send(content) :]
    server.shutdown(_socket.SHUT_WR)
    parts = []
    while part := server.recv(1 << 16):
        parts.append(part)
    server.close()
    return marshal.loads(b"".join(parts))


def hang():
    """For ever, with a child that holds the output; only SIGKILL ends the two."""
    import signal
    import time

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.fork()
    while True:
        time.sleep(3600)


def write(descriptor, content):
    while content:
        content = content[os.write(descriptor, content) :]


def given_script(name):
    """The standard input of a command that takes a script from there, if it is a file or a pipe."""
    kinds = {"bsub": (0o100000,), "condor_submit": (0o100000, 0o010000)}.get(name, ())
    if not kinds or (name == "condor_submit" and sys.argv[-1] != "-") or os.fstat(0).st_mode & 0o170000 not in kinds:
        return b""
    parts = []
    while part := os.read(0, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def main():
    name = os.path.basename(sys.argv[1])
    request = {
        "name": name,
        "words": sys.argv[2:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "uid": os.getuid(),
        "stdin": given_script(name),
    }
    try:
        answer = ask(request)
    except (OSError, KeyError, EOFError) as error:
        write(2, f"{name}: there is no simulated cluster: {error}\n".encode())
        return 255
    if answer["hangs"]:
        hang()
    if answer["delay"]:
        import time

        time.sleep(answer["delay"])
    write(1, answer["stdout"])
    write(2, answer["stderr"])
    if answer["code"] < 0:
        os.kill(os.getpid(), -answer["code"])
    return answer["code"]


if __name__ == "__main__":
    os._exit(main())
