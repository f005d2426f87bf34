"""Files by rsync: from and to a daemon, and over a remote shell; whole or not at all, with what is wrong in words."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import StagingError
from parsl_like.remote.transfers import rsync
from parsl_like.remote.transfers.limits import Limits
from parsl_like.remote.transfers.rsync import BringByRsync, Far, TakeByRsync, fetch, send
from tests.remote.transfers.rsync_daemon import PASSWORD, Daemon, needs_rsync, remote_shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_rsync

NAMES = ["plain", "a b", "a*b", "a?b", "[ab]", "a\\b", "a'b", 'a"b', "$(touch x)", "a;b", "-rf", "~", "ü", "#%41"]
LIMITS = Limits(silence=10, tries=3, first_wait=0.01, longest_wait=0.05)


@pytest.fixture
def far(tmp_path: Path) -> Path:
    (tmp_path / "far").mkdir()
    return tmp_path / "far"


@pytest.fixture
def daemon(tmp_path: Path, far: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "daemon", far) as daemon:
        yield daemon


def at(daemon: Daemon, path: str, module: str = "data", user: str = "", password: str | None = None) -> Far:
    return Far(f"rsync://{user}127.0.0.1:{daemon.port}/{module}/", path, password=password)


def over_shell(tmp_path: Path, path: Path, before: str = "") -> Far:
    return Far("me@there:", str(path), remote_shell(tmp_path, before))


def left(folder: Path) -> list[str]:
    """What is in a directory, but for the place of notes."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".parsl_like")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_name(name: str, tmp_path: Path, far: Path, daemon: Daemon) -> None:
    (far / name).write_text(f"contents of {name}")
    (far / "aXb").write_text("another one, which a pattern would find")
    here = tmp_path / "here"
    for number, place in enumerate((at(daemon, name), over_shell(tmp_path, far / name))):
        moved = fetch(place, str(here / name), LIMITS)
        assert (here / name).read_text() == f"contents of {name}"
        assert moved.size == len(f"contents of {name}".encode())
        (here / name).write_text(f"changed {number}")
        target = place._replace(path=f"{place.path} out")
        send(str(here / name), target, LIMITS)
        assert (far / f"{name} out").read_text() == f"changed {number}"
    assert left(here) == [name]
    assert sorted(path.name for path in far.iterdir()) == sorted({name, "aXb", f"{name} out"})


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path, far: Path, daemon: Daemon) -> None:
    old, new = bytes(3_000_000), random.Random(1).randbytes(3_000_000)
    (far / "x").write_bytes(new)
    (tmp_path / "x").write_bytes(old)
    os.utime(far / "x", (1, 1))
    os.utime(tmp_path / "x", (1, 1))  # the same size and time: no reason to think that it is the same file
    assert fetch(at(daemon, "x"), str(tmp_path / "x"), LIMITS).size == len(new)
    assert (tmp_path / "x").read_bytes() == new
    (far / "x").write_bytes(old)
    os.utime(far / "x", (1, 1))
    send(str(tmp_path / "x"), at(daemon, "x"), LIMITS)
    assert (far / "x").read_bytes() == new


@pytest.mark.parametrize(
    ("path", "module", "sentence"),
    [
        ("none", "data", r"ended with 23, the file cannot be read or written, or is not there.*No such file"),
        ("folder", "data", r"folder is no file"),
        ("x", "nomodule", r"ended with 5, the daemon refuses.*Unknown module 'nomodule'"),
        ("x", "locked", r"ended with 5, the daemon refuses.*auth failed on module locked"),
    ],
)
def test_what_cannot_be_had_is_told_at_once(
    path: str, module: str, sentence: str, tmp_path: Path, far: Path, daemon: Daemon
) -> None:
    (far / "folder").mkdir()
    (far / "x").write_text("x")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "x").write_text("as it was")
    with pytest.raises(StagingError, match=sentence) as caught:
        fetch(at(daemon, path, module), str(tmp_path / "here" / "x"), LIMITS)
    assert "tried" not in caught.value.reason
    assert (tmp_path / "here" / "x").read_text() == "as it was"
    assert left(tmp_path / "here") == ["x"]


def test_a_module_that_takes_nothing_is_told(tmp_path: Path, far: Path, daemon: Daemon) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(StagingError, match="module is read only"):
        send(str(tmp_path / "x"), at(daemon, "x", "readonly"), LIMITS)
    with pytest.raises(StagingError, match="is no file that could be sent"):
        send(str(tmp_path / "none"), at(daemon, "x"), LIMITS)
    assert left(far) == []


def test_a_daemon_with_a_password_gets_it_and_nobody_sees_it(tmp_path: Path, far: Path, daemon: Daemon) -> None:
    (far / "x").write_text("x")
    good = at(daemon, "x", "locked", "me@", PASSWORD)
    assert PASSWORD not in " ".join([*rsync.command(good, LIMITS), good.named(is_source=True)])
    assert fetch(good, str(tmp_path / "x"), LIMITS).size == 1
    with pytest.raises(StagingError, match="auth failed") as caught:
        fetch(good._replace(password="wrong pass"), str(tmp_path / "x"), LIMITS)
    assert "wrong pass" not in f"{caught.value} {caught.value.__cause__}"


def test_a_daemon_without_room_for_one_more_is_asked_again(tmp_path: Path, daemon: Daemon) -> None:
    with pytest.raises(StagingError, match=r"max connections.*tried 3 times"):
        fetch(at(daemon, "x", "busy"), str(tmp_path / "x"), LIMITS)


def test_where_nobody_listens_it_is_tried_again(tmp_path: Path, daemon: Daemon) -> None:
    nobody = Far("rsync://127.0.0.1:1/data/", "x")
    with pytest.raises(StagingError, match=r"ended with 10, the connection cannot be made.*tried 3 times"):
        fetch(nobody, str(tmp_path / "x"), LIMITS)
    with pytest.raises(StagingError, match=r"begins with a hyphen"):
        fetch(Far("-oProxyCommand=x:", "/x"), str(tmp_path / "x"), LIMITS)


def test_a_broken_transfer_is_gone_on_with(tmp_path: Path, far: Path) -> None:
    data = random.Random(2).randbytes(20_000_000)
    (far / "big").write_bytes(data)
    # The first shell passes on eight megabytes and breaks off; the second has only to tell what is missing.
    before = (
        f"marker = {str(tmp_path / 'broken')!r}\n"
        "if not os.path.exists(marker):\n"
        "    open(marker, 'w').close()\n"
        "    os.execvp('sh', ['sh', '-c', '(' + ' '.join(words[1:]) + ') | head -c 8000000'])"
    )
    moved = fetch(over_shell(tmp_path, far / "big", before), str(tmp_path / "here" / "big"), LIMITS)
    assert moved.tries == 2
    assert (tmp_path / "here" / "big").read_bytes() == data
    assert left(tmp_path / "here") == ["big"]


def test_one_whose_process_was_killed_is_gone_on_with_by_another(tmp_path: Path, far: Path) -> None:
    data = random.Random(3).randbytes(5_000_000)
    (far / "big").write_bytes(data)
    place = tmp_path / "here" / ".parsl_like"
    shell = over_shell(tmp_path, far / "big", "import time; open(os.environ['READY'], 'w').close(); time.sleep(600)")
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    words = [sys.executable, "-c", "import sys\nfrom parsl_like.remote.transfers.rsync import Far, fetch\n"]
    words[-1] += f"fetch(Far({shell.base!r}, {shell.path!r}, {shell.ssh!r}), {str(tmp_path / 'here' / 'big')!r})"
    killed = subprocess.Popen(words, env={**os.environ, "READY": str(ready)})
    ready.open().close()
    killed.kill()
    killed.wait(30)
    subprocess.run(["pkill", "-KILL", "-f", str(tmp_path / "shell.py")], check=False)
    assert place.exists()
    assert fetch(over_shell(tmp_path, far / "big"), str(tmp_path / "here" / "big"), LIMITS).size == len(data)
    assert (tmp_path / "here" / "big").read_bytes() == data
    assert left(tmp_path / "here") == ["big"]


def test_the_time_for_the_whole_is_kept_to_and_nothing_stays(tmp_path: Path, far: Path) -> None:
    (far / "x").write_text("x")
    silent = over_shell(
        tmp_path,
        far / "x",
        f"import time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)",
    )
    with pytest.raises(StagingError, match=r"it took longer than 1\.5 s"):
        fetch(silent, str(tmp_path / "x"), Limits(silence=60, total=1.5, tries=3))
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text()}/cmdline")
    assert not (tmp_path / "x").exists()


def test_a_side_that_falls_silent_is_noticed(tmp_path: Path, far: Path) -> None:
    (far / "x").write_text("x")
    silent = over_shell(tmp_path, far / "x", "import time; time.sleep(600)")
    with pytest.raises(StagingError, match=r"ended with 30, nothing came for too long.*tried 2 times"):
        fetch(silent, str(tmp_path / "x"), Limits(silence=1, tries=2, first_wait=0.01))


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("sys.stderr.write('Host key verification failed.'); sys.exit(255)", "255, ssh does not get there .Host key"),
        ("sys.stderr.write('sh: rsync: command not found'); sys.exit(127)", "rsync is not installed at the other side"),
    ],
)
def test_what_ssh_says_for_good_is_not_tried_again(before: str, sentence: str, tmp_path: Path, far: Path) -> None:
    with pytest.raises(StagingError, match=sentence) as caught:
        fetch(over_shell(tmp_path, far / "x", before), str(tmp_path / "x"), LIMITS)
    assert "tried" not in caught.value.reason


def test_ssh_is_given_its_options_and_never_a_prompt(tmp_path: Path, far: Path) -> None:
    (far / "x").write_text("x")
    place = over_shell(tmp_path, far / "x")
    fetch(place._replace(ssh=(*place.ssh, "-o", "IdentityFile=/my keys/it's")), str(tmp_path / "x"), LIMITS)
    told = (tmp_path / "told").read_text()
    assert "'-o', \"IdentityFile=/my keys/it's\", '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10'" in told
    assert "StrictHostKeyChecking" not in told, "what the user's configuration says counts"


def test_without_rsync_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StagingError, match="rsync cannot be started here: No such file or directory; is it installed"):
        fetch(Far("rsync://127.0.0.1:1/data/", "x"), str(tmp_path / "x"), LIMITS)


def test_steps_of_a_task_bring_once_and_take_away(tmp_path: Path, far: Path, daemon: Daemon) -> None:
    (far / "x").write_text("x")
    here = tmp_path / "here"
    bring = BringByRsync("x", at(daemon, "x"), str(here / "x"), "token", LIMITS)
    bring.before()
    (far / "x").write_text("changed")
    bring.before()
    assert (here / "x").read_text() == "x", "it was there"
    bring._replace(token="another").before()
    assert (here / "x").read_text() == "changed"
    take = TakeByRsync("y", at(daemon, "y"), str(here / "new" / "y"), "token", LIMITS)
    take.before()
    (here / "new" / "y").write_text("made")
    take.after()
    assert (far / "y").read_text() == "made"
    BringByRsync("y", at(daemon, "none"), str(here / "new" / "y"), "token", LIMITS).before()  # it need not come


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, far: Path, daemon: Daemon) -> None:
    (tmp_path / "x").write_text("as it was")
    (far / "x").write_bytes(bytes(100_000))
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from parsl_like.remote.transfers.rsync import Far, fetch\n"
        "from parsl_like.remote.transfers.limits import Limits\n"
        f"fetch(Far({at(daemon, 'x').base!r}, 'x'), {str(tmp_path / 'x')!r}, Limits(tries=1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert "File too large" in done.stderr, done.stderr
    assert "StagingError" in done.stderr
    assert (tmp_path / "x").read_text() == "as it was"
