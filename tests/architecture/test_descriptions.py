"""Every description is inert: a value that touches nothing, says what it is, and refuses changes once it is sealed."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import os
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.core.description import Description
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.data_provider.files import File
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.launchers import SingleNodeLauncher
from parsl_like.providers import LocalProvider

ROOT = Path(__file__).resolve().parent.parent.parent

# Classes that cannot be built without arguments, and those that hold others: what to build, by class.
EXAMPLES = {
    "Config": [
        "Config()",
        "Config([ThreadPoolExecutor('a', 3), HighThroughputExecutor('b')], retries=2, run_dir='x')",
    ],
    "HighThroughputExecutor": [
        "HighThroughputExecutor()",
        "HighThroughputExecutor('h', LocalProvider(worker_init='true', launcher=SimpleLauncher()), worker_port=50000,"
        " available_accelerators=['a', 'b'], storage_access=[NoOpFileStaging()], interchange_launch_cmd=['x', 'y'],"
        " manager_selector=BlockIdManagerSelector())",
    ],
    "WrappedLauncher": ["WrappedLauncher('env A=1')"],
    "AWSProvider": ["AWSProvider('ami-1', 'key')"],
    "AdHocProvider": ["AdHocProvider([SSHChannel('a', envs={'A': '1'})])"],
    "AzureProvider": ["AzureProvider({'vm_size': 'small'})"],
    "CondorProvider": ["CondorProvider(environment={'A': '1'}, transfer_input_files=['x'])"],
    "GoogleCloudProvider": ["GoogleCloudProvider('p', 'key.json', 'r', 'os', 'family')"],
    "KubernetesProvider": ["KubernetesProvider('image', persistent_volumes=[('claim', '/data')])"],
    "OAuthSSHChannel": ["OAuthSSHChannel('h')"],
    "OpenSSHChannel": ["OpenSSHChannel('h')", "OpenSSHChannel('h', envs={'A': '1'}, options=['Compression=yes'])"],
    "SSHChannel": ["SSHChannel('h', envs={'A': '1'})"],
    "SSHInteractiveLoginChannel": ["SSHInteractiveLoginChannel('h')"],
    "GlobusComputeExecutor": ["GlobusComputeExecutor(ThreadPoolExecutor('remote'))"],
    "GlobusStaging": ["GlobusStaging('7d2dc622-2edb-11e8-b8be-0ac6873fc732')"],
    "MPIExecutor": ["MPIExecutor()", "MPIExecutor('m', LocalProvider(), mpi_launcher='srun', transport='tcp')"],
    "RSyncStaging": ["RSyncStaging('login.example.org')"],
    "RadicalPilotExecutor": ["RadicalPilotExecutor('local.localhost', cores=4)"],
    "TaskVineExecutor": [
        "TaskVineExecutor()",
        "TaskVineExecutor(manager_config=TaskVineManagerConfig(env_vars={'A': '1'}),"
        " storage_access=[ZipFileStaging()])",
    ],
    "UDPRadio": ["UDPRadio(address='10.0.0.1')"],
}
# What describes something that only a running program has cannot be written down.
NOT_WRITTEN = {"PoolExecutor"}


def modules() -> list[str]:
    found = pkgutil.walk_packages([str(ROOT / "parsl_like")], "parsl_like.")
    return [
        module.name for module in found if not module.name.startswith(("parsl_like.testing", "parsl_like.__main__"))
    ]


def descriptions() -> dict[str, type[Description]]:
    """Every class of description in the package, by name."""
    for name in modules():
        importlib.import_module(name)
    found, left = {}, [Description]
    while left:
        for cls in left.pop().__subclasses__():
            left.append(cls)
            # A class is there to be built if it is a dataclass of its own; others are bases for users.
            if cls.__module__.startswith("parsl_like.") and "__dataclass_fields__" in vars(cls):
                found[cls.__name__] = cls
    return found


CLASSES = descriptions()
NAMES: dict[str, Any] = {**CLASSES, "File": File, "NoOpFileStaging": NoOpFileStaging}
TEXTS = [text for name in sorted(set(CLASSES) - NOT_WRITTEN) for text in EXAMPLES.get(name, [f"{name}()"])]


def build(text: str) -> Any:
    return eval(text, dict(NAMES))


def test_examples_are_of_classes_that_are_there() -> None:
    assert set(EXAMPLES) | NOT_WRITTEN <= set(CLASSES)
    assert {"Config", "ThreadPoolExecutor", "HighThroughputExecutor", "LocalProvider"} <= set(CLASSES)


# --- nothing is touched

PROGRAM = f"""
import copy, importlib, json, pickle, sys, threading
sys.path.insert(0, {str(ROOT)!r})
modules, texts, offender = json.loads(sys.argv[1])
names = {{}}
for module in modules:
    names.update(vars(importlib.import_module(module)))
exec(offender)
names.update(globals())

watched = ("socket.", "subprocess.", "os.", "shutil.", "tempfile.", "sqlite3.", "urllib.", "ctypes.", "signal.",
           "glob.", "_thread.start", "pathlib.")
seen, watching = [], False

def imports_something(event, args):
    # A function may import what it needs; nothing else is read.
    if event == "open":
        return str(args[0]).endswith((".py", ".pyc")) and args[1] in ("r", "rb", None)
    return event in ("os.listdir", "os.scandir") and str(args[0]) in importing

def hook(event, args):
    if watching and (event == "open" or event.startswith(watched)) and not imports_something(event, args):
        seen.append(f"{{what}}: {{event}} {{args[:2]}}")

importing = set(sys.path) | {{str(p) for m in list(sys.modules.values()) for p in getattr(m, "__path__", ())}}
sys.addaudithook(hook)
threads = threading.active_count()
for what in texts:
    watching = True
    one, other = eval(what, names), eval(what, names)
    one == other, repr(one)
    for name in getattr(one, "__dataclass_fields__", ()):
        if name in vars(one):
            setattr(one, name, getattr(one, name))
    copy.copy(one), copy.deepcopy(one)
    pickle.loads(pickle.dumps(one))
    sealed = one.sealed() if hasattr(one, "sealed") else one
    repr(sealed), sealed == one, copy.copy(sealed)
    pickle.loads(pickle.dumps(sealed))
    watching = False
if threading.active_count() != threads:
    seen.append("a thread was started")
print(json.dumps(seen))
"""


def touched(texts: list[str], offender: str = "") -> list[str]:
    """What a fresh interpreter opens, starts or looks up while it builds, changes, copies and seals."""
    homes = sorted({cls.__module__ for cls in CLASSES.values()} | {"parsl_like.data_provider.file_noop"})
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([[*homes, "parsl_like.data_provider.files"], texts, offender])],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_no_description_opens_a_file_a_socket_or_a_process() -> None:
    assert touched([*TEXTS, "NoOpFileStaging()", "File('http://h/x')", "File('x')"]) == []


@pytest.mark.parametrize(
    "line",
    [
        "open('/etc/hostname')",
        "open('x.py', 'w')",
        "__import__('socket').socket()",
        "__import__('os').listdir('/')",
        "__import__('os').makedirs('made', exist_ok=True)",
        "__import__('subprocess').run(['true'])",
        "__import__('tempfile').TemporaryFile().close()",
        "__import__('threading').Thread(target=__import__('time').sleep, args=(5,), daemon=True).start()",
    ],
)
def test_one_that_does_would_be_seen(line: str) -> None:
    assert touched(["Offender()"], f"class Offender:\n def __init__(self):\n  {line}\n") != []


# --- values


@pytest.mark.parametrize("text", TEXTS)
def test_it_says_what_it_is(text: str) -> None:
    description = build(text)
    assert build(repr(description)) == description
    assert repr(build(repr(description))) == repr(description)


@pytest.mark.parametrize("text", TEXTS)
def test_equal_ones_are_equal_wherever_they_have_been(text: str) -> None:
    description = build(text)
    assert build(text) == description
    assert pickle.loads(pickle.dumps(description)) == description
    assert copy.copy(description) == description
    assert copy.deepcopy(description) == description
    assert description != object()


@pytest.mark.parametrize("text", TEXTS)
def test_a_field_that_does_not_exist_is_refused_with_the_nearest_name(text: str) -> None:
    description = build(text)
    for field in dataclasses.fields(description):
        wrong = f"{field.name}x"
        with pytest.raises(ConfigurationError, match=rf"has no field '{wrong}'.*did you mean '\w+'"):
            setattr(description, wrong, None)
    with pytest.raises(ConfigurationError, match="has no field 'zzzzzz'"):
        description.zzzzzz = None


# --- sealing


def parts(value: object) -> list[Any]:
    """A value, and everything in its fields and containers."""
    found: list[Any] = [value]
    if isinstance(value, Description):
        for field in dataclasses.fields(value):
            found += parts(getattr(value, field.name, None))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            found += parts(item)
    elif isinstance(value, dict):
        for item in value.values():
            found += parts(item)
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_sealing_is_deep_and_shares_nothing_that_can_change(text: str) -> None:
    description = build(text)
    original = {id(part) for part in parts(description) if isinstance(part, Description | list | dict | set)}
    sealed = description.sealed()
    assert sealed.is_sealed
    assert not description.is_sealed
    for part in parts(sealed):
        assert id(part) not in original, part
        assert not isinstance(part, list | set), part
        if isinstance(part, Description):
            assert part.is_sealed, part


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_sealed_refuses_every_assignment(text: str) -> None:
    sealed = build(text).sealed()
    for field in dataclasses.fields(sealed):
        before = getattr(sealed, field.name, None)
        with pytest.raises(ConfigurationError, match="the run has started"):
            setattr(sealed, field.name, before)


@pytest.mark.parametrize("text", TEXTS)
def test_a_copy_of_what_is_sealed_can_be_changed_again(text: str) -> None:
    sealed = build(text).sealed()
    for twin in (copy.copy(sealed), pickle.loads(pickle.dumps(sealed))):
        assert not twin.is_sealed
        assert twin == sealed
        for field in dataclasses.fields(twin):
            if field.init:
                setattr(twin, field.name, getattr(twin, field.name))


def test_what_is_assigned_before_the_run_counts_and_afterwards_not() -> None:
    config = Config([HighThroughputExecutor(provider=LocalProvider())])
    executor: Any = config.executors[0]  # type: ignore[index]
    config.retries = 3
    executor.provider.worker_init = "module load x"
    executor.provider.launcher = SingleNodeLauncher(debug=False)
    executor.label = "mine"
    sealed = config.sealed()
    inner: Any = sealed.executors[0]  # type: ignore[index]
    assert (sealed.retries, inner.label, inner.provider.worker_init) == (3, "mine", "module load x")
    assert inner.provider.launcher == SingleNodeLauncher(debug=False)
    config.retries = 4
    executor.provider.worker_init = "too late"
    config.executors.append(ThreadPoolExecutor())  # type: ignore[union-attr]
    assert (sealed.retries, inner.provider.worker_init, len(sealed.executors)) == (3, "module load x", 1)  # type: ignore[arg-type]
    assert config.sealed().executors[1] == ThreadPoolExecutor()  # type: ignore[index]


def test_a_list_that_the_program_keeps_is_its_own() -> None:
    access: list[Any] = [NoOpFileStaging()]
    executors = [ThreadPoolExecutor(storage_access=access)]
    config = Config(executors)
    sealed = config.sealed()
    access.clear()
    executors.clear()
    for known in (config, sealed):
        assert list(known.executors[0].storage_access) == [NoOpFileStaging()]  # type: ignore[index, union-attr, arg-type]


def test_every_public_name_of_the_root_that_is_a_description_is_among_them() -> None:
    public = [getattr(parsl_like, name) for name in ("Config", "ThreadPoolExecutor", "HighThroughputExecutor")]
    assert all(cls in CLASSES.values() for cls in public)
