"""What other users of the machine can see and do, where values and keys go, and what a shell makes of odd names."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
import zmq

import parsl_like
from parsl_like import bash_app, python_app
from parsl_like.addresses import own_addresses
from parsl_like.dataflow.errors import DependencyError
from parsl_like.errors import ConfigurationError, SerializationError, WorkerLost
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.keys import load_keys
from parsl_like.logconfigs.file import FileLogging
from tests.faults import processes, strangers
from tests.faults.conftest import local_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 60
HERE = Path(__file__).parent
NOBODY = 65534

MARKER = "vaLue-mArker-5f1c"
"""Stands for an argument that nobody else may see."""


@pytest.fixture
def load() -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel in a run directory of choice; it is cleaned up after the test."""
    loaded: list[DataFlowKernel] = []

    def make(run_dir: str | Path, **options: Any) -> DataFlowKernel:
        loaded.append(parsl_like.load(local_config(run_dir, **options)))
        return loaded[-1]

    yield make
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()


def need_root() -> None:
    """Only root can become somebody else."""
    if os.geteuid() != 0:
        reason = "only root can become another user"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@python_app
def hold(value: Any, path: str) -> int:
    """Holds a value until it is let go."""
    import os
    import time

    with open(path, "w"):
        pass
    while not os.path.exists(f"{path}.go"):
        time.sleep(0.01)
    return len(value)


@python_app
def twice(value: Any) -> Any:
    return value + value


@python_app
def fail(value: Any) -> None:
    raise RuntimeError("it did not work")


@python_app
def die(value: Any) -> None:
    import os

    os._exit(7)


@python_app
def pause(value: Any, walltime: float = 0.2) -> None:
    import time

    time.sleep(60)


@bash_app
def touch(path: str) -> str:
    import shlex

    return f"touch -- {shlex.quote(path)}"


@pytest.fixture
def common_ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody on the machine may enter, with a TMPDIR in which everybody may write."""
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="pl-everybody-"))
    place.chmod(0o755)
    (place / "tmp").mkdir()
    (place / "tmp").chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(place / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(place / "tmp"))
    yield place
    shutil.rmtree(place)


@pytest.fixture(params=["000", "077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    mask = int(request.param, 8)
    before = os.umask(mask)
    yield mask
    os.umask(before)


def everything(root: Path) -> list[Path]:
    return [root, *(Path(folder) / name for folder, folders, files in os.walk(root) for name in (*folders, *files))]


def family() -> list[int]:
    return [os.getpid(), *(pid for role in processes.MODULES for pid in processes.of(role))]


@pytest.mark.parametrize("options", [{}, {"transport": "tcp"}], ids=["default", "tcp"])
@pytest.mark.fault(
    "security",
    "another user of the machine, whatever the umask of the run",
    "sees no file, socket, descriptor, memory or environment of it, and changes nothing",
    bound=20,
)
def test_another_user(
    common_ground: Path, umask: int, options: dict[str, Any], load: Callable[..., DataFlowKernel], stopwatch: Stopwatch
) -> None:
    need_root()
    run = load(str(common_ground / "runinfo"), **options)
    path = common_ground / "task"
    large = hold(bytearray(MARKER.encode() * 500_000), str(path))
    processes.until(path.exists, WAIT)
    paths = [*everything(Path(run.run_dir)), *everything(common_ground / "tmp")[1:]]
    sockets = [str(path) for path in paths if stat.S_ISSOCK(path.lstat().st_mode)]
    assert len(sockets) == (0 if options else 4)
    assert any("parsl_like-segment" in os.readlink(link) for pid in family() for link in _descriptors(pid))
    folders = [str(path) for path in paths if path.is_dir()]
    asked = {"paths": [*map(str, paths)], "sockets": sockets, "pids": family(), "folders": folders}
    with stopwatch:
        told = subprocess.run(
            [sys.executable, str(HERE / "scripts" / "somebody_else.py")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
            timeout=stopwatch.limit,
        )
    assert json.loads(told.stdout) == []
    assert not [name for name in os.listdir("/dev/shm") if "parsl" in name.lower()]
    Path(f"{path}.go").touch()
    assert large.result(WAIT) == 500_000 * len(MARKER)


def _descriptors(pid: int) -> list[str]:
    return [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]


@pytest.mark.fault(
    "security", "a run under the umask 000, and under 077", "its files and folders are its user's alone", bound=10
)
def test_modes(
    umask: int,
    tmp_path: Path,
    load: Callable[..., DataFlowKernel],
    monkeypatch: pytest.MonkeyPatch,
    stopwatch: Stopwatch,
) -> None:
    logs = tmp_path / "logs"
    with stopwatch:
        run = load(str(tmp_path / "runs" / "mine"), worker_logdir_root=str(logs))
        assert twice(2).result(WAIT) == 4
    for folder in (tmp_path / "runs", tmp_path / "runs" / "mine", logs):
        assert not folder.stat().st_mode & 0o022
    private = [Path(run.run_dir), *(path for path in everything(logs)[1:] if path.is_dir())]
    certificates = Path(run.run_dir) / "htex" / "certificates"
    private += [certificates, *(Path(run.run_dir) / "submit_scripts").glob("*.files")]
    assert len(private) > 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}
    secret = [*certificates.iterdir(), *(Path(run.run_dir) / "submit_scripts").glob("*.files/*")]
    secret += [
        path for path in (Path(run.run_dir) / "submit_scripts").iterdir() if path.suffix in (".out", ".err", ".ec")
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    sockets = [path.parent for path in everything(Path(tempfile.gettempdir())) if path.is_socket()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in sockets} == {0o700}


@pytest.mark.fault("security", "a node is given a key", "a manager's alone; nothing of the driver's is there", bound=10)
def test_keys_on_a_node(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    with stopwatch:
        assert twice(2).result(WAIT) == 4
    directory = Path(run.run_dir) / "htex" / "certificates"
    keys = {role: load_keys(directory, role) for role in ("driver", "interchange", "manager")}
    (given,) = (Path(run.run_dir) / "submit_scripts").glob("*.files")
    assert [path.name for path in given.iterdir()] == ["manager.key"]
    text = (given / "manager.key").read_text()
    assert keys["manager"].secret.decode() in text
    for foreign in (keys["driver"].secret, keys["driver"].public, keys["interchange"].secret):
        assert foreign.decode() not in text
    run.cleanup()
    assert not directory.exists()
    assert not given.exists()


# --- where values go


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
@pytest.mark.fault(
    "security",
    "arguments, results and keys of tasks that work, fail, die and time out",
    "they are in no log, command line, environment, repr or message, at INFO and at DEBUG",
    bound=30,
)
def test_values_stay_private(
    tmp_path: Path, level: str, make_run: Callable[..., Any], caplog: pytest.LogCaptureFixture, stopwatch: Stopwatch
) -> None:
    caplog.set_level(logging.DEBUG)
    run = make_run(
        worker_debug=level == "DEBUG",
        initialize_logging=FileLogging(level=getattr(logging, level)),
        retries=1,
        heartbeat_period=1,
    )
    secrets = [MARKER, *_secrets(Path(run.run_dir))]
    assert len(secrets) > 5
    seen: list[str] = []
    with stopwatch:
        large = [MARKER * 50_000]
        futures: list[Any] = [twice(MARKER), twice(value=large), twice([MARKER] * 3), fail(MARKER), die(MARKER)]
        futures += [pause(MARKER), twice(fail(MARKER)), twice(Unpicklable()), twice(open)]
        seen += [repr(future) for future in futures]
        assert futures[0].result(WAIT) == MARKER * 2
        assert futures[1].result(WAIT) == large * 2
        for future, kind in zip(futures[3:], (RuntimeError, WorkerLost, Exception, DependencyError), strict=False):
            error = future.exception(WAIT)
            assert isinstance(error, kind)
            seen += _said(error)
        seen += _said(futures[-2].exception(WAIT))
        assert isinstance(futures[-2].exception(WAIT), SerializationError)
        futures[-1].exception(WAIT)
    seen += [repr(future) for future in futures]
    seen += [repr(future.task_record) for future in futures if hasattr(future, "task_record")]
    seen += [repr(run), repr(run.status()), repr(run.config), caplog.text, *_process_table()]
    leaks = [(secret, text) for text in seen for secret in secrets if secret in text]
    assert not leaks
    run.cleanup()
    kept = Path(run.run_dir) / "failed"  # what failed tasks were called with, to be looked at by their user
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    for path in everything(Path(run.run_dir)):
        if path.is_file() and path.parent != kept:
            text = path.read_text(errors="replace")
            assert not [secret for secret in secrets if secret in text], path
    assert level == "INFO" or "DEBUG" in (Path(run.run_dir) / "parsl_like.log").read_text()


class Unpicklable:
    """Cannot be sent, and would tell a secret to whoever asks what it is."""

    def __reduce__(self) -> Any:
        raise TypeError("it does not like to travel")

    def __repr__(self) -> str:
        return MARKER


def _said(error: BaseException | None) -> list[str]:
    """All that an exception says, with its notes and causes, as people see them."""
    found: list[str] = []
    while error is not None:
        found += [str(error), repr(error), *getattr(error, "__notes__", ())]
        error = error.__cause__
    return found


def _secrets(run_dir: Path) -> list[str]:
    directory = run_dir / "htex" / "certificates"
    contents = [json.loads(path.read_text()) for path in directory.iterdir()]
    return [content[name] for content in contents for name in ("public", "secret")]


def _process_table() -> list[str]:
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            with suppress(OSError):
                found += [Path(f"/proc/{pid}/{name}").read_text(errors="replace") for name in ("cmdline", "environ")]
    return found


# --- nothing is unpickled where it need not be


@pytest.mark.fault(
    "security",
    "pickles in every field of every message, from a holder of a manager's key",
    "interchange and manager rebuild nothing, in this or any other run",
    bound=20,
)
def test_nothing_is_unpickled_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., Any], stopwatch: Stopwatch
) -> None:
    notes = tmp_path / "pickles"
    notes.mkdir()
    monkeypatch.setenv("PARSL_LIKE_TEST_PICKLES", str(notes))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE / "scripts"), os.environ["PYTHONPATH"]]))
    run = make_run(transport="tcp", heartbeat_period=1, heartbeat_threshold=10)
    assert [twice(complex(number)).result(WAIT) for number in range(20)] == [complex(2 * n) for n in range(20)]
    assert any((notes / str(pid)).exists() for pid in processes.of("worker")), "the audit works"
    keys = load_keys(Path(run.run_dir) / "htex" / "certificates", "manager")
    bomb = pickle.dumps(strangers.Bomb(tmp_path / "bomb"))
    context: zmq.Context[Any] = zmq.Context()
    with ExitStack() as stack, stopwatch:
        stack.callback(context.term)
        thieves = []
        for host, port in strangers.doors()["interchange"]:
            thief = stack.enter_context(context.socket(zmq.DEALER))
            thief.setsockopt(zmq.LINGER, 1000)
            thief.setsockopt(zmq.ROUTING_ID, b"thief")
            strangers.with_stolen(keys, keys.peers["interchange"])(thief)
            thief.connect(f"tcp://{host}:{port}")
            for frame in (frame for kind in _kinds() for frame in _armed(kind, bomb)):
                thief.send_multipart([frame])
                thief.send_multipart([frame, bomb, bomb])
            thieves.append(thief)
        for thief in thieves:
            thief.send(protocol.encode(protocol.Heartbeat(1.0)))
        assert any(thief.poll(5_000) for thief in thieves), "it is answered when it speaks properly"
        assert twice(complex(5)).result(WAIT) == complex(10)
    assert not (tmp_path / "bomb").exists()
    for pid in (processes.one("interchange"), processes.one("manager")):
        assert not (notes / str(pid)).exists()
    health = run.status()["executors"]["htex"]
    assert (health["managers"], health["lost"], health["restarts"]) == (1, 0, 0)
    assert health["dropped"]


def _kinds() -> list[type[protocol.Message]]:
    return list(protocol.AnyMessage.__args__)  # type: ignore[attr-defined]


def _armed(kind: type[protocol.Message], bomb: bytes) -> list[bytes]:
    """A message of a kind, with a pickle in each of its fields in turn, as whatever fits there and as what does not."""
    tag = kind.__struct_config__.tag
    width = len(kind.__struct_fields__)
    blank: dict[str, Any] = {"str": "", "bool": True}
    fields = [blank.get(str(kind.__annotations__[name]), 1) for name in kind.__struct_fields__]
    frames = []
    for place in range(width):
        for value in (
            bomb,
            [bomb],
            bomb.decode("latin-1"),
            [[1, b"h" * 16, bomb]],
            {"a": bomb},
            msgspec.msgpack.Ext(1, bomb),
        ):
            frames.append(msgspec.msgpack.encode([tag, *fields[:place], value, *fields[place + 1 :]]))
    return frames


# --- what a shell makes of names

ODD = "a b'c\"d$(touch evil)`touch evil`;touch evil;&|<>*?~{x,y}%{options}"


@pytest.mark.parametrize(
    "name", [ODD, "line\ntouch evil\n", "-rf", "ü €"], ids=["quotes", "newline", "option", "letters"]
)
@pytest.mark.fault(
    "security",
    "spaces, quotes, $(...), semicolons and newlines in paths and names",
    "taken as they are, or refused by name; nothing of them runs",
    bound=20,
)
def test_odd_names(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    load: Callable[..., DataFlowKernel],
    stopwatch: Stopwatch,
) -> None:
    place = tmp_path / name
    place.mkdir()
    monkeypatch.chdir(place)
    with stopwatch:
        run = load(
            place / name,
            worker_logdir_root=str(tmp_path / f"logs {name}"),
            worker_debug=True,
            transport="tcp",
        )
        assert twice(2).result(WAIT) == 4
        assert touch(str(place / f"{name}.txt")).result(WAIT) == 0
    assert Path(run.run_dir) == place / name / "000"
    assert [path for path in everything(tmp_path / f"logs {name}") if path.name == "manager.log"]
    run.cleanup()
    assert not list(tmp_path.rglob("evil"))
    assert (place / f"{name}.txt").exists()


@pytest.mark.parametrize(
    ("label", "fits"),
    [
        ("a b'$(touch evil);\"`touch evil`", True),
        ("line\ntouch evil", False),
        ("../evil", False),
        ("", False),
        ("-l", True),
    ],
)
@pytest.mark.fault(
    "security", "shell text in an executor's label", "taken as it is, or refused by name; nothing of it runs", bound=20
)
def test_odd_labels(label: str, fits: bool, tmp_path: Path, stopwatch: Stopwatch) -> None:
    with stopwatch:
        config = local_config(tmp_path / "runinfo")
        (executor,) = config.executors
        executor.label = label
        if not fits:
            with pytest.raises(ConfigurationError, match="label"), parsl_like.load(config):
                pass
            return
        with parsl_like.load(config):
            assert twice(2).result(WAIT) == 4
    assert not list(tmp_path.rglob("evil")) + list(Path.cwd().rglob("evil"))


# --- where it listens


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.fault("security", "an address was given", "that one is listened at, and never all of them", bound=10)
def test_the_address_that_was_given(encrypted: bool, make_run: Callable[..., Any], stopwatch: Stopwatch) -> None:
    address = next((a for a in own_addresses(ipv6=False) if not a.startswith("127.")), "127.0.0.2")
    with stopwatch:
        run = make_run(transport="tcp", encrypted=encrypted, address=address)
        assert twice(2).result(WAIT) == 4
    found = strangers.doors()
    assert {host for host, _ in found["interchange"]} == {address}
    assert {host for host, _ in found["driver"]} == {"127.0.0.1"}
    assert bool(_warnings(run)) is not encrypted


@pytest.mark.parametrize("transport", [None, "tcp"])
@pytest.mark.fault(
    "security",
    "encryption is switched off",
    "loopback only, a password still, a warning in the log, the status and at the end",
    bound=10,
)
def test_without_encryption(
    transport: str | None,
    make_run: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    stopwatch: Stopwatch,
) -> None:
    with stopwatch:
        run = make_run(transport=transport, encrypted=False)
        assert twice(2).result(WAIT) == 4
    hosts = {
        connection.laddr.ip
        for pid in family()
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert hosts == {"127.0.0.1"}
    assert "NOT encrypted" in _warnings(run)
    assert "NOT encrypted" in caplog.text
    run.cleanup()
    assert "NOT encrypted" in capfd.readouterr().err


def _warnings(run: DataFlowKernel) -> str:
    return "\n".join(trouble["text"] for trouble in run.status()["executors"]["htex"]["troubles"])


# --- what others have put there


@pytest.mark.fault(
    "security",
    "run and log folders that somebody else has planted, or that anybody can change",
    "refused, with their name and what is wrong",
    bound=30,
)
def test_planted_folders(common_ground: Path, load: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    need_root()
    everywhere = common_ground / "tmp"
    planted = everywhere / "runinfo"
    planted.mkdir()
    os.chown(planted, NOBODY, NOBODY)
    link = everywhere / "link"
    link.symlink_to(common_ground)
    os.lchown(link, NOBODY, NOBODY)
    open_to_all = common_ground / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with stopwatch:
        for place, what in (
            (planted, "another user"),
            (planted / "deeper", "another user"),
            (link, "another user"),
            (open_to_all, "anybody can change"),
        ):
            with pytest.raises(ConfigurationError, match=f"{place.name}|{place.parent.name}.*{what}"):
                load(str(place))
        run = load(str(common_ground / "mine"), worker_logdir_root=str(planted))
        error = twice(2).exception(WAIT)
        assert "another user" in str(error)
        assert "runinfo" in str(error)
    assert os.listdir(planted) == []
    run.cleanup()
    assert Path(run.run_dir).stat().st_mode & 0o077 == 0


@pytest.mark.fault(
    "security",
    "folders and links named like those of sockets, planted in TMPDIR; a TMPDIR that anybody can change",
    "not used; the run has a folder of its own, or one elsewhere",
    bound=20,
)
def test_planted_socket_folders(
    common_ground: Path, load: Callable[..., DataFlowKernel], monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch
) -> None:
    need_root()
    for name in ("pl-", "pl-aaaaaaaa"):
        (common_ground / "tmp" / name).mkdir()
        os.chown(common_ground / "tmp" / name, NOBODY, NOBODY)
    with stopwatch:
        load(str(common_ground / "mine")).cleanup()
        (common_ground / "tmp").chmod(0o777)
        load(str(common_ground / "mine"))
        assert twice(2).result(WAIT) == 4
        sockets = {
            os.path.dirname(connection.laddr)
            for pid in family()
            for connection in psutil.Process(pid).net_connections("unix")
            if connection.status == psutil.CONN_NONE and "manager-" in str(connection.laddr)
        }
    assert len(sockets) == 1
    assert not next(iter(sockets)).startswith(str(common_ground))
    assert sorted(path.name for path in (common_ground / "tmp").iterdir()) == ["pl-", "pl-aaaaaaaa"]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda key: key.chmod(0o640), "0600"),
        (lambda key: key.chmod(0o602), "0600"),
        (lambda key: os.chown(key, NOBODY, NOBODY), f"not of {NOBODY}"),
        (lambda key: key.parent.chmod(0o770), "directory"),
        (lambda key: key.parent.chmod(0o703), "directory"),
        (lambda key: os.chown(key.parent, NOBODY, NOBODY), "directory"),
        (lambda key: (key.rename(key.with_suffix(".real")), key.symlink_to(key.with_suffix(".real"))), ""),
        (lambda key: (key.unlink(), os.mkfifo(key, 0o600)), "regular file"),
        (lambda key: key.write_bytes(bytes(1 << 20)), "bytes"),
    ],
    ids=["group", "others", "owner", "folder-group", "folder-others", "folder-owner", "link", "pipe", "size"],
)
@pytest.mark.fault(
    "security", "a key that somebody else may have written or read", "a manager refuses it, and says why", bound=10
)
def test_spoilt_keys(
    spoil: Callable[[Path], object], complaint: str, tmp_path: Path, make_run: Callable[..., Any], stopwatch: Stopwatch
) -> None:
    need_root()
    wrapper = tmp_path / "wait.sh"
    wrapper.write_text('until [ -e "$1" ]; do sleep 0.05; done; shift; exec "$@"')
    command = f"bash {wrapper} {tmp_path / 'go'} {sys.executable} -m {processes.MODULES['manager']}"
    with stopwatch:
        run = make_run(launch_cmd=command, transport="tcp")
        key = Path(run.run_dir) / "htex" / "certificates" / "manager.key"
        processes.until(lambda: list(Path(run.run_dir).glob("submit_scripts/*.err")), WAIT)
        (said,) = Path(run.run_dir).glob("submit_scripts/*.err")
        spoil(key)
        (tmp_path / "go").touch()
        processes.until(lambda: "manager: " in said.read_text(), stopwatch.limit)
    text = said.read_text()
    assert complaint in text
    assert ("certificates" if complaint == "directory" else "manager.key") in text
    assert run.status()["executors"]["htex"]["managers"] == 0
