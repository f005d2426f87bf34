"""What a task has changed is as it was before the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

PREPARE = """
import os, signal, sys, tempfile, threading
from parsl_like.executors.high_throughput.node.surroundings import Surroundings, out_of_the_way

place = os.getcwd()
surroundings = Surroundings()
"""


def run(code: str) -> str:
    """In a process of its own: standard streams and signals are not to be played with here."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


CHANGES = {
    "directory": ("os.chdir('/')", "assert os.getcwd() == place"),
    "removed directory": ("p = tempfile.mkdtemp(); os.chdir(p); os.rmdir(p)", "assert os.getcwd() == place"),
    "stream": ("sys.stdout = None", "assert sys.stdout.fileno() == 1"),
    "closed stream": ("sys.stdout.close(); sys.stderr.close()", "print('x', file=sys.stderr)"),
    "closed descriptors": ("os.closerange(0, 3)", "assert sys.stdin.read() == ''"),
    "other files": ("n = os.open('/dev/null', os.O_RDWR); [os.dup2(n, i) for i in (1, 2)]; os.close(n)", ""),
    "signals": ("signal.signal(10, signal.SIG_IGN)", "assert signal.getsignal(10) is signal.SIG_DFL"),
    "mask": ("signal.pthread_sigmask(0, {15})", "assert not signal.pthread_sigmask(0, ())"),
    "timer": ("signal.setitimer(signal.ITIMER_REAL, 0.2)", "threading.Event().wait(0.4)"),
    "umask": ("before = os.umask(0o777)", "assert os.umask(0) == before"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_is_put_back(what: str) -> None:
    change, check = CHANGES[what]
    assert run(f"{change}\nsurroundings.restore()\n{check}\nprint('printed', flush=True)") == "printed\n"


@pytest.mark.parametrize("what", ["directory", "removed directory", "stream", "closed stream"])
def test_the_quick_way_is_enough_for(what: str) -> None:
    change, check = CHANGES[what]
    assert run(f"{change}\nsurroundings.restore_quickly()\n{check}\nprint('printed', flush=True)") == "printed\n"


@pytest.mark.parametrize("what", ["closed descriptors", "signals", "mask"])
def test_a_look_is_enough_for(what: str) -> None:
    change, check = CHANGES[what]
    assert run(f"{change}\nsurroundings.look()\n{check}\nprint('printed', flush=True)") == "printed\n"


def test_a_look_touches_nothing_else() -> None:
    change, _ = CHANGES["umask"]
    assert run(f"{change}\nsurroundings.look()\nprint(oct(os.umask(0)))") == "0o777\n"


@pytest.mark.parametrize("change", ["os.chdir('/')", "os.fchdir(os.open('/', os.O_RDONLY))"])
def test_the_interpreter_tells_of_another_directory_each_time(change: str) -> None:
    code = """
surroundings.watch()
for _ in range(3):
    CHANGE
    surroundings.restore_quickly()
    assert os.getcwd() == place
    surroundings.restore_quickly()
print('printed', flush=True)
"""
    assert run(code.replace("CHANGE", change)) == "printed\n"


def test_a_directory_that_code_in_c_has_changed_is_put_back() -> None:
    code = """
import ctypes
surroundings.watch()
surroundings.restore_quickly()
assert ctypes.CDLL(None).chdir(b'/') == 0
surroundings.restore()
assert os.getcwd() == place
print('printed', flush=True)
"""
    assert run(code) == "printed\n"


def test_whoever_closes_everything_is_told() -> None:
    code = """
out = out_of_the_way(os.dup(1))
os.closerange(3, out)
os.closerange(out + 1, 65536)
try:
    surroundings.restore()
except OSError:
    os.write(out, b'closed')
"""
    assert run(code) == "closed"


def test_a_descriptor_is_moved_where_few_are() -> None:
    code = """
before = os.dup(1)
after = out_of_the_way(before)
os.write(after, b'%d %d %d' % (before, after, os.get_inheritable(after)))
"""
    before, after, inheritable = map(int, run(code).split())
    assert before < 100 < after < 1024
    assert not inheritable


def test_with_few_descriptors_there_still_is_a_place() -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))\n"
    assert run(f"{limit}os.write(out_of_the_way(os.dup(1)), b'moved')") == "moved"
